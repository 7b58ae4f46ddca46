// Weights as floats for whoever needs them: a tensor or a whole layer in one call, decoded on all threads,
// kept in a cache with a byte limit; a background thread decodes what the pattern of accesses points to.
// Programs outside use it through include/nibble/weights.h (docs/weights.md).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "transform/access_pattern.h"
#include "transform/bulk_decode.h"
#include "transform/reuse_cache.h"

namespace nibble {

struct DequantOptions {
  // Of decoded tensors that the engine itself holds, a quarter of it for those decoded ahead.
  uint64_t cache_bytes = uint64_t{512} << 20;
  FormatId format = FormatId::kF32;  // of the results: F32, F16 or BF16
  int threads = 1;                   // the caller's included; the background thread comes on top
  bool warm_next_layer = true;
};

struct DequantStats {
  uint64_t hits = 0, misses = 0;               // tensors asked for, and those of them that had to be decoded
  uint64_t bytes_decoded = 0;                  // of results, the background thread's included
  uint64_t evictions = 0;                      // of the cache
  uint64_t cached_bytes = 0, ahead_bytes = 0;  // held now: in the cache, decoded ahead
  // Tensors decoded ahead; those asked for since, and those dropped unasked, finished or not. The rest waits.
  uint64_t warmed = 0, warmed_used = 0, warmed_wasted = 0;
  // Tensors whose stored bytes were sent for while the one before was decoded; whether they were the next
  // decoded.
  uint64_t prefetched = 0, prefetch_used = 0, prefetch_wasted = 0;
};

// May be used by several threads; calls that decode take turns, and what one decodes serves all that wait for
// it. What was given out stays valid while it is held, in the cache or not.
class DequantEngine {
 public:
  using Decoded = std::shared_ptr<const DecodedTensor>;
  // kInvalidArgument: a format of results that is not one of floats.
  static Result<std::unique_ptr<DequantEngine>> create(std::shared_ptr<const GgufFile> file,
                                                       const DequantOptions& options);
  ~DequantEngine();

  // kNotFound: no such tensor or layer; kLimit: no memory for the floats.
  Result<Decoded> tensor(std::string_view name);
  // The tensors named "blk.<layer>.*", in file order; what is missing is decoded in one go on all threads.
  Result<std::vector<Decoded>> layer(int layer);
  // How many layer() gives; 0: no such layer.
  size_t layer_size(int layer) const { return pattern_.layer(layer).size(); }
  const GgufFile& file() const { return *file_; }
  DequantStats stats() const;
  // Returns when the background thread has nothing to do (tests, measurements).
  void wait_for_warming();

 private:
  DequantEngine(std::shared_ptr<const GgufFile> file, const DequantOptions& options);
  uint64_t bytes_of(size_t index) const;
  Result<std::vector<Decoded>> fetch(std::span<const size_t> indices);
  Decoded take_ready(size_t index);
  struct Missing {
    size_t at, index;                  // in the call, in the file
    std::shared_ptr<DecodeWork> work;  // the background thread's, where it is at it
  };
  Status decode_missing(std::vector<Missing> missing, std::vector<Decoded>& all);
  const TensorView* send_for_next(std::span<const Missing> missing);
  bool resident(size_t index) const;
  void follow_pattern();
  bool can_warm() const;
  void warm(const std::stop_token& stop);

  std::shared_ptr<const GgufFile> file_;
  DequantOptions options_;
  uint64_t ahead_limit_;
  ThreadPool pool_;
  std::mutex decoding_;  // the pool runs one thing at a time; taken before mutex_

  mutable std::mutex mutex_;  // the rest
  std::condition_variable_any changed_;
  AccessPattern pattern_;
  ReuseCache<size_t, DecodedTensor> cache_;
  std::vector<std::weak_ptr<const DecodedTensor>>
      alive_;                        // of all tensors: what callers hold is not decoded again
  std::map<size_t, Decoded> ahead_;  // warmed and not asked for yet
  uint64_t ahead_bytes_ = 0;         // of those, and of the one in work
  std::vector<size_t> to_warm_;
  std::optional<size_t> warming_;  // in work on the background thread
  std::shared_ptr<DecodeWork> warming_work_;
  bool joined_ = false;                // by a call that wants that tensor
  std::atomic<bool> abandon_ = false;  // nobody does: the background thread is to stop with it
  std::optional<size_t> sent_for_;     // stored bytes, while the tensor before was decoded
  DequantStats stats_;
  std::jthread warmer_;
};

}  // namespace nibble
