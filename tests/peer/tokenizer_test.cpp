// The same ids as the peer for random texts, valid and invalid, for every kind of vocabulary and every
// pre-tokenizer; the same text back. NIBBLE_PEER_STRINGS sets how many texts each case sees (a million take
// some minutes).
#include <cstdlib>

#include "tokenizer_pair.h"

namespace nibble::peer {
namespace {

struct Case {
  std::string vocabulary;  // file name below ../shared/tokenizers
  std::string pre;         // empty: the file's own
  bool special;            // add and parse special tokens
};

// Texts a case sees unless told otherwise; two pre-tokenizers take the peer a millisecond a text.
size_t string_count(const std::string& pre) {
  if (const char* given = std::getenv("NIBBLE_PEER_STRINGS")) return std::strtoull(given, nullptr, 10);
  return pre == "tekken" || pre == "gpt-4o" ? 2000 : 20000;
}

std::string vocabulary_path(const Case& test) { return shared_file("tokenizers/" + test.vocabulary); }

std::string test_name(const Case& test) {
  std::string name = test.vocabulary.substr(11, test.vocabulary.size() - 16) + "_" + test.pre +
                     (test.special ? "_special" : "");
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

class SameIds : public testing::TestWithParam<Case> {};

TEST_P(SameIds, OnRandomTexts) {
  PEER_OR_SKIP(api);
  NEED_FILE(vocabulary_path(GetParam()));
  const auto pair = open_pair(api, vocabulary_path(GetParam()), GetParam().pre);
  ASSERT_TRUE(pair) << pair.error().message;
  expect_same_ids(*pair, GetParam().special, string_count(GetParam().pre));
}

TEST_P(SameIds, AndTheSameTextBack) {
  PEER_OR_SKIP(api);
  NEED_FILE(vocabulary_path(GetParam()));
  const auto pair = open_pair(api, vocabulary_path(GetParam()), GetParam().pre);
  ASSERT_TRUE(pair) << pair.error().message;
  const bool special = GetParam().special;
  size_t different = 0;
  const auto vocab_size = static_cast<Token>(pair->ours.size());
  ASSERT_EQ(vocab_size, pair->theirs.vocab_size());
  char buffer[4096];
  for (Token id = 0; id < vocab_size && different < 10; ++id) {
    const int length =
        api.token_to_piece(pair->theirs.vocab(), id, buffer, static_cast<int>(sizeof buffer), 0, special);
    ASSERT_GE(length, 0);
    const std::string theirs(buffer, static_cast<size_t>(length));
    const std::string ours(pair->ours.piece(id, special));
    if (ours == theirs) continue;
    ++different;
    ADD_FAILURE() << "piece of " << id << ": ours " << escaped(ours) << ", theirs " << escaped(theirs);
  }
  // Against the peer's pieces, as its server streams them, and not its whole-text function: that one also
  // drops blanks before punctuation for some vocabularies, which loses text.
  RandomText texts(3, token_texts(pair->ours));
  for (size_t i = 0; i < string_count(GetParam().pre) / 10 && different < 10; ++i) {
    std::vector<Token> ids;
    if (!tokenize_one(pair->theirs, texts.next(), {.special = special}, ids)) continue;
    std::string theirs;
    bool at_start = pair->ours.strips_leading_space();
    for (size_t k = 0; k < ids.size(); ++k) {
      // The blank that encoding put before the text goes, also where control tokens stand before it.
      const int strip = at_start && !pair->ours.is_control(ids[k]);
      at_start = at_start && !strip;
      theirs.append(buffer,
                    static_cast<size_t>(api.token_to_piece(pair->theirs.vocab(), ids[k], buffer,
                                                           static_cast<int>(sizeof buffer), strip, special)));
    }
    const std::string ours = pair->ours.decode(ids, special);
    if (ours == theirs) continue;
    ++different;
    ADD_FAILURE() << "text of " << joined(ids) << "\n  ours   " << escaped(ours) << "\n  theirs "
                  << escaped(theirs);
  }
}

TEST(SameIdsHarness, TellsPreTokenizersApart) {
  PEER_OR_SKIP(api);
  NEED_FILE(shared_file("tokenizers/ggml-vocab-gpt-2.gguf"));
  auto pair = open_pair(api, shared_file("tokenizers/ggml-vocab-gpt-2.gguf"), "gpt-2");
  auto other = open_pair(api, shared_file("tokenizers/ggml-vocab-gpt-2.gguf"), "qwen2");
  ASSERT_TRUE(pair && other);
  pair->theirs = std::move(other->theirs);
  Comparison comparison(*pair, false);
  EXPECT_EQ(comparison.difference("plain words"), "");
  EXPECT_NE(comparison.difference("12345"), "");
  EXPECT_EQ(
      shrink("abc 12345 def", [&](const std::string& t) { return !comparison.difference(t).empty(); }).size(),
      2u);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const bool special : {false, true}) {
    all.push_back({"ggml-vocab-llama-spm.gguf", "", special});
    all.push_back({"ggml-vocab-bert-bge.gguf", "", special});
    all.push_back({"ggml-vocab-gpt-2.gguf", "", special});
  }
  for (const char* pre : {"default", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "falcon",
                          "starcoder", "refact", "mpt", "smollm", "smaug-bpe", "tekken", "gpt-4o", "dbrx"})
    all.push_back({"ggml-vocab-gpt-2.gguf", pre, false});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, SameIds, testing::ValuesIn(cases()),
                         [](const auto& test) { return test_name(test.param); });

}  // namespace
}  // namespace nibble::peer
