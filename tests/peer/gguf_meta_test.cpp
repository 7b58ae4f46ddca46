// The peer reads every kind of key and tensor info that nibble writes, and writes the same bytes back.
#include <dlfcn.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "peer_fixture.h"

namespace nibble::peer {
namespace {

// ggml's GGUF functions, from libggml-base.
struct GgufContext;
struct GgufInitParams {
  bool no_alloc;
  void** context;
};
struct PeerGguf {
  GgufContext* (*init_from_file)(const char* path, GgufInitParams params);
  bool (*write_to_file)(const GgufContext* context, const char* path, bool only_meta);
  size_t (*data_offset)(const GgufContext* context);
  int64_t (*tensor_count)(const GgufContext* context);
  size_t (*tensor_offset)(const GgufContext* context, int64_t tensor);
  size_t (*tensor_size)(const GgufContext* context, int64_t tensor);
  void (*free)(GgufContext* context);
};

template <class Function>
void bind(void* library, Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
}

std::optional<PeerGguf> peer_gguf(const PeerApi& api) {
  void* library = dlopen((api.directory + "/libggml-base.so").c_str(), RTLD_NOW);
  if (!library) return std::nullopt;
  PeerGguf out;
  bind(library, out.init_from_file, "gguf_init_from_file");
  bind(library, out.write_to_file, "gguf_write_to_file");
  bind(library, out.data_offset, "gguf_get_data_offset");
  bind(library, out.tensor_count, "gguf_get_n_tensors");
  bind(library, out.tensor_offset, "gguf_get_tensor_offset");
  bind(library, out.tensor_size, "gguf_get_tensor_size");
  bind(library, out.free, "gguf_free");
  return out;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every setter, and a tensor of every format that the peer knows.
Status write_everything(const std::string& path, uint32_t alignment) {
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path, alignment));
  const std::string texts[] = {"", "Ġthe", std::string(300, 'x')};
  const float floats[] = {0.0f, -1.5f};
  const int32_t ints[] = {-1, 2};
  const uint32_t uints[] = {4294967295u};
  const bool bools[] = {true, false};
  writer.set_string("general.architecture", "llama");
  writer.set_uint32("u32", 4294967295u);
  writer.set_uint64("u64", 1ull << 50);
  writer.set_int32("i32", -7);
  writer.set_float32("f32", 0.1f);
  writer.set_bool("bool", true);
  writer.set_strings("texts", std::span<const std::string>(texts));
  writer.set_floats("floats", floats);
  writer.set_int32s("ints", ints);
  writer.set_uint32s("uints", uints);
  writer.set_bools("bools", bools);
  for (const Format& format : kFormats) {
    const uint64_t dims[] = {256, 3};
    if (format.id != FormatId::kI2_S) NIBBLE_CHECK_OK(writer.declare_tensor(format.name, dims, format.id));
  }
  for (const Format& format : kFormats) {
    if (format.id == FormatId::kI2_S) continue;
    const std::vector<std::byte> zeros(format_bytes(format, 256 * 3).value());
    NIBBLE_CHECK_OK(writer.write_tensor_data(zeros));
  }
  return writer.finish();
}

TEST(GgufMeta, ThePeerWritesBackTheSameBytes) {
  PEER_OR_SKIP(api);
  const auto peer = peer_gguf(api);
  if (!peer) GTEST_SKIP() << api.directory << " has no libggml-base.so";
  for (const uint32_t alignment : {8u, 32u, 64u, 4096u}) {
    SCOPED_TRACE(alignment);
    const std::string ours = testing::TempDir() + "nibble-meta.gguf",
                      theirs = testing::TempDir() + "peer-meta.gguf";
    const Status written = write_everything(ours, alignment);
    ASSERT_TRUE(written) << written.error().message;
    GgufContext* context = peer->init_from_file(ours.c_str(), {.no_alloc = true, .context = nullptr});
    ASSERT_NE(context, nullptr);
    ASSERT_TRUE(peer->write_to_file(context, theirs.c_str(), true));
    const std::string meta = slurp(theirs), whole = slurp(ours);
    EXPECT_EQ(meta.size(), peer->data_offset(context));
    EXPECT_TRUE(whole.starts_with(meta));
    const auto file = GgufFile::open(ours);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(size_t(peer->tensor_count(context)), file->tensors().size());
    for (size_t i = 0; i < file->tensors().size(); ++i) {
      const TensorView& tensor = file->tensors()[i];
      const auto offset = size_t(tensor.bytes.data() - file->tensors()[0].bytes.data());
      EXPECT_EQ(peer->tensor_offset(context, int64_t(i)), offset) << tensor.name;
      EXPECT_EQ(peer->tensor_size(context, int64_t(i)), tensor.bytes.size()) << tensor.name;
    }
    peer->free(context);
    std::filesystem::remove(ours);
    std::filesystem::remove(theirs);
  }
}

}  // namespace
}  // namespace nibble::peer
