// Files go both ways: what nibble writes the peer computes the same logits from, what the peer writes nibble
// reads.
#include <array>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "peer_fixture.h"

namespace nibble::peer {
namespace {

// The same keys and tensors, written by nibble.
Status copy_file(const std::string& from, const std::string& to) {
  NIBBLE_TRY(const GgufFile file, GgufFile::open(from));
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(to));
  for (const GgufKey& key : file.keys()) writer.set_value(key.name, key.value);
  for (const TensorView& tensor : file.tensors())
    NIBBLE_CHECK_OK(writer.declare_tensor(
        tensor.name, std::span(tensor.dims, static_cast<size_t>(tensor.rank)), tensor.format->id));
  for (const TensorView& tensor : file.tensors()) NIBBLE_CHECK_OK(writer.write_tensor_data(tensor.bytes));
  return writer.finish();
}

std::vector<float> peer_logits(const PeerApi& api, const std::string& path) {
  const auto model = Model::load(api, {.path = path});
  EXPECT_TRUE(model) << model.error().message;
  if (!model) return {};
  const auto logits = logits_of(*model, {.threads = 1}, {1, 17, 300, 42, 5});
  EXPECT_TRUE(logits) << logits.error().message;
  return logits ? *logits : std::vector<float>{};
}

TEST(GgufExchange, ThePeerComputesTheSameFromNibblesCopy) {
  PEER_OR_SKIP(api);
  for (const char* name : {"llama-biases-tied-rope-factors", "gpt-oss", "phi3-long"}) {
    const std::string path = tiny_model(name);
    NEED_FILE(path);
    const std::string copy = testing::TempDir() + name + "-copy.gguf";
    const Status status = copy_file(path, copy);
    ASSERT_TRUE(status) << status.error().message;
    const std::vector<float> wanted = peer_logits(api, path);
    ASSERT_FALSE(wanted.empty());
    EXPECT_EQ(peer_logits(api, copy), wanted) << name;
    std::filesystem::remove(copy);
  }
}

TEST(GgufExchange, NibbleReadsWhatThePeerWrites) {
  PEER_OR_SKIP(api);
  const std::string path = tiny_model("llama");
  NEED_FILE(path);
  const auto original = GgufFile::open(path);
  ASSERT_TRUE(original) << original.error().message;
  for (const char* type : {"F16", "BF16", "Q8_0", "Q4_0", "Q5_1", "IQ4_NL"}) {
    const std::string out = testing::TempDir() + "peer-" + type + ".gguf";
    const auto seconds = quantize_model(api, path, out, type, 1, false, false);
    ASSERT_TRUE(seconds) << seconds.error().message;
    const auto file = GgufFile::open(out);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->tensors().size(), original->tensors().size()) << type;
    for (const TensorView& tensor : original->tensors()) {
      const TensorView* theirs = file->find_tensor(tensor.name);
      ASSERT_TRUE(theirs) << type << " " << tensor.name;
      EXPECT_EQ(std::to_array(theirs->dims), std::to_array(tensor.dims)) << type << " " << tensor.name;
    }
    EXPECT_EQ(file->get_string("general.architecture").value(), "llama");
    std::filesystem::remove(out);
  }
}

}  // namespace
}  // namespace nibble::peer
