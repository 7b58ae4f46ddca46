// The same ids as the peer for random texts, valid and invalid, for every kind of vocabulary and every
// pre-tokenizer; the same text back. NIBBLE_PEER_STRINGS sets how many texts each case sees (a million take
// some minutes).
#include <atomic>
#include <cstdlib>
#include <thread>

#include "formats/gguf.h"
#include "peer_fixture.h"
#include "random_text.h"
#include "text/tokenizer.h"
#include "text/vocabulary_reader.h"

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

// A vocabulary as both programs have it.
struct Pair {
  GgufFile file;
  Tokenizer ours;
  Model theirs;
};

Result<Pair> open_pair(const PeerApi& api, const Case& test) {
  const std::string path = shared_file("tokenizers/" + test.vocabulary);
  NIBBLE_TRY(GgufFile file, GgufFile::open(path));
  NIBBLE_TRY(const VocabularyData data, read_vocabulary(file));
  NIBBLE_TRY(Tokenizer ours, Tokenizer::create(data, {.pre = test.pre}));
  NIBBLE_TRY(Model theirs, Model::load(api, {.path = path, .vocab_only = true, .pre = test.pre}));
  return Pair{std::move(file), std::move(ours), std::move(theirs)};
}

std::vector<std::string> token_texts(const Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  for (TokenId id = 0; id < static_cast<TokenId>(tokenizer.size()); ++id) {
    texts.emplace_back(tokenizer.piece(id));
    if (texts.back().empty()) texts.back() = tokenizer.token_text(id);
  }
  return texts;
}

std::string joined(const std::vector<Token>& ids) {
  std::string out;
  for (const Token id : ids) out.append(out.empty() ? "" : " ").append(std::to_string(id));
  return out;
}

std::string test_name(const Case& test) {
  std::string name = test.vocabulary.substr(11, test.vocabulary.size() - 16) + "_" + test.pre +
                     (test.special ? "_special" : "");
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

// Compares ids; counts what it could not compare.
class Comparison {
 public:
  Comparison(const Pair& pair, bool special) : pair_(pair), special_(special) {}
  // Empty when both give the same ids for the text, or when the peer throws.
  std::string difference(const std::string& text) {
    std::vector<Token> theirs;
    if (!tokenize_one(pair_.theirs, text, {.special = special_, .bos = special_}, theirs)) {
      ++refused_;
      return "";
    }
    const std::vector<TokenId> ours =
        pair_.ours.encode(text, {.add_special = special_, .parse_special = special_});
    if (ours == theirs) return "";
    return escaped(text) + "\n  ours   " + joined(ours) + "\n  theirs " + joined(theirs);
  }
  size_t refused() const { return refused_; }

 private:
  const Pair& pair_;
  bool special_;
  size_t refused_ = 0;
};

class SameIds : public testing::TestWithParam<Case> {};

TEST_P(SameIds, OnRandomTexts) {
  PEER_OR_SKIP(api);
  NEED_FILE(shared_file("tokenizers/" + GetParam().vocabulary));
  const auto pair = open_pair(api, GetParam());
  ASSERT_TRUE(pair) << pair.error().message;
  const std::vector<std::string> pieces = token_texts(pair->ours);
  const size_t count = string_count(GetParam().pre);
  std::atomic<size_t> different = 0, refused = 0;
  std::mutex mutex;
  std::vector<std::string> reports;
  const auto work = [&](uint64_t seed) {
    RandomText texts(seed, pieces);
    Comparison comparison(*pair, GetParam().special);
    for (size_t i = 0; i < count / 2; ++i) {
      const std::string text = texts.next();
      if (comparison.difference(text).empty() || ++different > 5) continue;
      const auto fails = [&](const std::string& t) { return !comparison.difference(t).empty(); };
      const std::string report = comparison.difference(shrink(text, fails));
      const std::lock_guard lock(mutex);
      reports.push_back(report);
    }
    refused += comparison.refused();
  };
  {
    std::jthread other(work, 2);
    work(1);
  }
  EXPECT_EQ(different, 0u) << "of " << count << " texts; shortest forms of the first ones:";
  for (const std::string& report : reports) ADD_FAILURE() << report;
  // It throws on code points beyond U+10FFFF, which the generator writes on purpose.
  EXPECT_LT(refused, count / 10);
}

TEST_P(SameIds, AndTheSameTextBack) {
  PEER_OR_SKIP(api);
  NEED_FILE(shared_file("tokenizers/" + GetParam().vocabulary));
  const auto pair = open_pair(api, GetParam());
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
  auto pair = open_pair(api, {"ggml-vocab-gpt-2.gguf", "gpt-2", false});
  auto other = open_pair(api, {"ggml-vocab-gpt-2.gguf", "qwen2", false});
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
