// Merging neighbours, best first: the common core of byte-level BPE (rank = line of the merge) and of
// SentencePiece-style tokenizing (rank = place of the merged token's score). Of several pairs of the best
// rank the leftmost goes first. Symbols are numbers: ids of tokens, and further numbers for texts that are no
// token.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary_tokens.h"

namespace nibble {

inline constexpr uint32_t kNoSymbol = 0xFFFFFFFF;  // a text that takes part in no merge

// Texts as numbers: every token is its (first) id, other texts get numbers from tokens.size() on.
class SymbolTable {
 public:
  explicit SymbolTable(const VocabularyTokens& tokens)
      : index_(tokens.index()), next_(uint32_t(tokens.size())) {}
  uint32_t intern(std::string_view text);
  uint32_t find(std::string_view text) const { return index_.find(text); }
  uint32_t find(std::string_view text, uint64_t hash) const { return index_.find(text, hash); }
  static_assert(TextIndex::kMissing == kNoSymbol);

 private:
  TextIndex index_;
  std::deque<std::string> texts_;  // owned texts of the further numbers; a deque keeps them in place
  uint32_t next_;
};

struct Symbol {
  uint32_t id;
  uint32_t begin;  // where it starts in the word
};

// The tokens of merged symbols. One that is no token gives those of its bytes, `bytes` (kNoToken: nothing).
void append_tokens(std::span<const Symbol> symbols, std::string_view word, size_t tokens,
                   const std::array<TokenId, 256>& bytes, std::vector<TokenId>& ids);

// Reusable memory of one thread.
struct MergeScratch {
  std::vector<uint32_t> rank, merged, previous, next;
  std::vector<uint64_t> heap;
};

class MergeTable {
 public:
  static constexpr uint32_t kNoRank = 0xFFFFFFFF;
  struct Merge {
    uint32_t rank = kNoRank;
    uint32_t merged = kNoSymbol;
  };

  explicit MergeTable(size_t expected = 0);
  // The first merge given for a pair stays.
  void add(uint32_t left, uint32_t right, Merge merge);
  Merge find(uint32_t left, uint32_t right) const {
    const uint64_t pair = uint64_t(left) << 32 | right;
    const uint64_t h = mixed(pair);
    // Most neighbours do not merge, and mostly the bits, which stay in the cache, say so.
    if (!((maybe_[(h >> 6) & maybe_mask_] >> (h & 63)) & 1) || pair == kEmpty) return {};
    for (size_t i = (h >> 32) & mask_;; i = (i + 1) & mask_) {
      if (slots_[i].pair == pair) return slots_[i].merge;
      if (slots_[i].pair == kEmpty) return {};
    }
  }
  // Call once, after the last add.
  void seal();
  // Merges `symbols` (fewer than 2^32) in place until no pair merges. Time n log n, no recursion.
  void apply(std::vector<Symbol>& symbols, MergeScratch& scratch) const;

 private:
  struct Slot {
    uint64_t pair = kEmpty;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t(0);  // (kNoSymbol, kNoSymbol) never merges
  uint64_t mixed(uint64_t pair) const {
    const uint64_t product = (pair ^ (pair >> 29)) * multiplier_;
    return product ^ (product >> 32);
  }
  void grow();
  void apply_short(std::vector<Symbol>& symbols) const;
  void apply_long(std::vector<Symbol>& symbols, MergeScratch& scratch) const;

  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t mask_ = 0, used_ = 0;
  std::vector<uint64_t> maybe_;  // a bit for each pair, by its hash; clear: surely no merge
  size_t maybe_mask_ = 0;
  uint64_t multiplier_;  // odd, drawn per table: no vocabulary can be written to collide
};

}  // namespace nibble
