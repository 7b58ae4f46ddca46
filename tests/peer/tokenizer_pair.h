// One vocabulary as nibble and the peer have it, and the comparison of their ids.
#pragma once
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "peer_fixture.h"
#include "random_text.h"
#include "text/tokenizer.h"

namespace nibble::peer {

struct Pair {
  GgufFile file;
  Tokenizer ours;
  Model theirs;
};
// `pre`: a pre-tokenizer instead of the file's; empty: the file's.
Result<Pair> open_pair(const PeerApi& api, const std::string& path, const std::string& pre = "");

// What each token spells: material for random texts.
std::vector<std::string> token_texts(const Tokenizer& tokenizer);
std::string joined(const std::vector<Token>& ids);

// Compares ids; counts what it could not compare.
class Comparison {
 public:
  // `special`: special tokens are added and parsed.
  Comparison(const Pair& pair, bool special) : pair_(pair), special_(special) {}
  // Empty when both give the same ids for the text, or when the peer throws; otherwise the text and both.
  std::string difference(const std::string& text);
  size_t refused() const { return refused_; }

 private:
  const Pair& pair_;
  bool special_;
  size_t refused_ = 0;
};

// Fails with the shortest forms of the first texts that differ, of `count` random ones.
void expect_same_ids(const Pair& pair, bool special, size_t count);

}  // namespace nibble::peer
