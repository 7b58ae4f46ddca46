// Split files that nibble writes, opened by the peer.
#include "peer_fixture.h"
#include "transform/quantize.h"

namespace nibble::peer {
namespace {

TEST(SplitFiles, ThePeerReadsTheSameModel) {
  PEER_OR_SKIP(api);
  const std::string source = std::string(NIBBLE_SOURCE_DIR) + "/models/nibble-story-f16.gguf";
  NEED_FILE(source);
  const auto file = GgufFile::open(source);
  ASSERT_TRUE(file) << file.error().message;
  ThreadPool pool(2);
  const TempFile folder("split-files");
  std::filesystem::create_directories(folder.path);
  std::vector<std::string> opened;
  for (const char* size : {"", "1MiB"}) {
    const QuantizeOptions options{.recipe = "Q4_K_M", .split_size = size};
    const auto plan = plan_quantize(*file, options, pool);
    ASSERT_TRUE(plan) << plan.error().message;
    const auto report = run_quantize(*file, *plan, options, folder.path + "/model.gguf", pool);
    ASSERT_TRUE(report) << report.error().message;
    opened.push_back(report->paths.front());
    EXPECT_EQ(report->paths.size() > 2, *size != 0);
  }
  const std::vector<Token> ids = {1, 614, 749, 257, 512};
  std::vector<std::vector<float>> logits;
  for (const std::string& path : opened) {
    const auto model = Model::load(api, {.path = path});
    ASSERT_TRUE(model) << path << ": " << model.error().message;
    auto found = logits_of(*model, {.threads = 1}, ids);
    ASSERT_TRUE(found) << found.error().message;
    logits.push_back(*std::move(found));
  }
  EXPECT_EQ(logits[0], logits[1]);
  std::filesystem::remove_all(folder.path);
}

}  // namespace
}  // namespace nibble::peer
