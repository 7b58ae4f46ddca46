#include "text/bpe_merge.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <random>

namespace nibble {
namespace {

constexpr size_t kShort = 40;  // up to so many symbols scanning for the best pair beats a heap

uint64_t pair_key(uint32_t left, uint32_t right) { return uint64_t(left) << 32 | right; }

}  // namespace

void append_tokens(std::span<const Symbol> symbols, std::string_view word, size_t tokens,
                   const std::array<TokenId, 256>& bytes, std::vector<TokenId>& ids) {
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].id < tokens) {
      ids.push_back(TokenId(symbols[i].id));
      continue;
    }
    const size_t end = i + 1 < symbols.size() ? symbols[i + 1].begin : word.size();
    for (size_t at = symbols[i].begin; at < end; ++at)
      if (const TokenId id = bytes[uint8_t(word[at])]; id != kNoToken) ids.push_back(id);
  }
}

uint32_t SymbolTable::intern(std::string_view text) {
  if (const uint32_t there = index_.find(text); there != kNoSymbol) return there;
  texts_.emplace_back(text);
  return index_.insert(texts_.back(), next_++);
}

MergeTable::MergeTable(size_t expected)
    : slots_(std::bit_ceil(expected * 2 + 16)), mask_(slots_.size() - 1), maybe_(1) {
  std::random_device device;
  multiplier_ = (uint64_t(device()) << 32 | device()) | 1;
}

void MergeTable::add(uint32_t left, uint32_t right, Merge merge) {
  const uint64_t pair = pair_key(left, right);
  if (pair == kEmpty) return;
  if ((used_ + 1) * 2 > slots_.size()) grow();
  size_t i = (mixed(pair) >> 32) & mask_;
  for (; slots_[i].pair != kEmpty; i = (i + 1) & mask_) {
    if (slots_[i].pair == pair) return;
  }
  slots_[i] = {pair, merge};
  ++used_;
}

void MergeTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.pair == kEmpty) continue;
    size_t i = (mixed(slot.pair) >> 32) & mask_;
    while (slots_[i].pair != kEmpty) i = (i + 1) & mask_;
    slots_[i] = slot;
  }
}

void MergeTable::seal() {
  maybe_.assign(std::bit_ceil(used_ * 16 + 64) / 64, 0);
  maybe_mask_ = maybe_.size() - 1;
  for (const Slot& slot : slots_) {
    const uint64_t h = mixed(slot.pair);
    if (slot.pair != kEmpty) maybe_[(h >> 6) & maybe_mask_] |= uint64_t(1) << (h & 63);
  }
}

void MergeTable::apply(std::vector<Symbol>& symbols, MergeScratch& scratch) const {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShort) {
    apply_short(symbols);
  } else {
    apply_long(symbols, scratch);
  }
}

void MergeTable::apply_short(std::vector<Symbol>& symbols) const {
  uint64_t order[kShort];  // of symbols i and i + 1: rank << 32 | i, so that the least is the next to merge
  uint32_t merged[kShort];
  const auto look_up = [&](size_t i) {
    const Merge merge = find(symbols[i].id, symbols[i + 1].id);
    order[i] = uint64_t(merge.rank) << 32 | i;
    merged[i] = merge.merged;
  };
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    uint64_t least = order[0];
    for (size_t i = 1; i + 1 < count; ++i) least = std::min(least, order[i]);
    if (least >> 32 == kNoRank) break;
    const size_t best = uint32_t(least);
    symbols[best].id = merged[best];
    --count;
    std::copy(symbols.begin() + ptrdiff_t(best + 2), symbols.end(), symbols.begin() + ptrdiff_t(best + 1));
    symbols.pop_back();
    for (size_t i = best + 1; i + 1 < count; ++i) {
      order[i] = order[i + 1] - 1;
      merged[i] = merged[i + 1];
    }
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
}

void MergeTable::apply_long(std::vector<Symbol>& symbols, MergeScratch& s) const {
  const uint32_t count = uint32_t(symbols.size()), none = 0xFFFFFFFF;
  s.rank.assign(count, kNoRank);
  s.merged.resize(count);
  s.previous.resize(count);
  s.next.resize(count);
  s.heap.clear();
  const auto look_up = [&](uint32_t left, uint32_t right) {
    const Merge merge = find(symbols[left].id, symbols[right].id);
    s.rank[left] = merge.rank;
    s.merged[left] = merge.merged;
    return merge.rank != kNoRank;
  };
  const auto entry = [&](uint32_t left) { return uint64_t(s.rank[left]) << 32 | left; };
  const auto push = [&](uint32_t left, uint32_t right) {
    if (!look_up(left, right)) return;
    s.heap.push_back(entry(left));
    std::push_heap(s.heap.begin(), s.heap.end(), std::greater<>());
  };
  for (uint32_t i = 0; i < count; ++i) {
    s.previous[i] = i == 0 ? none : i - 1;
    s.next[i] = i + 1 == count ? none : i + 1;
    if (i + 1 < count && look_up(i, i + 1)) s.heap.push_back(entry(i));
  }
  std::make_heap(s.heap.begin(), s.heap.end(), std::greater<>());
  while (!s.heap.empty()) {
    std::pop_heap(s.heap.begin(), s.heap.end(), std::greater<>());
    const uint64_t top = s.heap.back();
    s.heap.pop_back();
    const uint32_t left = uint32_t(top);
    if (s.rank[left] != uint32_t(top >> 32)) continue;  // outdated: one of the two has been merged since
    const uint32_t right = s.next[left], after = s.next[right];
    symbols[left].id = s.merged[left];
    s.rank[left] = s.rank[right] = kNoRank;
    symbols[right].id = kNoSymbol;
    s.next[left] = after;
    if (after != none) {
      s.previous[after] = left;
      push(left, after);
    }
    if (s.previous[left] != none) push(s.previous[left], left);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i != none; i = s.next[i]) symbols[kept++] = symbols[i];
  symbols.resize(kept);
}

}  // namespace nibble
