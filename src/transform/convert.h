// A Hugging Face model directory into a GGUF file: `nibble convert`. The plan holds everything but the
// weights; running it streams them, a few million values of one tensor at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "transform/hf_checkpoint.h"
#include "transform/hf_model.h"
#include "transform/hf_tensors.h"
#include "transform/hf_vocabulary.h"

namespace nibble {

struct ConvertOptions {
  std::string type = "auto";      // of the matrices: f32, f16, bf16; auto: as they are stored
  std::string pre = {};           // the pre-tokenizer's GGUF name; empty: told from tokenizer.json
  std::string name = {};          // general.name; empty: the model's own, else the directory's
  bool allow_non_finite = false;  // NaN and infinities become zeros instead of an error
  bool dry_run = false;           // for callers: plan only
};

struct ConvertPlan {
  HfCheckpoint checkpoint;
  HfModel model;
  HfVocabulary vocabulary;
  std::string name;
  uint32_t file_type = 0;  // general.file_type
  std::vector<ConvertedTensor> tensors;
  bool allow_non_finite = false;
  uint64_t values = 0, input_bytes = 0, output_bytes = 0;  // of the tensors
  std::vector<std::string> notes;                          // what the file cannot say, or what was left out
};
// Errors name the file, key or tensor, the value found and the value wanted.
Result<ConvertPlan> plan_convert(const std::string& directory, const ConvertOptions& options);

struct ConvertProgress {
  uint64_t bytes_done = 0, bytes_total = 0;  // of the output's tensors
  std::string_view tensor;
};
struct ConvertReport {
  uint64_t file_bytes = 0;
  uint64_t zeroed = 0;  // values that were not finite
};
// Writes the file at `path`, atomically; refuses one that was read. Weights that are not finite, or too large
// for F16, are an error that names tensor and place. `progress` (may be empty) is called on this thread and
// says whether to go on (kCancelled if not).
Result<ConvertReport> run_convert(const ConvertPlan& plan, const std::string& path, ThreadPool& pool,
                                  const std::function<bool(const ConvertProgress&)>& progress = {});

}  // namespace nibble
