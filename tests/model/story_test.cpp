// A real model says what it is known to say.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "model/model.h"

namespace nibble {
namespace {

TEST(StoryModel, TellsItsStoryGreedily) {
  const std::string path = std::string(NIBBLE_SHARED_DIR) + "/models/stories260K.gguf";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << path << " is missing (../shared lies beside the project)";
  Result<GgufFile> file = GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  const auto shared = std::make_shared<const GgufFile>(*std::move(file));
  const auto model = Model::load(shared);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  ThreadPool pool(2);
  Driver driver(kernels(), pool);
  Workspace workspace(driver);
  KvPool kv((*model)->kv_layout(), 1 << 24);
  KvSequence sequence(kv);

  std::vector<int32_t> tokens = {1, 403, 407, 261, 378};  // <s> Once upon a time
  const std::vector<std::string_view> pieces = *shared->find("tokenizer.ggml.tokens")->as_strings();
  std::vector<float> logits(size_t((*model)->config().vocabulary));
  std::string text;
  while (text.size() < 160) {
    const Span span{&sequence, sequence.length(), tokens};
    const Status status = (*model)->forward(workspace, {&span, 1}, logits);
    ASSERT_TRUE(status.has_value()) << status.error().message;
    tokens = {int32_t(std::ranges::max_element(logits) - logits.begin())};
    std::string piece(pieces[size_t(tokens[0])]);
    constexpr std::string_view kBlank = "\u2581";
    for (size_t at; (at = piece.find(kBlank)) != std::string::npos;) piece.replace(at, kBlank.size(), " ");
    text += piece;
  }
  const std::string_view known =
      ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, "
      "red ball. She "
      "wanted to play with it, but it was too h";
  EXPECT_EQ(text.substr(0, known.size()), known);
}

}  // namespace
}  // namespace nibble
