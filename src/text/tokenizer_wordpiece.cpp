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
      ascii_[c].place = normalizer_.place(written);
      ascii_[c].written = char(written);
    }
  }

  void encode(std::string_view text, bool first, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const override;
  std::string piece_of_normal(std::string_view token) const override { return unmark_spaces(token); }

 private:
  struct Ascii {
    Place place;
    char written;
  };
  void add_word(std::string& marked, TokenizerScratch& scratch, std::vector<TokenId>& ids) const;
  void cover(std::string_view marked, std::vector<TokenId>& ids) const;

  const VocabularyTokens& tokens_;
  ByteTrie trie_;
  Normalizer normalizer_;
  std::array<Ascii, 128> ascii_;
};

// The longest token at every place; a word that cannot be covered whole is unknown. Every step of the search
// goes at most one token further than where it starts, so time is linear in the word.
void WordpieceModel::cover(std::string_view marked, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  for (size_t at = 0; at < marked.size();) {
    const ByteTrie::Match match = trie_.longest(marked, at);
    if (match.length == 0) {
      ids.resize(before);
      break;
    }
    ids.push_back(match.value);
    at += match.length;
  }
  if (ids.size() == before && tokens_.special().unknown != kNoToken) ids.push_back(tokens_.special().unknown);
}

// `marked` is "▁" and the word; it is "▁" alone afterwards.
void WordpieceModel::add_word(std::string& marked, TokenizerScratch& scratch,
                              std::vector<TokenId>& ids) const {
  const std::string_view word = std::string_view(marked).substr(kSpaceMark.size());
  if (word.empty()) return;
  WordCache::Entry* entry = nullptr;
  uint64_t key[3];
  if (scratch.cache.enabled() && word.size() <= WordCache::kMaxBytes) {
    entry = scratch.cache.locate(word, marked.capacity() - kSpaceMark.size(), key);
    if (WordCache::holds(*entry, key, word.size())) {
      ids.insert(ids.end(), entry->ids, entry->ids + entry->count);
      marked.resize(kSpaceMark.size());
      return;
    }
  }
  const size_t before = ids.size();
  cover(marked, ids);
  if (entry) WordCache::store(*entry, key, word.size(), ids.data() + before, ids.size() - before);
  marked.resize(kSpaceMark.size());
}

void WordpieceModel::encode(std::string_view text, bool /*first*/, TokenizerScratch& scratch,
                            std::vector<TokenId>& ids) const {
  std::string& marked = scratch.word;
  marked = kSpaceMark;
  for (size_t at = 0; at < text.size();) {
    Place place;
    uint32_t written;
    if (const uint8_t byte = uint8_t(text[at]); byte < 0x80) {
      place = ascii_[byte].place;
      written = uint8_t(ascii_[byte].written);
      ++at;
    } else {
      const Decoded c = decode_utf8(text, at);
      written = c.codepoint;
      place = normalizer_.place(written);
      at += c.length;
    }
    if (place == Place::kInWord) {
      append_utf8(marked, written);
    } else if (place != Place::kDropped) {
      add_word(marked, scratch, ids);
      if (place == Place::kAlone) {
        append_utf8(marked, written);
        add_word(marked, scratch, ids);
      }
    }
  }
  add_word(marked, scratch, ids);
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> make_wordpiece(const VocabularyData& data,
                                                       const VocabularyTokens& tokens) {
  return std::make_unique<WordpieceModel>(data, tokens);
}

}  // namespace nibble
