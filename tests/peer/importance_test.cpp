// Importance matrices that nibble writes are read by llama.cpp's own loader, value for value, and used by its
// quantizer.
#include "transform/importance.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>

#include "formats/gguf.h"
#include "formats/quant_reference.h"
#include "peer_fixture.h"
#include "transform/synth.h"

namespace nibble::peer {
namespace {

// What the loader in libllama-common.so of release v0.5.0 fills: a C++ function, found by its mangled name.
struct LoadedEntry {
  std::vector<float> sums;
  std::vector<int64_t> counts;
};
struct LoadedImportance {
  std::map<std::string, LoadedEntry> entries;
  std::vector<std::string> datasets;
  int32_t chunk_count = 0;
  int32_t chunk_size = 0;
  bool is_legacy = false;
  bool has_metadata = false;
};
using Load = bool(const std::string& path, LoadedImportance& loaded);
constexpr const char* kLoad =
    "_Z19common_imatrix_loadRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEER14common_imatrix";

std::vector<float> stored(const GgufFile& file, const std::string& tensor) {
  const TensorView* found = file.find_tensor(tensor);
  EXPECT_TRUE(found) << tensor;
  std::vector<float> values(found ? found->values() : 0);
  if (found) EXPECT_TRUE(decode_reference(FormatId::kF32, found->bytes, values));
  return values;
}

double weighted_error(const std::string& original, const std::string& quantized, const std::string& name,
                      std::span<const float> importance) {
  const GgufFile from = *GgufFile::open(original), to = *GgufFile::open(quantized);
  const TensorView &x_view = *from.find_tensor(name), &y_view = *to.find_tensor(name);
  std::vector<float> x(x_view.values()), y(y_view.values());
  EXPECT_TRUE(decode_reference(x_view.format->id, x_view.bytes, x));
  EXPECT_TRUE(decode_reference(y_view.format->id, y_view.bytes, y));
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i)
    error += double(importance[i % importance.size()]) * (x[i] - y[i]) * (x[i] - y[i]);
  return error;
}

// The peer quantizes a file with and without our importance of its matrices.
void expect_smaller_weighted_error(const PeerApi& api, const std::string& model,
                                   const ImportanceMatrix& matrix, const std::string& tensor) {
  const GgufFile file = *GgufFile::open(model);
  std::vector<LlamaImatrixRow> rows;
  for (const TensorView& view : file.tensors())
    if (const auto weights = *matrix.weights(view); !weights.empty())
      rows.push_back({view.name.c_str(), weights.data(), weights.size()});
  ASSERT_EQ(rows.size(), matrix.size());
  rows.push_back({});
  const auto importance = *matrix.weights(*file.find_tensor(tensor));
  double errors[2];
  for (const bool weighted : {false, true}) {
    const TempFile out("importance-out.gguf");
    LlamaQuantizeParams params = api.quantize_default_params();
    params.ftype = 11;  // Q3_K_S
    params.nthread = 1;
    params.imatrix = weighted ? rows.data() : nullptr;
    ASSERT_EQ(api.model_quantize(model.c_str(), out.path.c_str(), &params), 0u) << peer_log();
    errors[weighted] = weighted_error(model, out.path, tensor, importance);
  }
  EXPECT_LT(errors[1], 0.9 * errors[0]);
}

TEST(PeerImportance, ReadsOurFile) {
  PEER_OR_SKIP(api);
  void* library = dlopen((api.directory + "/libllama-common.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) GTEST_SKIP() << "this release of the peer has no libllama-common.so: " << dlerror();
  auto* const load = reinterpret_cast<Load*>(dlsym(library, kLoad));
  if (!load) GTEST_SKIP() << "this release of the peer has no importance loader of the known name";

  for (const char* shape : {"llama-tiny", "llama3-tiny"}) {  // with a head of its own, and tied
    const TempFile model(std::string("importance-") + shape + ".gguf"),
        matrix(std::string("importance-") + shape + ".imatrix");
    ThreadPool pool(2);
    ASSERT_TRUE(write_synthetic_model({.shape = shape, .format = "F16", .outliers = true}, model.path, pool))
        << shape;
    EngineOptions options;
    options.threads = 2, options.context = 128;
    const auto engine = Engine::open(model.path, options);
    ASSERT_TRUE(engine) << engine.error().message;
    std::string text;
    for (int i = 0; i < 60; ++i) text += "some words " + std::to_string(i * i) + ", ";
    const auto made =
        collect_importance(**engine, text, "words.txt", {.context = 64, .chunks = 3}, matrix.path);
    ASSERT_TRUE(made) << made.error().message;

    LoadedImportance loaded;
    ASSERT_TRUE(load(matrix.path, loaded)) << shape;
    EXPECT_TRUE(loaded.has_metadata);  // the peer's quantizer insists on it
    EXPECT_FALSE(loaded.is_legacy);
    EXPECT_EQ(loaded.chunk_count, 3);
    EXPECT_EQ(loaded.chunk_size, 64);
    EXPECT_EQ(loaded.datasets, std::vector<std::string>{"words.txt"});
    const GgufFile file = *GgufFile::open(matrix.path);
    const GgufFile weights = *GgufFile::open(model.path);
    ASSERT_EQ(loaded.entries.size(), made->size());
    for (const auto& [name, entry] : loaded.entries) {
      EXPECT_TRUE(weights.find_tensor(name)) << name;
      EXPECT_EQ(entry.sums, stored(file, name + ".in_sum2")) << name;
      const auto counts = stored(file, name + ".counts");
      EXPECT_TRUE(std::ranges::equal(entry.counts, counts)) << name;
    }
    expect_smaller_weighted_error(api, model.path, *made, "blk.2.ffn_up.weight");
  }
}

}  // namespace
}  // namespace nibble::peer
