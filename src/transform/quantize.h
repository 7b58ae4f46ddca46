// A model file into another format: `nibble quantize`. A plan says what each tensor becomes (recipe,
// overrides, fallbacks, or formats chosen for a size); running it streams the file, on all threads, holding a
// few megabytes of one tensor.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "transform/importance.h"
#include "transform/recipes.h"

namespace nibble {

struct QuantizeOptions {
  std::string recipe = {};                  // may be empty with a target size; kCopyRecipe: all stays as it is
  std::vector<std::string> overrides = {};  // "PATTERN=FORMAT", the first that matches counts
  std::vector<std::string> keep = {};       // patterns of tensors that stay as they are
  std::string size = {};                    // target size of the file, "4.1GiB"; empty: none
  float bits_per_weight = 0;                // target, over all tensors; 0: none
  std::string importance = {};              // file of an importance matrix; empty: errors weigh alike
  bool allow_non_finite = false;            // NaN and infinities become zeros instead of an error
  std::string split_size = {};              // largest size of a part, "2GiB"; empty: no bound
  int64_t split_tensors = 0;                // most tensors of a part; 0: no bound
  bool dry_run = false;                     // for callers: plan only
  bool split() const { return !split_size.empty() || split_tensors > 0; }
};

// Not one of recipes.h, as it gives no format: the file again, in one part or several.
inline constexpr std::string_view kCopyRecipe = "COPY";

// Of bits_per_weight; 0 is "no target".
inline constexpr ValueRange kBitsPerWeightRange{0, 32};
inline constexpr ValueRange kSplitTensorsRange{0, 1 << 20};
// Each part is an open file until all are whole.
inline constexpr size_t kMaxOutputParts = 500;

struct PlannedTensor {
  const TensorView* tensor = nullptr;
  const Format* format = nullptr;          // the input's: copied as it is
  const Format* unfit = nullptr;           // what was asked for, where the rows are no whole blocks of it
  uint64_t bytes = 0;                      // of the output
  std::span<const float> importance = {};  // (matrices, row_length): see ImportanceMatrix
  bool copied() const { return format == tensor->format; }
};

// Tensors [first, end) of the plan, and the size of their file.
struct OutputPart {
  size_t first = 0, end = 0;
  uint64_t bytes = 0;
};

struct QuantizePlan {
  const Recipe* recipe = nullptr;  // null: a copy, or formats were chosen for a size
  bool copy = false;               // kCopyRecipe
  bool split = false;              // the parts are named as parts of a set, be there only one
  std::shared_ptr<const ImportanceMatrix> importance;
  std::vector<PlannedTensor> tensors;
  std::vector<OutputPart> parts;  // at least one
  uint64_t values = 0;
  uint64_t input_bytes = 0, output_bytes = 0;  // of the tensors
  uint64_t unfit = 0;        // tensors that take another format than was asked for
  uint64_t requantized = 0;  // tensors that lose once more: their input is quantized already
  uint64_t file_bytes() const;       // of all parts
  double bits_per_weight() const { return values ? 8.0 * double(output_bytes) / double(values) : 0; }
};

// A pattern matches a name that contains it; * stands for any characters and ? for one.
bool name_matches(std::string_view pattern, std::string_view name);

// "4.1GiB", "500MB", "123456": bytes.
Result<uint64_t> parse_size(std::string_view text);

// Files that a plan is written to: `path` itself, or NAME-00001-of-0000N.gguf and so on, where `path` is NAME,
// NAME.gguf or the name of such a part.
std::vector<std::string> output_paths(const QuantizePlan& plan, const std::string& path);

// Errors: an unknown recipe or format, a pattern that matches no tensor, a size that cannot be reached. With
// a target size the error of each tensor is measured in each format on a sample of its rows.
Result<QuantizePlan> plan_quantize(const GgufFile& file, const QuantizeOptions& options, ThreadPool& pool);

struct QuantizeProgress {
  uint64_t bytes_done = 0, bytes_total = 0;  // of the input's tensors
  const TensorView* tensor = nullptr;
};
struct QuantizeReport {
  std::vector<std::string> paths;
  uint64_t zeroed = 0;  // values that were not finite
};

// Writes output_paths(plan, path), atomically: all files or none, and where a set of the same names stood
// before, never a mixture. Refuses to replace a file that is read. Values that are not finite are an error that
// names tensor and index unless allowed; tensors that stay in a quantized format, and all of a copy, are not
// looked at. `progress` (may be empty) is called on this thread and says whether to go on (kCancelled if not).
Result<QuantizeReport> run_quantize(const GgufFile& file, const QuantizePlan& plan,
                                    const QuantizeOptions& options, const std::string& path, ThreadPool& pool,
                                    const std::function<bool(const QuantizeProgress&)>& progress = {});

}  // namespace nibble
