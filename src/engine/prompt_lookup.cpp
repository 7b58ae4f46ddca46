#include "engine/prompt_lookup.h"

#include <algorithm>
#include <bit>

namespace nibble {

PromptLookup::PromptLookup(std::span<const TokenId> tokens)
    : tokens_(tokens.begin(), tokens.end()),
      latest_(std::bit_ceil(tokens.size() + 2048)),
      earlier_(tokens.size() + 1) {
  for (int64_t end = kShortestMatch; end < int64_t(tokens_.size()); ++end) index(end);
  search();
}

size_t PromptLookup::slot(int64_t end) const {
  uint64_t hash = 0;
  for (int64_t i = end - kShortestMatch; i < end; ++i)
    hash = (hash + uint32_t(tokens_[size_t(i)]) + 1) * 0x9E3779B97F4A7C15u;
  return size_t(hash >> 32) & (latest_.size() - 1);
}

void PromptLookup::index(int64_t end) {
  int64_t& latest = latest_[slot(end)];
  earlier_[size_t(end)] = latest;
  latest = end;
}

void PromptLookup::push(TokenId token) {
  const int64_t end = int64_t(tokens_.size());
  if (end >= kShortestMatch) index(end);  // only now does something follow it
  const bool expected = match_ > 0 && next() == token;
  tokens_.push_back(token);
  earlier_.push_back(0);
  if (expected) {
    ++source_;
    match_ = std::min(match_ + 1, kLongestMatch);
  } else {
    search();
  }
}

// Tokens before `end` that are the same as those before the end of the timeline.
int PromptLookup::common_suffix(int64_t end) const {
  const TokenId* const here = tokens_.data() + end;
  const TokenId* const last = tokens_.data() + tokens_.size();
  const int most = int(std::min<int64_t>(end, kLongestMatch));
  int length = 0;
  while (length < most && here[-1 - length] == last[-1 - length]) ++length;
  return length;
}

// The longest match among the latest candidates, of equal ones the latest.
void PromptLookup::search() {
  match_ = 0;
  if (int64_t(tokens_.size()) < kShortestMatch) return;
  int64_t candidate = latest_[slot(int64_t(tokens_.size()))];
  for (int i = 0; i < kMostCandidates && candidate > 0 && match_ < kLongestMatch; ++i) {
    const int length = common_suffix(candidate);
    if (length >= kShortestMatch && length > match_) {
      match_ = length;
      source_ = candidate;
    }
    candidate = earlier_[size_t(candidate)];
  }
}

void PromptLookup::predict(int count, std::vector<TokenId>& out) const {
  out.clear();
  if (match_ == 0) return;
  const size_t followed = tokens_.size() - size_t(source_);
  for (size_t i = 0; i < size_t(count); ++i)
    out.push_back(i < followed ? tokens_[size_t(source_) + i] : out[i - followed]);
}

}  // namespace nibble
