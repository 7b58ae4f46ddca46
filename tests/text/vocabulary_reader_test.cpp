#include "text/vocabulary_reader.h"

#include <gtest/gtest.h>

#include <functional>

#include "formats/gguf_bytes.h"
#include "text/tokenizer.h"

namespace nibble {
namespace {

using Keys = std::vector<std::function<void(GgufBytes&)>>;

Result<GgufFile> file_of(std::string& bytes, const Keys& keys) {
  GgufBytes file;
  file.header(0, keys.size());
  for (const auto& add : keys) add(file);
  bytes = file.pad().str();
  return GgufFile::parse(std::as_bytes(std::span(bytes)), "test.gguf");
}

const auto kModel = [](GgufBytes& f) { f.key_string("tokenizer.ggml.model", "llama"); };
const auto kTokens = [](GgufBytes& f) {
  f.key("tokenizer.ggml.tokens", GgufType::kArray)
      .array(GgufType::kString, 3)
      .string("<unk>")
      .string("a")
      .string("b");
};

TEST(VocabularyReader, TakesEveryKey) {
  std::string bytes;
  const auto file = file_of(
      bytes, {kModel, kTokens, [](GgufBytes& f) { f.key_string("general.name", "Phi-3"); },
              [](GgufBytes& f) {
                f.key("tokenizer.ggml.scores", GgufType::kArray)
                    .array(GgufType::kFloat32, 3)
                    .number(0.0f)
                    .number(-1.0f)
                    .number(-2.5f);
              },
              [](GgufBytes& f) {
                f.key("tokenizer.ggml.token_type", GgufType::kArray)
                    .array(GgufType::kInt32, 3)
                    .number(2)
                    .number(1)
                    .number(77);
              },
              [](GgufBytes& f) { f.key_u32("tokenizer.ggml.bos_token_id", 1); },
              [](GgufBytes& f) { f.key_u32("tokenizer.ggml.padding_token_id", 4294967295); },
              [](GgufBytes& f) { f.key_u32("tokenizer.ggml.seperator_token_id", 2); },
              [](GgufBytes& f) { f.key("tokenizer.ggml.add_bos_token", GgufType::kBool).number(uint8_t(0)); },
              [](GgufBytes& f) {
                f.key("tokenizer.ggml.precompiled_charsmap", GgufType::kArray)
                    .array(GgufType::kUint8, 2)
                    .raw("\xFF\x01");
              }});
  ASSERT_TRUE(file) << file.error().message;
  const auto data = read_vocabulary(*file);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->model, "llama");
  EXPECT_EQ(data->name, "Phi-3");
  EXPECT_EQ(data->tokens, (std::vector<std::string_view>{"<unk>", "a", "b"}));
  EXPECT_EQ(data->scores, (std::vector<float>{0, -1, -2.5}));
  EXPECT_EQ(data->types, (std::vector<int32_t>{2, 1, 0}));
  EXPECT_EQ(data->special.bos, 1);
  EXPECT_EQ(data->special.padding, kNoToken) << "4294967295 says that there is none";
  EXPECT_EQ(data->special.separator, 2) << "as the key is misspelled in files";
  EXPECT_EQ(data->special.eos, kNoToken);
  EXPECT_EQ(data->add_bos, false);
  EXPECT_EQ(data->add_eos, std::nullopt);
  EXPECT_EQ(data->precompiled_charsmap, "\xFF\x01");
  EXPECT_TRUE(Tokenizer::create(*data));
}

TEST(VocabularyReader, KnowsThePreTokenizerThatBitnetFilesLeaveOut) {
  const auto architecture = [](std::string_view name) {
    return [name](GgufBytes& f) { f.key_string("general.architecture", name); };
  };
  for (const auto& [name, pre] : {std::pair("bitnet-b1.58", "llama-bpe"), std::pair("llama", "")}) {
    std::string bytes;
    const auto file = file_of(bytes, {kModel, kTokens, architecture(name)});
    ASSERT_TRUE(file) << file.error().message;
    const auto data = read_vocabulary(*file);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->pre, pre) << name;
  }
}

TEST(VocabularyReader, NamesWhatIsMissingOrOfTheWrongType) {
  struct Case {
    Keys keys;
    ErrorKind kind;
    std::string_view named;
  };
  const auto text = [](std::string_view key) { return [key](GgufBytes& f) { f.key_string(key, "text"); }; };
  const Case cases[] = {
      {{}, ErrorKind::kNotFound, "tokenizer.ggml.model"},
      {{kModel}, ErrorKind::kNotFound, "tokenizer.ggml.tokens"},
      {{[](GgufBytes& f) { f.key_u32("tokenizer.ggml.model", 1); }, kTokens},
       ErrorKind::kBadFile,
       "tokenizer.ggml.model"},
      {{kModel, text("tokenizer.ggml.tokens")}, ErrorKind::kBadFile, "tokenizer.ggml.tokens"},
      {{kModel, kTokens, text("tokenizer.ggml.scores")}, ErrorKind::kBadFile, "tokenizer.ggml.scores"},
      {{kModel, kTokens, text("tokenizer.ggml.token_type")},
       ErrorKind::kBadFile,
       "tokenizer.ggml.token_type"},
      {{kModel, kTokens, text("tokenizer.ggml.merges")}, ErrorKind::kBadFile, "tokenizer.ggml.merges"},
      {{kModel, kTokens, text("tokenizer.ggml.bos_token_id")},
       ErrorKind::kBadFile,
       "tokenizer.ggml.bos_token_id"},
      {{kModel, kTokens, text("tokenizer.ggml.add_bos_token")},
       ErrorKind::kBadFile,
       "tokenizer.ggml.add_bos_token"},
      {{kModel, kTokens, text("tokenizer.ggml.precompiled_charsmap")},
       ErrorKind::kBadFile,
       "tokenizer.ggml.precompiled_charsmap"},
      {{[](GgufBytes& f) { f.key_string("tokenizer.ggml.model", "gpt2"); }, kTokens},
       ErrorKind::kNotFound,
       "tokenizer.ggml.merges"},
  };
  for (const Case& c : cases) {
    std::string bytes;
    const auto file = file_of(bytes, c.keys);
    ASSERT_TRUE(file) << file.error().message;
    const auto data = read_vocabulary(*file);
    ASSERT_FALSE(data) << c.named;
    EXPECT_EQ(data.error().kind, c.kind) << data.error().message;
    EXPECT_NE(data.error().message.find(c.named), std::string::npos) << data.error().message;
    EXPECT_NE(data.error().message.find("test.gguf"), std::string::npos) << data.error().message;
  }
}

}  // namespace
}  // namespace nibble
