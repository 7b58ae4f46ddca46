#include "formats/gguf_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>

#include "base/scratch_directory.h"
#include "formats/gguf_bytes.h"

namespace nibble {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// A file's keys and tensors as one text, to compare files by meaning.
std::string meaning(const GgufFile& file) {
  std::string out;
  for (const GgufKey& key : file.keys()) {
    out += concat(key.name, ":", gguf_type_name(key.value.type()), "=");
    key.value.append_encoded(out);
    out += "\n";
  }
  for (const TensorView& tensor : file.tensors()) {
    out += concat(tensor.name, " ", tensor.format->name, " ", tensor.rank);
    for (const uint64_t dim : tensor.dims) out += concat(" ", dim);
    out.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    out += "\n";
  }
  return out;
}

Status copy(const GgufFile& file, const std::string& path, uint32_t alignment, size_t piece) {
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path, alignment));
  for (const GgufKey& key : file.keys()) writer.set_value(key.name, key.value);
  for (const TensorView& tensor : file.tensors())
    NIBBLE_CHECK_OK(
        writer.declare_tensor(tensor.name, std::span(tensor.dims).first(tensor.rank), tensor.format->id));
  for (const TensorView& tensor : file.tensors())
    for (size_t at = 0; at < tensor.bytes.size(); at += piece)
      NIBBLE_CHECK_OK(
          writer.write_tensor_data(tensor.bytes.subspan(at, std::min(piece, tensor.bytes.size() - at))));
  return writer.finish();
}

TEST(GgufWriter, CopiesEveryValueType) {
  const ScratchDirectory scratch;
  const std::string source = every_value_file();
  const auto file = parse_text(source);
  ASSERT_TRUE(file) << file.error().message;
  for (const uint32_t alignment : {8u, 32u, 4096u}) {
    const Status copied = copy(*file, scratch / "copy.gguf", alignment, 7);
    ASSERT_TRUE(copied) << copied.error().message;
    auto back = GgufFile::open(scratch / "copy.gguf");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->alignment(), alignment);
    EXPECT_EQ(back->version(), 3u);
    std::string expected = meaning(*file);
    if (alignment != 32) {
      EXPECT_EQ(back->get_uint("general.alignment").value(), alignment);
      const auto* value = reinterpret_cast<const char*>(&alignment);
      expected.insert(expected.find("first F32"), "general.alignment:uint32=" + std::string(value, 4) + "\n");
    }
    EXPECT_EQ(meaning(*back), expected);
    EXPECT_EQ(back->file_bytes() % alignment, 0u);
  }
  EXPECT_EQ(scratch.names().size(), 1u);
}

TEST(GgufWriter, WithTheSameAlignmentTheBytesAreTheSame) {
  const ScratchDirectory scratch;
  const std::string source = every_value_file();
  const auto file = parse_text(source);
  ASSERT_TRUE(copy(*file, scratch / "copy.gguf", 32, 1000));
  EXPECT_TRUE(read_whole(scratch / "copy.gguf") == source);
}

TEST(GgufWriter, SettersAndReplacing) {
  const ScratchDirectory scratch;
  auto writer = GgufWriter::create(scratch / "out.gguf");
  ASSERT_TRUE(writer);
  const std::string texts[] = {"x", "yy"};
  const std::string_view views[] = {"v"};
  const float floats[] = {1, 2.5};
  const int32_t ints[] = {-1, 7};
  const uint32_t uints[] = {4294967295u};
  const bool bools[] = {true, false, true};
  writer->set_uint32("u", 1);
  writer->set_string("gone", "x");
  writer->set_uint64("u64", 1ull << 40);
  writer->set_int32("i", -5);
  writer->set_float32("f", 0.5f);
  writer->set_bool("b", true);
  writer->set_string("u", "replaced");
  writer->set_strings("texts", texts);
  writer->set_strings("views", views);
  writer->set_floats("floats", floats);
  writer->set_int32s("ints", ints);
  writer->set_uint32s("uints", uints);
  writer->set_bools("bools", bools);
  writer->set_uint32("general.alignment", 3);
  writer->remove("gone");
  writer->remove("never there");
  writer->set_string("f", "after the removal");
  ASSERT_TRUE(writer->finish());
  auto file = GgufFile::open(scratch / "out.gguf");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->keys().size(), 12u - 1);
  EXPECT_EQ(file->keys()[0].name, "u");
  EXPECT_EQ(file->get_string("u").value(), "replaced");
  EXPECT_EQ(file->get_uint("u64").value(), 1ull << 40);
  EXPECT_EQ(file->find("i")->as_int(), -5);
  EXPECT_EQ(file->get_string("f").value(), "after the removal");
  EXPECT_EQ(file->get_bool("b").value(), true);
  EXPECT_EQ(file->find("texts")->as_strings(), (std::vector<std::string_view>{"x", "yy"}));
  EXPECT_EQ(file->find("views")->as_strings(), (std::vector<std::string_view>{"v"}));
  EXPECT_EQ(file->find("floats")->as_floats(), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(file->find("ints")->as_ints(), (std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(file->find("uints")->as_uints(), (std::vector<uint64_t>{4294967295u}));
  EXPECT_EQ(file->find("bools")->at(1).as_bool(), false);
  EXPECT_FALSE(file->find("gone"));
  EXPECT_FALSE(file->find("general.alignment"));
}

// Every misuse gives an error that names the tensor, and no file.
TEST(GgufWriter, RefusesWrongUse) {
  const ScratchDirectory scratch;
  const uint64_t row[] = {64};
  const std::string data(36, 'x');
  const struct {
    const char* wanted;
    std::function<Status(GgufWriter&)> act;
  } cases[] = {
      {"declared twice",
       [&](GgufWriter& w) {
         (void)w.declare_tensor("t", row, FormatId::kQ4_0);
         return w.declare_tensor("t", row, FormatId::kQ4_0);
       }},
      {"multiple of 256", [&](GgufWriter& w) { return w.declare_tensor("t", row, FormatId::kQ4_K); }},
      {"0 dimensions", [&](GgufWriter& w) { return w.declare_tensor("t", {}, FormatId::kF32); }},
      {"dimension of 0",
       [&](GgufWriter& w) {
         return w.declare_tensor("t", std::vector<uint64_t>{4, 0}, FormatId::kF32);
       }},
      {"2^63",
       [&](GgufWriter& w) {
         return w.declare_tensor("t", std::vector<uint64_t>{1ull << 32, 1ull << 31}, FormatId::kF32);
       }},
      {"id 999", [&](GgufWriter& w) { return w.declare_tensor("t", row, FormatId(999)); }},
      {"name of 256 bytes",
       [&](GgufWriter& w) { return w.declare_tensor(std::string(256, 'n'), row, FormatId::kF32); }},
      {"wanted 36",
       [&](GgufWriter& w) {
         (void)w.declare_tensor("t", row, FormatId::kQ4_0);
         return w.write_tensor_data(bytes_of(data + "x"));
       }},
      {"after the last of 0", [&](GgufWriter& w) { return w.write_tensor_data(bytes_of(data)); }},
      {"has 36 bytes of data, wanted 256",
       [&](GgufWriter& w) {
         (void)w.declare_tensor("t", row, FormatId::kF32);
         (void)w.write_tensor_data(bytes_of(data));
         return w.finish();
       }},
      {"after the first tensor data",
       [&](GgufWriter& w) {
         (void)w.declare_tensor("t", row, FormatId::kQ4_0);
         (void)w.write_tensor_data(bytes_of(data));
         w.set_uint32("late", 1);
         return w.finish();
       }},
      {"name of 0 bytes",
       [&](GgufWriter& w) {
         w.set_uint32("", 1);
         return w.finish();
       }},
  };
  for (const auto& c : cases) {
    auto writer = GgufWriter::create(scratch / "out.gguf");
    ASSERT_TRUE(writer);
    const Status status = c.act(*writer);
    ASSERT_FALSE(status) << c.wanted;
    EXPECT_NE(status.error().message.find(c.wanted), std::string::npos) << status.error().message;
    EXPECT_FALSE(writer->finish());
  }
  EXPECT_TRUE(scratch.names().empty());
  EXPECT_FALSE(GgufWriter::create(scratch / "out.gguf", 48));
  EXPECT_FALSE(GgufWriter::create(scratch / "out.gguf", 1u << 30));
}

TEST(GgufWriter, KilledInTheMiddleLeavesTheOldFile) {
  const ScratchDirectory scratch;
  const std::string source = every_value_file();
  write_whole(scratch / "out.gguf", source);
  for (const int pieces : {0, 1, 20, 40}) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto writer = GgufWriter::create(scratch / "out.gguf");
      const uint64_t dims[] = {256 * 1024, 10};
      (void)writer->declare_tensor("big", dims, FormatId::kF32);
      const std::string data(256 * 1024, 'x');
      for (int i = 0; i < pieces; ++i) (void)writer->write_tensor_data(bytes_of(data));
      ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(read_whole(scratch / "out.gguf") == source);
  }
}

// Reading and replacing one file at once: the mapped old one stays whole.
TEST(GgufWriter, ReplacesTheFileItReads) {
  const ScratchDirectory scratch;
  write_whole(scratch / "model.gguf", every_value_file());
  auto file = GgufFile::open(scratch / "model.gguf");
  ASSERT_TRUE(file);
  const std::string before = meaning(*file);
  ASSERT_TRUE(copy(*file, scratch / "model.gguf", 32, 5));
  EXPECT_EQ(meaning(*file), before);
  EXPECT_EQ(meaning(*GgufFile::open(scratch / "model.gguf")), before);
}

}  // namespace
}  // namespace nibble
