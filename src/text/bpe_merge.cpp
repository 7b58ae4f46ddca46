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

uint32_t SymbolTable::intern(std::string_view text) {
  if (const uint32_t there = index_.find(text); there != kNoSymbol) return there;
  texts_.emplace_back(text);
  return index_.insert(texts_.back(), next_++);
}

MergeTable::MergeTable(size_t expected) : slots_(std::bit_ceil(expected * 2 + 16)) {
  std::random_device device;
  multiplier_ = (uint64_t(device()) << 32 | device()) | 1;
}

size_t MergeTable::home(uint64_t pair) const {
  const uint64_t mixed = (pair ^ (pair >> 29)) * multiplier_;
  return (mixed ^ (mixed >> 32)) & (slots_.size() - 1);
}

void MergeTable::add(uint32_t left, uint32_t right, Merge merge) {
  const uint64_t pair = pair_key(left, right);
  if (pair == kEmpty) return;
  if ((used_ + 1) * 2 > slots_.size()) grow();
  size_t i = home(pair);
  for (; slots_[i].pair != kEmpty; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].pair == pair) return;
  }
  slots_[i] = {pair, merge};
  ++used_;
}

void MergeTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.pair == kEmpty) continue;
    size_t i = home(slot.pair);
    while (slots_[i].pair != kEmpty) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }
}

MergeTable::Merge MergeTable::find(uint32_t left, uint32_t right) const {
  const uint64_t pair = pair_key(left, right);
  if (pair == kEmpty) return {};
  for (size_t i = home(pair);; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].pair == pair) return slots_[i].merge;
    if (slots_[i].pair == kEmpty) return {};
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
  Merge merges[kShort];  // merges[i]: of symbols i and i + 1
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = find(symbols[i].id, symbols[i + 1].id);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    symbols[best].id = merges[best].merged;
    for (size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      merges[i] = merges[i + 1];
    }
    --count;
    if (best > 0) merges[best - 1] = find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) merges[best] = find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(count);
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
