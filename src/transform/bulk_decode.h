// Whole tensors as floats, several in one go on all threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
};

// At most this many values in one call are decoded by the caller alone: waking other threads would take
// longer.
inline constexpr uint64_t kSerialValues = 1 << 15;

// Sets the bytes of all `tensors`, as one piece of work that the pool's threads share. Threads that have
// nothing left to do bring the first stored bytes of `next` (may be null) into their caches.
Status decode_tensors(ThreadPool& pool, std::span<DecodedTensor* const> tensors,
                      const TensorView* next = nullptr);

// One tensor on this thread alone. go_on(), asked every few thousand values, may end it: false then, and the
// bytes are not all set.
Result<bool> decode_while(const DecodedTensor& out, const std::function<bool()>& go_on);

}  // namespace nibble
