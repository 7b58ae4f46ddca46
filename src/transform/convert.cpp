#include "transform/convert.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/quote.h"
#include "model/model_config.h"
#include "transform/encode.h"
#include "transform/recipes.h"

namespace nibble {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kValuesAtOnce = 4 << 20;
constexpr float kHalfLimit = 65520;  // rounds to infinity in F16

// Null for "auto".
Result<const Format*> matrix_format(std::string_view type) {
  if (type == "auto") return nullptr;
  for (const auto& [name, id] : {std::pair("f32", FormatId::kF32), std::pair("f16", FormatId::kF16),
                                 std::pair("bf16", FormatId::kBF16)})
    if (type == name) return &format_of(id);
  if (const auto known = find_format(type); !known && known.error().kind == ErrorKind::kUnsupported)
    return forward_error(known.error());
  return fail(ErrorKind::kInvalidArgument, "--type is ", nibble::quoted(type),
              ", wanted auto, f32, f16 or bf16; for smaller formats convert first, then use nibble quantize");
}

// The format that most values of matrices have.
Result<uint32_t> file_type_of(const std::vector<ConvertedTensor>& tensors) {
  uint64_t most = 0;
  const char* name = "F32";
  for (const FormatId id : {FormatId::kF32, FormatId::kF16, FormatId::kBF16}) {
    uint64_t values = 0;
    for (const ConvertedTensor& tensor : tensors)
      if (tensor.format->id == id && tensor.dims.size() > 1) values += tensor.values();
    if (values > most) most = values, name = format_of(id).name;
  }
  NIBBLE_TRY(const Recipe* recipe, find_recipe(name));
  return recipe_file_type(*recipe);
}

// The model's name as config.json keeps it ("org/name"), else the directory's.
std::string model_name(const HfCheckpoint& checkpoint, const HfModel& model, const HfVocabulary& vocabulary,
                       std::vector<std::string>& notes) {
  std::string name(checkpoint.config()["_name_or_path"].as_string().value_or(""));
  while (name.ends_with('/')) name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  if (name.empty() || name == ".") {
    std::error_code error;
    name = fs::weakly_canonical(checkpoint.directory(), error).filename().string();
  }
  // Readers take from the name that Phi-3's tokens swallow the white space after them.
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  if (vocabulary.strips_right && lower.find("phi-3") == lower.npos && lower.find("phi3") == lower.npos) {
    if (model.config.architecture->name == "phi3") return concat("Phi-3 ", name);
    notes.push_back(
        "some special tokens should swallow the white space after them, which GGUF has no key for");
  }
  return name;
}

void write_keys(const ConvertPlan& plan, GgufWriter& writer) {
  write_model_config(plan.model.config, writer);
  writer.set_string("general.type", "model");
  writer.set_string("general.name", plan.name);
  writer.set_uint32("general.file_type", plan.file_type);
  writer.set_uint32("general.quantization_version", 2);
  write_vocabulary(plan.vocabulary, writer);
}

Status check_range(const ConvertedTensor& tensor, uint64_t first_row, std::span<const float> values) {
  if (tensor.format->id != FormatId::kF16) return {};
  const auto bad = std::ranges::find_if(values, [](float value) { return std::abs(value) >= kHalfLimit; });
  if (bad == values.end()) return {};
  return fail(ErrorKind::kUnsupported, "tensor ", nibble::quoted(tensor.name), " has the value ", *bad,
              " in row ", first_row + uint64_t(bad - values.begin()) / tensor.dims[0],
              ", too large for F16; use --type bf16 or f32");
}

}  // namespace

Result<ConvertPlan> plan_convert(const std::string& directory, const ConvertOptions& options) {
  NIBBLE_TRY(const Format* format, matrix_format(options.type));
  NIBBLE_TRY(HfCheckpoint checkpoint, HfCheckpoint::open(directory));
  ConvertPlan plan{.checkpoint = std::move(checkpoint),
                   .model = {},
                   .vocabulary = {},
                   .name = {},
                   .tensors = {},
                   .notes = {}};
  NIBBLE_TRY(plan.model, read_hf_model(plan.checkpoint));
  NIBBLE_TRY(plan.tensors, plan_hf_tensors(plan.checkpoint, plan.model, format));
  NIBBLE_TRY(plan.vocabulary, read_hf_vocabulary(plan.checkpoint, plan.model.config.vocabulary, options.pre));
  NIBBLE_TRY(plan.file_type, file_type_of(plan.tensors));
  plan.allow_non_finite = options.allow_non_finite;
  plan.notes = plan.model.notes;
  plan.notes.insert(plan.notes.end(), plan.vocabulary.notes.begin(), plan.vocabulary.notes.end());
  plan.name = options.name.empty() ? model_name(plan.checkpoint, plan.model, plan.vocabulary, plan.notes)
                                   : options.name;
  for (const ConvertedTensor& tensor : plan.tensors) {
    plan.values += tensor.values();
    plan.input_bytes += tensor.source ? tensor.source->bytes.size() : 0;
    plan.output_bytes += tensor.bytes;
  }
  return plan;
}

Result<ConvertReport> run_convert(const ConvertPlan& plan, const std::string& path, ThreadPool& pool,
                             const std::function<bool(const ConvertProgress&)>& progress) {
  NIBBLE_CHECK_OK(refuse_to_replace(plan.checkpoint.files(), path));
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path));
  write_keys(plan, writer);
  for (const ConvertedTensor& tensor : plan.tensors)
    NIBBLE_CHECK_OK(writer.declare_tensor(tensor.name, tensor.dims, tensor.format->id));
  ConvertReport done;
  ConvertProgress state{.bytes_total = plan.output_bytes, .tensor = {}};
  std::vector<float> values;
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    const ConvertedTensor& tensor = plan.tensors[i];
    if (i + 1 < plan.tensors.size() && plan.tensors[i + 1].source)
      plan.tensors[i + 1].file->prefetch(*plan.tensors[i + 1].source);
    const TensorRows rows(tensor, plan.allow_non_finite);
    const uint64_t row_bytes = tensor.bytes / tensor.rows(),
                   step = std::max<uint64_t>(1, kValuesAtOnce / tensor.dims[0]);
    state.tensor = tensor.name;
    for (uint64_t first = 0; first < tensor.rows(); first += step) {
      const uint64_t count = std::min(step, tensor.rows() - first);
      values.resize(count * tensor.dims[0]);
      bytes.resize(count * row_bytes);
      NIBBLE_TRY(const uint64_t zeroed, rows.read(first, values));
      done.zeroed += zeroed;
      NIBBLE_CHECK_OK(check_range(tensor, first, values));
      NIBBLE_CHECK_OK(encode_rows(pool, tensor.format->id, tensor.dims[0], values, bytes));
      NIBBLE_CHECK_OK(writer.write_tensor_data(bytes));
      state.bytes_done += bytes.size();
      if (progress && !progress(state))
        return fail(ErrorKind::kCancelled, "interrupted: nothing was written");
    }
    if (tensor.source) tensor.file->release(*tensor.source);
  }
  NIBBLE_CHECK_OK(writer.finish());
  std::error_code error;
  const auto size = fs::file_size(path, error);
  done.file_bytes = error ? 0 : uint64_t(size);
  return done;
}

}  // namespace nibble
