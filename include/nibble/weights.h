/* Weights of a GGUF file as floats, whatever format they are stored in: a tensor or a whole layer in one call,
 * decoded on all threads and kept in a cache with a byte limit; a background thread decodes the layer that the
 * pattern of calls points to. Errors, threads and structs as in nibble.h; docs/weights.md says more. */
#ifndef NIBBLE_WEIGHTS_H
#define NIBBLE_WEIGHTS_H

#include "nibble.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nibble_weights nibble_weights;

typedef enum nibble_float { NIBBLE_F32 = 0, NIBBLE_F16 = 1, NIBBLE_BF16 = 2 } nibble_float;

typedef struct nibble_weights_options {
  size_t struct_size;
  uint64_t cache_bytes; /* of decoded tensors that the object itself keeps */
  nibble_float type;    /* of the results */
  int32_t threads;      /* 0: the physical cores that affinity and cgroup quota give */
  int32_t warm_next_layer;
} nibble_weights_options;

NIBBLE_API void nibble_weights_options_defaults(nibble_weights_options* options, size_t struct_size);
static inline void nibble_weights_options_init(nibble_weights_options* options) {
  nibble_weights_options_defaults(options, sizeof *options);
}

/* A decoded tensor. Valid until it is released, in the cache or not, be the weights closed or not. */
typedef struct nibble_tensor {
  const char* name; /* ended by a zero */
  nibble_float type;
  int32_t rank;
  uint64_t dims[4]; /* dims[0] is the length of a row, whose values stand side by side; unused ones are 1 */
  const void* data; /* aligned to 64 bytes */
  uint64_t bytes;
  struct nibble_tensor_held* held;
} nibble_tensor;

/* options may be null: the defaults. One object may be used by many threads. */
NIBBLE_API nibble_status nibble_weights_open(const char* path, const nibble_weights_options* options,
                                             nibble_weights** weights);
/* Null does nothing. No call may be under way. */
NIBBLE_API void nibble_weights_close(nibble_weights* weights);

/* Names of all tensors in file order; null beyond the last. Valid while the weights are open. */
NIBBLE_API size_t nibble_weights_count(const nibble_weights* weights);
NIBBLE_API const char* nibble_weights_name(const nibble_weights* weights, size_t index);

NIBBLE_API nibble_status nibble_weights_tensor(nibble_weights* weights, const char* name, nibble_tensor* tensor);
/* The tensors named "blk.<layer>.*" in file order; *count is how many there are. NIBBLE_LIMIT when that is more
 * than capacity: nothing is decoded then. */
NIBBLE_API nibble_status nibble_weights_layer(nibble_weights* weights, int32_t layer, nibble_tensor* tensors,
                                              size_t capacity, size_t* count);
/* Of a tensor that was given out; once. Null does nothing, nor does an empty one. */
NIBBLE_API void nibble_tensor_release(nibble_tensor* tensor);

typedef struct nibble_weights_stats {
  size_t struct_size;
  uint64_t hits, misses;              /* tensors asked for, and those of them that had to be decoded */
  uint64_t bytes_decoded, evictions;  /* the background thread's included; of the cache */
  uint64_t cached_bytes, ahead_bytes; /* held now: in the cache, decoded ahead */
  /* Decoded ahead; asked for since; dropped unasked. */
  uint64_t warmed, warmed_used, warmed_wasted;
  /* Stored bytes sent for while the tensor before was decoded; whether it was the next one decoded. */
  uint64_t prefetched, prefetch_used, prefetch_wasted;
} nibble_weights_stats;

/* Sets the members that fit into stats->struct_size. */
NIBBLE_API nibble_status nibble_weights_get_stats(const nibble_weights* weights, nibble_weights_stats* stats);

#ifdef __cplusplus
} /* extern "C" */

#if __cplusplus >= 202100L && !defined(NIBBLE_C_API_ONLY)
#include <utility>

namespace nibble {
inline namespace api {

struct WeightsOptions : nibble_weights_options {
  WeightsOptions() { nibble_weights_options_init(this); }
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(Tensor&& other) noexcept { std::swap(tensor_, other.tensor_); }
  Tensor& operator=(Tensor&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~Tensor() { nibble_tensor_release(&tensor_); }
  std::string_view name() const { return tensor_.name; }
  nibble_float type() const { return tensor_.type; }
  std::span<const uint64_t> dims() const { return {tensor_.dims, size_t(tensor_.rank)}; }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(tensor_.data), size_t(tensor_.bytes)};
  }
  // Of NIBBLE_F32; empty otherwise.
  std::span<const float> floats() const {
    if (tensor_.type != NIBBLE_F32) return {};
    return {static_cast<const float*>(tensor_.data), size_t(tensor_.bytes / sizeof(float))};
  }

 private:
  friend class Weights;
  nibble_tensor tensor_ = {};
};

class Weights {
 public:
  static Result<Weights> open(const std::string& path, const WeightsOptions& options = {}) {
    nibble_weights* weights = nullptr;
    if (auto status = to_status(nibble_weights_open(path.c_str(), &options, &weights)); !status)
      return std::unexpected(status.error());
    return Weights(weights);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < nibble_weights_count(handle()); ++i) names.push_back(nibble_weights_name(handle(), i));
    return names;
  }
  Result<Tensor> tensor(const std::string& name) {
    Tensor tensor;
    if (auto status = to_status(nibble_weights_tensor(handle(), name.c_str(), &tensor.tensor_)); !status)
      return std::unexpected(status.error());
    return tensor;
  }
  Result<std::vector<Tensor>> layer(int layer) {
    size_t count = 0;
    nibble_status status = nibble_weights_layer(handle(), layer, nullptr, 0, &count);
    std::vector<nibble_tensor> plain(count);
    if (status == NIBBLE_LIMIT && count > 0)
      status = nibble_weights_layer(handle(), layer, plain.data(), count, &count);
    if (status != NIBBLE_OK) return std::unexpected(to_status(status).error());
    std::vector<Tensor> tensors(count);
    for (size_t i = 0; i < count; ++i) tensors[i].tensor_ = plain[i];
    return tensors;
  }
  nibble_weights_stats stats() const {
    nibble_weights_stats stats = {};
    stats.struct_size = sizeof stats;
    nibble_weights_get_stats(handle(), &stats);
    return stats;
  }
  nibble_weights* handle() const { return weights_.get(); }

 private:
  struct Close {
    void operator()(nibble_weights* weights) const { nibble_weights_close(weights); }
  };
  explicit Weights(nibble_weights* weights) : weights_(weights) {}
  std::unique_ptr<nibble_weights, Close> weights_;
};

}  // namespace api
}  // namespace nibble
#endif /* C++23 */
#endif /* __cplusplus */
#endif /* NIBBLE_WEIGHTS_H */
