#include "text/tokenizer_special.h"

#include <algorithm>
#include <string>

namespace nibble {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string ascii_lowercase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return out;
}

}  // namespace

SpecialMatcher::SpecialMatcher(const VocabularyData& data, const VocabularyTokens& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    const TokenId id = TokenId(i);
    const TokenType type = tokens.type(id);
    if (type == TokenType::kUserDefined) user_defined_.insert(tokens.text(id), id);
    if (type == TokenType::kUserDefined || type == TokenType::kControl || type == TokenType::kUnknown)
      all_.insert(tokens.text(id), id);
  }
  strip_as_known(data, tokens);
}

// Tokens that swallow the white space beside them: files do not say which, models' names do.
void SpecialMatcher::strip_as_known(const VocabularyData& data, const VocabularyTokens& tokens) {
  const std::string name = ascii_lowercase(data.name);
  const auto pre_has = [&](std::string_view part) { return data.pre.find(part) != std::string::npos; };
  const auto strip_left = [&](std::string_view text) {
    if (const TokenId id = tokens.find(text); id != kNoToken) strips_.push_back({id, {.left = true}});
  };
  if (pre_has("jina-v2-de") || pre_has("jina-v2-es") || pre_has("jina-v2-code") ||
      data.architecture == "nomic-bert-moe" || data.architecture == "jina-bert-v3") {
    strip_left("<mask>");
  } else if (name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const TokenType type = tokens.type(TokenId(i));
      const std::string_view text = tokens.text(TokenId(i));
      const bool matched =
          type == TokenType::kUserDefined || type == TokenType::kControl || type == TokenType::kUnknown;
      if (matched && text != "<unk>" && text != "<s>" && text != "<|endoftext|>")
        strips_.push_back({TokenId(i), {.right = true}});
    }
  } else if (name.find("modern-bert") != std::string::npos) {
    strip_left("[MASK]");
  }
}

SpecialMatcher::Strips SpecialMatcher::strips_of(TokenId id) const {
  const auto at = std::lower_bound(strips_.begin(), strips_.end(), id,
                                   [](const auto& s, TokenId value) { return s.first < value; });
  return at != strips_.end() && at->first == id ? at->second : Strips{};
}

// Heap order: the longest first, then the smallest id, then the leftmost.
bool SpecialMatcher::later(const Candidate& a, const Candidate& b) {
  if (a.length != b.length) return a.length < b.length;
  if (a.id != b.id) return a.id > b.id;
  return a.at > b.at;
}

ByteTrie::Match SpecialMatcher::longest_below(std::string_view text, size_t at, size_t limit,
                                              bool parse_special) const {
  return (parse_special ? all_ : user_defined_)
      .longest(text.substr(0, std::min(text.size(), at + limit - 1)), at);
}

void SpecialMatcher::resolve(std::string_view text, bool parse_special, std::vector<Candidate>& heap,
                             std::vector<Part>& taken) const {
  std::vector<bool> used(text.size());
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate c = heap.back();
    heap.pop_back();
    if (used[c.at]) continue;
    size_t end = c.at;
    while (end < c.at + c.length && !used[end]) ++end;
    if (end < c.at + c.length) {  // its end is taken: a shorter one may still fit
      const ByteTrie::Match match = longest_below(text, c.at, c.length, parse_special);
      if (match.length == 0) continue;
      heap.push_back({match.length, c.at, match.value});
      std::push_heap(heap.begin(), heap.end(), later);
      continue;
    }
    const Strips strips = strips_of(c.id);
    size_t begin = c.at;
    while (strips.left && begin > 0 && !used[begin - 1] && is_space(text[begin - 1])) --begin;
    while (strips.right && end < text.size() && !used[end] && is_space(text[end])) ++end;
    for (size_t i = begin; i < end; ++i) used[i] = true;
    taken.push_back({begin, end, c.id});
  }
  std::sort(taken.begin(), taken.end(), [](const Part& a, const Part& b) { return a.begin < b.begin; });
}

void SpecialMatcher::split(std::string_view text, bool parse_special, std::vector<Part>& parts) const {
  parts.clear();
  const ByteTrie& trie = parse_special ? all_ : user_defined_;
  std::vector<Candidate> heap;
  if (!trie.empty()) {
    for (size_t at = 0; at < text.size(); ++at) {
      if (trie.next(ByteTrie::kRoot, uint8_t(text[at])) == ByteTrie::kNone) continue;
      if (const auto match = trie.longest(text, at); match.length > 0)
        heap.push_back({match.length, at, match.value});
    }
  }
  std::vector<Part> taken;
  if (!heap.empty()) resolve(text, parse_special, heap, taken);
  size_t at = 0;
  for (const Part& part : taken) {
    if (part.begin > at) parts.push_back({at, part.begin, kNoToken});
    parts.push_back(part);
    at = part.end;
  }
  if (at < text.size()) parts.push_back({at, text.size(), kNoToken});
}

}  // namespace nibble
