// The encoders' squared error is never above the peer's: every format, on values of several distributions and
// of the shipped model, plain and weighted by importance. With NIBBLE_QUALITY_TABLE=FILE the figures are
// written there as the table of docs/quantize.md.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>

#include "formats/gguf.h"
#include "formats/quant_reference.h"
#include "peer_fixture.h"
#include "transform/encode.h"

namespace nibble::peer {
namespace {

constexpr size_t kRow = 1024, kRows = 1024;

struct Source {
  const char* name;
  std::vector<float> values;
};

float student_t4(std::mt19937& random, std::normal_distribution<float>& normal) {
  float chi = 0;
  for (int i = 0; i < 4; ++i) {
    const float x = normal(random);
    chi += x * x;
  }
  return normal(random) / std::sqrt(chi / 4);
}

// Rows of every matrix of the model that comes with nibble, evenly.
std::vector<float> shipped_weights() {
  const auto file = GgufFile::open(NIBBLE_SOURCE_DIR "/models/nibble-story-f16.gguf");
  EXPECT_TRUE(file) << file.error().message;
  std::vector<float> all;
  for (const TensorView& tensor : file->tensors()) {
    if (tensor.rank < 2) continue;
    all.resize(all.size() + tensor.values());
    EXPECT_TRUE(decode_reference(tensor.format->id, tensor.bytes, std::span(all).last(tensor.values())));
  }
  const size_t rows = all.size() / kRow;
  EXPECT_GE(rows, kRows);
  std::vector<float> chosen;
  for (size_t i = 0; i < kRows; ++i) {
    const auto row = all.begin() + int64_t(i * rows / kRows * kRow);
    chosen.insert(chosen.end(), row, row + kRow);
  }
  return chosen;
}

std::vector<Source> sources() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::exponential_distribution<float> exponential;
  std::vector<Source> all = {{"Gaussian", {}}, {"Laplace", {}}, {"Student t4", {}}};
  for (size_t i = 0; i < kRow * kRows; ++i) {
    all[0].values.push_back(0.02f * normal(random));
    all[1].values.push_back(0.02f * exponential(random) * (normal(random) > 0 ? 1.0f : -1.0f));
    all[2].values.push_back(0.02f * student_t4(random, normal));
  }
  all.push_back({"shipped model", shipped_weights()});
  return all;
}

std::vector<float> importance_of_row() {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> weights(kRow);
  for (float& w : weights) w = std::exp(normal(random));
  return weights;
}

double relative_error(const Format& format, const std::vector<std::byte>& bytes,
                      const std::vector<float>& values, const std::vector<float>& importance) {
  std::vector<float> back(values.size());
  EXPECT_TRUE(decode_reference(format.id, bytes, back));
  double error = 0, size = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = importance.empty() ? 1 : importance[i % kRow], x = values[i], off = x - back[i];
    error += w * off * off, size += w * x * x;
  }
  return error / size;
}

TEST(EncodeQuality, NeverWorseThanThePeer) {
  PEER_OR_SKIP(api);
  const std::vector<float> importance = importance_of_row();
  ThreadPool pool(2);
  std::string table =
      "| format | values | ours | peer | ratio | ours, weighted | peer, weighted | ratio "
      "|\n|---|---|---|---|---|---|---|---|\n";
  for (const Source& source : sources())
    for (const Format& format : kFormats) {
      if (!format.stores_weights || format.block_values == 1 || format.tensor_trailer_bytes > 0) continue;
      std::string line = concat("| ", format.name, " | ", source.name, " |");
      for (const std::vector<float>& weights : {std::vector<float>(), importance}) {
        std::vector<std::byte> ours(*format_bytes(format, source.values.size())), theirs(ours.size());
        const Status encoded = encode_rows(pool, format.id, kRow, source.values, ours, weights);
        ASSERT_TRUE(encoded) << encoded.error().message;
        api.quantize_chunk(int32_t(format.id), source.values.data(), theirs.data(), 0, kRows, kRow,
                           weights.empty() ? nullptr : weights.data());
        const double our_error = relative_error(format, ours, source.values, weights);
        const double their_error = relative_error(format, theirs, source.values, weights);
        EXPECT_LE(our_error, their_error)
            << format.name << " " << source.name << (weights.empty() ? "" : " weighted");
        char text[96];
        std::snprintf(text, sizeof text, " %.3e | %.3e | %.3f |", our_error, their_error,
                      our_error / their_error);
        line += text;
      }
      table += line + "\n";
    }
  if (const char* path = std::getenv("NIBBLE_QUALITY_TABLE")) std::ofstream(path) << table;
}

}  // namespace
}  // namespace nibble::peer
