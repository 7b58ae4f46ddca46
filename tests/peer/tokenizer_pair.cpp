#include "tokenizer_pair.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "text/vocabulary_reader.h"

namespace nibble::peer {

Result<Pair> open_pair(const PeerApi& api, const std::string& path, const std::string& pre) {
  NIBBLE_TRY(GgufFile file, GgufFile::open(path));
  NIBBLE_TRY(const VocabularyData data, read_vocabulary(file));
  NIBBLE_TRY(Tokenizer ours, Tokenizer::create(data, {.pre = pre}));
  NIBBLE_TRY(Model theirs, Model::load(api, {.path = path, .vocab_only = true, .pre = pre}));
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

namespace {

// Bytes of a code point above U+10FFFF: the peer throws on them or not, as the vocabulary has it.
bool beyond_unicode(const std::string& text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]), next = static_cast<unsigned char>(text[i + 1]);
    if ((lead == 0xF4 && next >= 0x90 && next < 0xC0) ||
        (lead > 0xF4 && lead < 0xF8 && next >= 0x80 && next < 0xC0))
      return true;
  }
  return false;
}

}  // namespace

std::string Comparison::difference(const std::string& text) {
  std::vector<Token> theirs;
  if (beyond_unicode(text) ||
      !tokenize_one(pair_.theirs, text, {.special = special_, .bos = special_}, theirs)) {
    ++refused_;
    return "";
  }
  const std::vector<TokenId> ours =
      pair_.ours.encode(text, {.add_special = special_, .parse_special = special_});
  if (ours == theirs) return "";
  return escaped(text) + "\n  ours   " + joined(ours) + "\n  theirs " + joined(theirs);
}

void expect_same_ids(const Pair& pair, bool special, size_t count) {
  const std::vector<std::string> pieces = token_texts(pair.ours);
  std::atomic<size_t> different = 0, refused = 0;
  std::mutex mutex;
  std::vector<std::string> reports;
  const auto work = [&](uint64_t seed) {
    RandomText texts(seed, pieces);
    Comparison comparison(pair, special);
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
  // The generator writes code points above U+10FFFF on purpose.
  EXPECT_LT(refused, count / 10);
}

}  // namespace nibble::peer
