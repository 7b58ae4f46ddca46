// Synthetic models: random weights in a named shape and format, with a byte tokenizer, for tests and for
// speed. The file is the same on every machine for the same options.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/thread_pool.h"
#include "transform/recipes.h"
#include "transform/synth_shapes.h"

namespace nibble {

struct SynthOptions {
  std::string shape;           // a name of synth_shapes()
  std::string format = "F16";  // a recipe or format name
  uint64_t seed = 1;
  bool outliers = false;  // a few input channels of the linear layers are 50 times larger
};

struct SynthReport {
  uint64_t parameters = 0;
  uint64_t tensors = 0;
  uint64_t tensor_bytes = 0;
};

// Writes the model to `path`, atomically.
Result<SynthReport> write_synthetic_model(const SynthOptions& options, const std::string& path,
                                          ThreadPool& pool);

}  // namespace nibble
