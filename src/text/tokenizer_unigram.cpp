// Unigram (model "t5"): the text is normalized through the file's precompiled map, spaces become "▁", and of
// all ways to cover it with tokens the one with the greatest sum of scores is taken (Kudo 2018; Viterbi over
// byte positions).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace nibble {
namespace {

// A prefix map as SentencePiece compiles it: an XOR-compressed double array of 32-bit entries (Kanda 2018)
// whose leaves point into a block of zero-terminated replacements. Every index is checked: the map comes from
// a file.
class Charsmap {
 public:
  // Longer replacements are not taken: they bound what a text can grow to. Unicode's longest has 33 bytes.
  static constexpr size_t kMaxReplacement = 64;

  struct Match {
    size_t length = 0;  // bytes of the text; 0: no match
    std::string_view replacement;
  };

  static Result<Charsmap> create(std::string_view blob) {
    Charsmap map;
    if (blob.empty()) return map;
    constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";
    if (blob.size() < 4)
      return fail(ErrorKind::kBadFile, kKey, ": ", blob.size(), " bytes, its header alone has 4");
    uint32_t bytes;
    std::memcpy(&bytes, blob.data(), 4);
    if (bytes > blob.size() - 4)
      return fail(ErrorKind::kBadFile, kKey, ": an array of ", bytes, " bytes in a map of ", blob.size());
    map.array_.resize(bytes / 4);
    if (!map.array_.empty()) std::memcpy(map.array_.data(), blob.data() + 4, map.array_.size() * 4);
    map.replacements_ = blob.substr(4 + size_t(bytes));
    return map;
  }

  Match longest(std::string_view text, size_t at) const {
    Match match;
    if (array_.empty()) return match;
    uint32_t node = base(0);
    for (size_t i = at; i < text.size() && text[i] != '\0'; ++i) {
      node ^= uint8_t(text[i]);
      if (node >= array_.size() || (array_[node] & 0x800000FFu) != uint8_t(text[i])) break;
      const bool leaf = (array_[node] >> 8) & 1;
      node ^= base(node);
      if (node >= array_.size()) break;
      if (!leaf) continue;
      const size_t start = array_[node] & 0x7FFFFFFFu;
      if (start >= replacements_.size()) break;
      const size_t end = replacements_.find('\0', start);
      if (end == replacements_.npos || end - start > kMaxReplacement) break;
      match = {i + 1 - at, std::string_view(replacements_).substr(start, end - start)};
    }
    return match;
  }

 private:
  uint32_t base(size_t node) const {
    const uint32_t entry = array_[node];
    return (entry >> 10) << ((entry & (1u << 9)) >> 6);
  }
  std::vector<uint32_t> array_;
  std::string replacements_;
};

class UnigramModel final : public TokenizerModel {
 public:
  UnigramModel(const VocabularyData& data, const VocabularyTokens& tokens, Charsmap map)
      : tokens_(tokens),
        map_(std::move(map)),
        prefix_space_(data.add_space_prefix.value_or(false)),
        merge_spaces_(data.remove_extra_whitespaces.value_or(false)) {
    float least = std::numeric_limits<float>::max();
    for (size_t i = 0; i < tokens.size(); ++i) {
      const TokenId id = TokenId(i);
      const TokenType type = tokens.type(id);
      if (type == TokenType::kNormal && std::isfinite(tokens.score(id)))
        least = std::min(least, tokens.score(id));
      if (type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kUnused)
        trie_.insert(tokens.text(id), id);
      if (type == TokenType::kUserDefined) user_defined_.insert(tokens.text(id), id);
    }
    constexpr float kPenalty = 10.0f;
    unknown_score_ = least - kPenalty;
  }

  void encode(std::string_view text, bool first, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const override;
  std::string piece_of_normal(std::string_view token) const override { return unmark_spaces(token); }

 private:
  void encode_part(std::string_view text, bool first, TokenizerScratch& scratch,
                   std::vector<TokenId>& ids) const;
  void normalize(std::string_view text, bool prefix, std::string& out) const;
  void find_best(std::string_view text, std::vector<UnigramStep>& best) const;

  const VocabularyTokens& tokens_;
  Charsmap map_;
  bool prefix_space_, merge_spaces_;
  ByteTrie trie_, user_defined_;
  float unknown_score_;
};

void UnigramModel::normalize(std::string_view text, bool prefix, std::string& out) const {
  out.clear();
  bool in_word = false, prefixed = !prefix;
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) {
      if (c == ' ') {
        in_word = false;
        if (!merge_spaces_) out += kSpaceMark;
        continue;
      }
      if (!in_word && (merge_spaces_ || !prefixed)) {
        out += kSpaceMark;
        prefixed = true;
      }
      in_word = true;
      out += c;
    }
  };
  for (size_t at = 0; at < text.size();) {
    // What begins a user-defined token stays as it is.
    size_t kept = 0;
    for (uint32_t node = ByteTrie::kRoot; at + kept < text.size(); ++kept) {
      node = user_defined_.next(node, uint8_t(text[at + kept]));
      if (node == ByteTrie::kNone) break;
    }
    if (kept > 0) {
      add(text.substr(at, kept));
      at += kept;
    } else if (const auto match = map_.longest(text, at); match.length > 0) {
      add(match.replacement);
      at += match.length;
    } else {
      const size_t length = utf8_shape(text, at);
      add(length > 0 ? text.substr(at, length) : "\xEF\xBF\xBD");
      at += std::max<size_t>(length, 1);
    }
  }
}

void UnigramModel::find_best(std::string_view text, std::vector<UnigramStep>& best) const {
  const TokenId unknown = tokens_.special().unknown;
  best.assign(text.size() + 1, {unknown, 0, -std::numeric_limits<double>::max()});
  best[0].score = 0;
  const auto offer = [&](size_t from, size_t to, TokenId id, double score) {
    score += best[from].score;
    if (score > best[to].score) best[to] = {id, uint32_t(from), score};
  };
  for (size_t at = 0; at < text.size();) {
    const size_t character = std::min(utf8_length(text[at]), text.size() - at);
    bool covered = false;
    uint32_t node = ByteTrie::kRoot;
    for (size_t end = at; end < text.size();) {
      node = trie_.next(node, uint8_t(text[end++]));
      if (node == ByteTrie::kNone) break;
      const TokenId id = trie_.value(node);
      if (id == kNoToken) continue;
      covered |= end - at == character;
      offer(at, end, id, tokens_.type(id) == TokenType::kUserDefined ? 0.0 : double(tokens_.score(id)));
    }
    if (!covered) offer(at, at + character, unknown, unknown_score_);
    at += character;
  }
}

// Every byte of a text costs some 20 bytes here, more where the map writes it longer, so long texts go in
// parts.
void UnigramModel::encode(std::string_view text, bool /*first*/, TokenizerScratch& scratch,
                          std::vector<TokenId>& ids) const {
  constexpr size_t kPart = size_t(1) << 24;
  for (size_t at = 0; at < text.size(); at += kPart)
    encode_part(text.substr(at, kPart), at == 0, scratch, ids);
}

void UnigramModel::encode_part(std::string_view text, bool first, TokenizerScratch& scratch,
                               std::vector<TokenId>& ids) const {
  normalize(text, first && prefix_space_, scratch.text);
  if (scratch.text.empty()) return;
  auto& best = scratch.best;
  find_best(scratch.text, best);
  const TokenId unknown = tokens_.special().unknown;
  const size_t before = ids.size();
  bool after_unknown = false;  // neighbouring unknown characters are one token
  for (size_t at = scratch.text.size(); at > 0; at = best[at].from) {
    const TokenId id = best[at].id;
    if (id != kNoToken && !(id == unknown && after_unknown)) ids.push_back(id);
    after_unknown = id == unknown;
  }
  std::reverse(ids.begin() + ptrdiff_t(before), ids.end());
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> make_unigram(const VocabularyData& data,
                                                     const VocabularyTokens& tokens) {
  NIBBLE_TRY(auto map, Charsmap::create(data.precompiled_charsmap));
  return std::make_unique<UnigramModel>(data, tokens, std::move(map));
}

}  // namespace nibble
