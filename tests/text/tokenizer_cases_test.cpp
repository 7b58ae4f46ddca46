// The three vocabularies of ../shared/tokenizers with the ids that their cases expect.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "surfaces/file_text.h"
#include "text/tokenizer.h"
#include "text/vocabulary_reader.h"

namespace nibble {
namespace {

const std::string kFolder = std::string(NIBBLE_SHARED_DIR) + "/tokenizers/";

// Cases stand between lines "__ggml_vocab_test__"; the newline before such a line is not part of a case.
std::vector<std::string> split_cases(const std::string& text) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> out;
  size_t at = 0;
  for (size_t next; (next = text.find(separator, at)) != text.npos; at = next + separator.size())
    out.push_back(text.substr(at, next - at));
  return out;
}

class TokenizerCases : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerCases, ExpectedIds) {
  const std::string path = kFolder + "ggml-vocab-" + GetParam() + ".gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << ": the shared files are not there";
  auto file = GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  auto data = read_vocabulary(*file);
  ASSERT_TRUE(data) << data.error().message;
  auto tokenizer = Tokenizer::create(*data);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto cases = split_cases(read_file(path + ".inp"));
  std::istringstream expected(read_file(path + ".out"));
  ASSERT_GE(cases.size(), 40u);
  for (const std::string& text : cases) {
    std::string line;
    ASSERT_TRUE(std::getline(expected, line));
    std::istringstream numbers(line);
    const std::vector<TokenId> want((std::istream_iterator<TokenId>(numbers)), {});
    EXPECT_EQ(tokenizer->encode(text), want) << "text: [" << text << "]";
    if (tokenizer->model() != "bert") EXPECT_EQ(tokenizer->decode(want), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, TokenizerCases, testing::Values("llama-spm", "gpt-2", "bert-bge"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace nibble
