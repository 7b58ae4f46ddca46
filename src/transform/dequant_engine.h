// Weights as floats for whoever needs them: a tensor or a whole layer in one call, decoded on all threads,
// kept in a cache with a byte limit; a background thread decodes the layer that the pattern of accesses
// points to.
#pragma once
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
#include "transform/reuse_cache.h"

namespace nibble {

struct DequantOptions {
  uint64_t cache_bytes = uint64_t{512} << 20;
  FormatId format = FormatId::kF32;  // of the results: F32, F16 or BF16
  int threads = 1;
  bool warm_next_layer = true;
};

struct DequantStats {
  uint64_t hits = 0, misses = 0;  // tensors asked for
  uint64_t bytes_decoded = 0;     // of results, the background thread's included
  uint64_t evictions = 0, cached_bytes = 0;
  uint64_t warmed = 0, warmed_used = 0;  // tensors decoded ahead, and those of them that were asked for
};

// Stays valid while it is held, in the cache or not.
struct DecodedTensor {
  const TensorView* source = nullptr;
  FormatId format = FormatId::kF32;
  std::vector<std::byte> bytes;
  std::span<const float> floats() const {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }
};

// May be used by several threads; calls that decode take turns.
class DequantEngine {
 public:
  static Result<std::unique_ptr<DequantEngine>> create(std::shared_ptr<const GgufFile> file,
                                                       const DequantOptions& options);
  ~DequantEngine();

  Result<std::shared_ptr<const DecodedTensor>> tensor(std::string_view name);
  // The tensors named "blk.<layer>.*", in file order.
  Result<std::vector<std::shared_ptr<const DecodedTensor>>> layer(int layer);
  DequantStats stats() const;
  // Returns when the background thread has nothing to do (tests, measurements).
  void wait_for_warming();

 private:
  using Decoded = std::shared_ptr<const DecodedTensor>;
  DequantEngine(std::shared_ptr<const GgufFile> file, const DequantOptions& options);
  Result<Decoded> fetch(size_t index);
  Result<Decoded> decode(size_t index, ThreadPool* pool) const;
  void warm(std::stop_token stop);

  std::shared_ptr<const GgufFile> file_;
  DequantOptions options_;
  std::map<int, std::vector<size_t>> layers_;
  ThreadPool pool_;
  std::mutex decoding_;  // the pool runs one thing at a time

  mutable std::mutex mutex_;  // the rest
  std::condition_variable_any changed_;
  ReuseCache<size_t, DecodedTensor> cache_;
  std::map<size_t, Decoded> ahead_;  // warmed and not asked for yet: outside the cache, one layer at most
  std::vector<size_t> to_warm_;
  bool warming_ = false;
  std::optional<int> last_layer_;
  DequantStats stats_;
  std::jthread warmer_;
};

}  // namespace nibble
