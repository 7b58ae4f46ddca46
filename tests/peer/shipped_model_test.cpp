// The model that nibble ships, in both programs: the same ids, the same logits, the same story.
#include <cmath>

#include "nibble_model.h"
#include "tokenizer_pair.h"

namespace nibble::peer {
namespace {

const std::string kShipped = NIBBLE_SOURCE_DIR "/models/nibble-story-f16.gguf";
constexpr char kStory[] =
    "Once upon a time there was a little fox who lived near a river. One day, she found a red ball in the "
    "grass.\n\n"
    "\"Whose ball is this?\" she asked. Nobody answered, so she rolled it up the hill and sat down to wait.";

TEST(ShippedModel, HasTheSameIds) {
  PEER_OR_SKIP(api);
  NEED_FILE(kShipped);
  const auto pair = open_pair(api, kShipped);
  ASSERT_TRUE(pair) << pair.error().message;
  for (const bool special : {false, true}) expect_same_ids(*pair, special, 5000);
}

TEST(ShippedModel, HasTheSameLogitsAndStory) {
  PEER_OR_SKIP(api);
  NEED_FILE(kShipped);
  const ContextOptions exact = {.threads = 1, .kv = "f32", .flash = "off"};
  const auto theirs = Model::load(api, {.path = kShipped, .repack = false});
  ASSERT_TRUE(theirs) << theirs.error().message;
  std::vector<Token> ids;
  ASSERT_TRUE(tokenize_one(*theirs, kStory, {.bos = true}, ids));
  const size_t prompt = ids.size();
  const auto told = greedy_ids(*theirs, exact, ids, 96, true);
  ASSERT_TRUE(told) << told.error().message;
  ids.insert(ids.end(), told->begin(), told->end());
  const auto wanted = logits_of(*theirs, exact, ids);
  ASSERT_TRUE(wanted) << wanted.error().message;
  const auto model = NibbleModel::open(kShipped, 256);
  ASSERT_TRUE(model) << model.error().message;
  const auto found = (*model)->logits(ids);
  ASSERT_TRUE(found) << found.error().message;
  // The peer rounds activations to F16 where weights are F16; nibble does not.
  const double error = nmse(*found, *wanted);
  std::printf("NMSE %.2e over %zu tokens\n", error, ids.size());
  EXPECT_LE(error, 1e-5);
  const auto vocabulary = static_cast<size_t>((*model)->vocabulary());
  for (size_t i = prompt - 1; i + 1 < ids.size(); ++i) {
    const std::span row = std::span(*found).subspan(i * vocabulary, vocabulary);
    const auto choice = static_cast<Token>(std::ranges::max_element(row) - row.begin());
    const float* peer_row = wanted->data() + i * vocabulary;
    // A near tie may fall either way.
    EXPECT_LT(peer_row[ids[i + 1]] - peer_row[choice], 0.05f) << "token " << i + 1 - prompt;
  }
}

}  // namespace
}  // namespace nibble::peer
