// WordPiece (model "bert"): the text is lower-cased, accents dropped, and cut at white space, punctuation and
// CJK characters; every word, "▁" before it, is covered greedily by the longest tokens, or is the unknown
// token as a whole.
#include <algorithm>
#include <array>

#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace nibble {
namespace {

// Ideographs that are words by themselves.
bool is_ideograph(uint32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

enum class Place : uint8_t { kInWord, kAlone, kBetween, kDropped };

struct Normalizer {
  bool lower, strip;

  // What becomes of a character: `c` is replaced by what it is written as.
  Place place(uint32_t& c) const {
    if (strip) c = first_of_decomposition(c);
    const uint8_t classes = codepoint_class(c);
    if (classes & kWhite) return Place::kBetween;
    if (c == 0 || c == kReplacementCharacter || (classes & kControl)) return Place::kDropped;
    if (strip && (classes & kMark)) return Place::kDropped;
    const bool alone = (classes & kPunctuation) || (c < 0x7F && (classes & kSymbol)) || is_ideograph(c);
    if (lower) c = lowercase(c);
    return alone ? Place::kAlone : Place::kInWord;
  }
};

class WordpieceModel final : public TokenizerModel {
 public:
  WordpieceModel(const VocabularyData& data, const VocabularyTokens& tokens) : tokens_(tokens) {
    normalizer_.lower = data.lowercase.value_or(true);
    normalizer_.strip = data.strip_accents.value_or(normalizer_.lower);
    for (size_t id = 0; id < tokens.size(); ++id) trie_.insert(tokens.text(TokenId(id)), TokenId(id));
    for (uint32_t c = 0; c < ascii_.size(); ++c) {
      uint32_t written = c;
      const Place place = normalizer_.place(written);
      const bool alone = place == Place::kAlone;
      ascii_[c] = {char(written), alone || place == Place::kInWord, alone || place == Place::kBetween, alone};
    }
    for (const char byte : kSpaceMark) {
      if (mark_ != ByteTrie::kNone) mark_ = trie_.next(mark_, uint8_t(byte));
    }
  }

  void encode(std::string_view text, bool first, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const override;
  std::string piece_of_normal(std::string_view token) const override { return unmark_spaces(token); }

 private:
  struct Ascii {
    char written;
    bool kept, ends_before, ends_after;
  };
  void cut_words(std::string_view text, std::string& words, std::vector<uint32_t>& ends) const;
  void cover(std::string_view word, std::string& marked, std::vector<TokenId>& ids) const;

  const VocabularyTokens& tokens_;
  ByteTrie trie_;
  uint32_t mark_ = ByteTrie::kRoot;  // the node after "▁", or kNone
  Normalizer normalizer_;
  std::array<Ascii, 128> ascii_;
};

// The normalized words of the text, one after the other, and where they end.
void WordpieceModel::cut_words(std::string_view text, std::string& words, std::vector<uint32_t>& ends) const {
  words.resize(text.size() / 2 * 3 + 8);  // in lower case two bytes may become three
  ends.resize(text.size() + 3);           // every byte may be a word; two more are written ahead
  char* const out = words.data();
  uint32_t size = 0, last_end = 0;
  size_t count = 0;
  // Without branches, for where words end cannot be predicted.
  const auto end_word = [&](bool now) {
    ends[count] = size;
    count += now & (size != last_end);
    last_end = now ? size : last_end;
  };
  for (size_t at = 0; at < text.size();) {
    if (const uint8_t byte = uint8_t(text[at]); byte < 0x80) {
      const Ascii a = ascii_[byte];
      end_word(a.ends_before);
      out[size] = a.written;
      size += a.kept;
      end_word(a.ends_after);
      ++at;
      continue;
    }
    const Decoded c = decode_utf8(text, at);
    uint32_t written = c.codepoint;
    const Place place = normalizer_.place(written);
    at += c.length;
    end_word(place == Place::kAlone || place == Place::kBetween);
    if (place == Place::kInWord || place == Place::kAlone) size += uint32_t(write_utf8(out + size, written));
    end_word(place == Place::kAlone);
  }
  end_word(true);
  words.resize(size);
  ends.resize(count);
}

// The longest token at every place of "▁" and the word; a word that cannot be covered whole is unknown. Every
// step of the search goes at most one token further than where it starts, so time is linear in the word.
void WordpieceModel::cover(std::string_view word, std::string& marked, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  size_t at = 0;
  // Nearly always the first token is the mark and a part of the word.
  if (mark_ != ByteTrie::kNone) {
    const ByteTrie::Match match = trie_.longest(word, 0, mark_);
    at = match.length;
    if (at > 0) ids.push_back(match.value);
  }
  if (at == 0) {
    marked = kSpaceMark;
    marked += word;
    word = marked;
  }
  while (at < word.size()) {
    const ByteTrie::Match match = trie_.longest(word, at);
    if (match.length == 0) {
      ids.resize(before);
      break;
    }
    ids.push_back(match.value);
    at += match.length;
  }
  if (ids.size() == before && tokens_.special().unknown != kNoToken) ids.push_back(tokens_.special().unknown);
}

void WordpieceModel::encode(std::string_view text, bool /*first*/, TokenizerScratch& scratch,
                            std::vector<TokenId>& ids) const {
  constexpr size_t kSegment =
      16384;  // bytes worked on at a time, up to the next blank, to stay in a core's caches
  while (!text.empty()) {
    const size_t blank = text.find_first_of(" \n", std::min(kSegment, text.size()));
    const std::string_view segment = text.substr(0, blank);
    cut_words(segment, scratch.text, scratch.ends);
    scratch.cache.encode_words(
        scratch.text, scratch.ends, ids,
        [&](std::string_view word, std::vector<TokenId>& out) { cover(word, scratch.word, out); });
    text.remove_prefix(segment.size());
  }
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> make_wordpiece(const VocabularyData& data,
                                                       const VocabularyTokens& tokens) {
  return std::make_unique<WordpieceModel>(data, tokens);
}

}  // namespace nibble
