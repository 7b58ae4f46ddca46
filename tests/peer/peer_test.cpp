// The comparison's own footing: the peer as this project calls it gives the answers that are known for it.
// When these fail, no other test here says anything about nibble.
#include <fstream>
#include <sstream>

#include "peer_fixture.h"

namespace nibble::peer {
namespace {

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class KnownTokens : public testing::TestWithParam<const char*> {};

TEST_P(KnownTokens, MatchTheExpectedIds) {
  PEER_OR_SKIP(api);
  const std::string path = shared_file(std::string("tokenizers/ggml-vocab-") + GetParam() + ".gguf");
  NEED_FILE(path);
  const auto model = Model::load(api, {.path = path, .vocab_only = true});
  ASSERT_TRUE(model) << model.error().message;
  const std::string cases = slurp(path + ".inp");
  std::istringstream expected(slurp(path + ".out"));
  const std::string separator = "\n__ggml_vocab_test__\n";
  size_t checked = 0;
  for (size_t at = 0; at <= cases.size(); ++checked) {
    const size_t end = std::min(cases.find(separator, at), cases.size());
    const std::string text = cases.substr(at, end - at);
    at = end + separator.size();
    std::string line;
    std::getline(expected, line);
    std::vector<Token> ids;
    ASSERT_TRUE(tokenize_one(*model, text, {}, ids));
    std::string got;
    for (const Token id : ids) got += ' ' + std::to_string(id);
    std::string wanted;
    std::istringstream words(line);
    for (std::string word; words >> word;) wanted += ' ' + word;
    EXPECT_EQ(got, wanted) << "case " << checked;
  }
  EXPECT_GT(checked, 40u);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, KnownTokens, testing::Values("llama-spm", "gpt-2", "bert-bge"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Peer, TellsTheStoryThatTheSmallModelIsKnownFor) {
  PEER_OR_SKIP(api);
  const std::string path = shared_file("models/stories260K.gguf");
  NEED_FILE(path);
  const auto model = Model::load(api, {.path = path});
  ASSERT_TRUE(model) << model.error().message;
  std::vector<Token> ids;
  ASSERT_TRUE(tokenize_one(*model, "Once upon a time", {.bos = true}, ids));
  const auto told = greedy_ids(*model, {.threads = 1}, ids, 60, false);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_TRUE(
      detokenize_one(*model, *told, false)
          .starts_with(
              ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw "
              "a big, red ball. She wanted to play with it, but it was too h"));
}

TEST(Peer, RefusesAFolderWithoutLibraries) {
  const auto api = load_peer_api(NIBBLE_SOURCE_DIR "/tests", false);
  ASSERT_FALSE(api);
  EXPECT_EQ(api.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(api.error().message.find("npm install"), std::string::npos);
}

}  // namespace
}  // namespace nibble::peer
