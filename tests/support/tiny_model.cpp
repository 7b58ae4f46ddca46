#include "support/tiny_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/scratch_directory.h"
#include "formats/quant_reference.h"

namespace nibble {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {  // splitmix64
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  // Variance one, nearly normal.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  uint64_t state_;
};

float random_value(Random& random, const TensorSpec& spec) {
  switch (spec.kind) {
    case TensorKind::kNorm:
      return float(1 + 0.2 * random.normal());
    case TensorKind::kBias:
      return float(0.3 * random.normal());
    case TensorKind::kScale:
      return float(0.5 + random.uniform());
    case TensorKind::kRopeFactors:
      return float(1 + 3 * random.uniform());
    case TensorKind::kEmbedding:
      return float(0.2 * random.normal());
    case TensorKind::kMatrix:
      break;
  }
  return float(1.3 / std::sqrt(double(spec.dims[0])) * random.normal());
}

std::vector<std::byte> encode(FormatId format, const std::vector<float>& values) {
  const Format& row = format_of(format);
  std::vector<std::byte> bytes(*format_bytes(row, values.size()));
  const Status encoded = encode_reference(format, values, bytes);
  EXPECT_TRUE(encoded.has_value()) << encoded.error().message;
  return bytes;
}

void write(GgufWriter& writer, const TinyModelOptions& options) {
  const Result<const Architecture*> row = find_architecture(options.architecture);
  ASSERT_TRUE(row.has_value()) << row.error().message;
  ModelConfig config = make_model_config(**row, options.shape);
  if (options.adjust) options.adjust(config);
  write_model_config(config, writer);
  if (options.adjust_keys) options.adjust_keys(writer);
  std::vector<TensorSpec> specs = expected_tensors(config);
  if (!options.optional_tensors)
    std::erase_if(specs, [](const TensorSpec& spec) { return spec.presence == Presence::kOptional; });
  if (options.adjust_tensors) options.adjust_tensors(specs);
  const auto format_for = [&](const TensorSpec& spec) {
    const bool rows = format_of(options.matrices).tensor_trailer_bytes == 0;
    if (spec.kind == TensorKind::kEmbedding) return rows ? options.matrices : FormatId::kF16;
    return spec.kind == TensorKind::kMatrix ? options.matrices : FormatId::kF32;
  };
  for (const TensorSpec& spec : specs)
    ASSERT_TRUE(writer.declare_tensor(spec.name, spec.dims, format_for(spec)).has_value()) << spec.name;
  Random random(options.seed);
  for (const TensorSpec& spec : specs) {
    size_t count = 1;
    for (const uint64_t dim : spec.dims) count *= dim;
    std::vector<float> values(count);
    for (float& value : values) value = random_value(random, spec);
    if (options.adjust_values) options.adjust_values(spec, values);
    ASSERT_TRUE(writer.write_tensor_data(encode(format_for(spec), values)).has_value()) << spec.name;
  }
}

}  // namespace

void write_tiny_model(const std::string& path, const TinyModelOptions& options) {
  Result<GgufWriter> writer = GgufWriter::create(path);
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  write(*writer, options);
  const Status finished = writer->finish();
  ASSERT_TRUE(finished.has_value()) << finished.error().message;
}

std::shared_ptr<const GgufFile> make_tiny_model(const TinyModelOptions& options) {
  const ScratchDirectory directory;  // the mapping outlives the name
  const std::string path = directory / "tiny.gguf";
  write_tiny_model(path, options);
  Result<GgufFile> file = GgufFile::open(path);
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return nullptr;
  }
  return std::make_shared<const GgufFile>(*std::move(file));
}

std::vector<int32_t> random_tokens(size_t count, int64_t vocabulary, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = int32_t(random.next() % uint64_t(vocabulary));
  return tokens;
}

}  // namespace nibble
