#include "transform/quantize_output.h"

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"

namespace nibble {
namespace {

// Keys of part `index`: the first has those of the model, all have those of the set, of the types that other
// readers insist on.
void set_keys(const GgufFile& file, const QuantizePlan& plan, size_t index, size_t parts, GgufWriter& writer) {
  if (index == 0) {
    for (const GgufKey& key : file.keys()) writer.set_value(key.name, key.value);
    // Of the input, where it was one part alone.
    for (const char* key : {"split.no", "split.count", "split.tensors.count"}) writer.remove(key);
    const auto copied = [](const PlannedTensor& planned) { return planned.copied(); };
    if (!std::ranges::all_of(plan.tensors, copied)) writer.set_uint32("general.quantization_version", 2);
    if (plan.recipe) {
      writer.set_uint32("general.file_type", recipe_file_type(*plan.recipe));
    } else if (!plan.copy) {
      writer.remove("general.file_type");
    }
  }
  if (!plan.split) return;
  writer.set_uint16("split.no", uint16_t(index));
  writer.set_uint16("split.count", uint16_t(parts));
  writer.set_int32("split.tensors.count", int32_t(plan.tensors.size()));
}

Status declare(const PlannedTensor& planned, GgufWriter& writer) {
  const TensorView& tensor = *planned.tensor;
  return writer.declare_tensor(tensor.name, {tensor.dims, size_t(tensor.rank)}, planned.format->id);
}

}  // namespace

uint64_t QuantizePlan::file_bytes() const {
  uint64_t bytes = 0;
  for (const OutputPart& part : parts) bytes += part.bytes;
  return bytes;
}

std::vector<std::string> output_paths(const QuantizePlan& plan, const std::string& path) {
  if (!plan.split) return {path};
  std::string_view stem = path;
  if (const auto part = gguf_part_stem(path)) {
    stem = *part;
  } else if (stem.ends_with(".gguf")) {
    stem.remove_suffix(5);
  }
  std::vector<std::string> paths;
  for (size_t i = 0; i < plan.parts.size(); ++i) paths.push_back(gguf_part_path(stem, i, plan.parts.size()));
  return paths;
}

Status lay_out_parts(const GgufFile& file, const QuantizeOptions& options, QuantizePlan& plan) {
  plan.split = options.split();
  plan.parts.clear();
  uint64_t most_bytes = UINT64_MAX;
  if (!options.split_size.empty()) {
    NIBBLE_TRY(most_bytes, parse_size(options.split_size));
  }
  const uint64_t most_tensors = options.split_tensors > 0 ? uint64_t(options.split_tensors) : UINT64_MAX;
  const auto layout = [&](size_t index) -> Result<GgufWriter> {
    NIBBLE_TRY(GgufWriter sizes, GgufWriter::layout(uint32_t(file.alignment())));
    set_keys(file, plan, index, 1, sizes);
    return sizes;
  };
  NIBBLE_TRY(GgufWriter sizes, layout(0));
  OutputPart part{0, 0, sizes.file_bytes()};
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    NIBBLE_CHECK_OK(declare(plan.tensors[i], sizes));
    if (i > part.first && (sizes.file_bytes() > most_bytes || i - part.first == most_tensors)) {
      plan.parts.push_back(part);
      if (plan.parts.size() == kMaxOutputParts)
        return fail(ErrorKind::kLimit, "the output would be split into more than ", kMaxOutputParts,
                    " parts; wanted a larger --split-size or --split-tensors");
      NIBBLE_TRY(sizes, layout(plan.parts.size()));
      NIBBLE_CHECK_OK(declare(plan.tensors[i], sizes));
      part.first = i;
    }
    part.end = i + 1;
    part.bytes = sizes.file_bytes();
  }
  plan.parts.push_back(part);
  return {};
}

Result<QuantizeOutput> QuantizeOutput::create(const GgufFile& file, const QuantizePlan& plan,
                                              const QuantizeOptions& options, const std::string& path) {
  QuantizeOutput output(plan);
  const std::vector<std::string> paths = output_paths(plan, path);
  std::vector<std::string> inputs(file.part_paths().begin(), file.part_paths().end());
  if (!options.importance.empty()) inputs.push_back(options.importance);
  for (const std::string& part : paths) NIBBLE_CHECK_OK(refuse_to_replace(inputs, part));
  for (size_t i = 0; i < paths.size(); ++i) {
    NIBBLE_TRY(GgufWriter writer, GgufWriter::create(paths[i], uint32_t(file.alignment())));
    set_keys(file, plan, i, paths.size(), writer);
    for (size_t t = plan.parts[i].first; t < plan.parts[i].end; ++t)
      NIBBLE_CHECK_OK(declare(plan.tensors[t], writer));
    NIBBLE_CHECK_OK(writer.start());
    output.writers_.push_back(std::move(writer));
  }
  return output;
}

Status QuantizeOutput::end_tensor() {
  if (++tensor_ < plan_->parts[part_].end || part_ + 1 == writers_.size()) return {};
  return writers_[part_++].complete();
}

Status QuantizeOutput::finish() {
  NIBBLE_CHECK_OK(writers_[part_].complete());
  std::error_code error;
  if (writers_.size() > 1) std::filesystem::remove(writers_[0].path(), error);
  for (size_t i = writers_.size(); i-- > 0;) {
    const Status done = writers_[i].finish();
    if (done) continue;
    for (size_t named = i + 1; named < writers_.size(); ++named)
      std::filesystem::remove(writers_[named].path(), error);
    return done;
  }
  return {};
}

}  // namespace nibble
