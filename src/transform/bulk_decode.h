// Whole tensors as floats, several in one go on all threads.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "base/error.h"
#include "base/thread_pool.h"
#include "formats/tensor_view.h"

namespace nibble {

class DecodedTensor {
 public:
  // Room for all values of the tensor, not set yet. kLimit: there is no memory for it.
  static Result<std::shared_ptr<DecodedTensor>> allocate(const TensorView& tensor, FormatId format);
  const TensorView* source = nullptr;      // must outlive it
  FormatId format = FormatId::kF32;        // F32, F16 or BF16
  std::span<std::byte> bytes;              // aligned to 64
  std::span<const float> floats() const {  // of F32
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte[], Free> memory_;
};

// A tensor that is being decoded by all who take part: each takes strips of rows until none is left.
class DecodeWork {
 public:
  explicit DecodeWork(std::shared_ptr<DecodedTensor> out);
  const std::shared_ptr<DecodedTensor>& out() const { return out_; }
  // Until all rows are taken, or go_on(), asked before each strip, says no.
  void take_part(const std::function<bool()>& go_on = {});
  // All rows are set.
  bool finished() const { return done_.load(std::memory_order_acquire) == strips_; }
  // For who took part until all rows were taken: returns when the others are done with theirs.
  Status wait();

 private:
  Status decode_strip(uint64_t strip) const;
  const std::shared_ptr<DecodedTensor> out_;
  const uint64_t strip_rows_, strips_;
  std::atomic<uint64_t> taken_ = 0, done_ = 0;
  std::mutex mutex_;
  Status status_;  // the last error of any
};

// At most this many values in one call are decoded by the caller alone: waking other threads would take
// longer.
inline constexpr uint64_t kSerialValues = 1 << 15;

// Finishes all works on all threads of the pool, whatever others have done of them or still do. Threads that
// have nothing left to do bring the first stored bytes of `next` (may be null) into their caches.
Status decode_together(ThreadPool& pool, std::span<const std::shared_ptr<DecodeWork>> works,
                       const TensorView* next = nullptr);

}  // namespace nibble
