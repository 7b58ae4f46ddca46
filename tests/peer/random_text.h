// Random texts that visit the corners of tokenizers: every Unicode class, runs of blanks, contractions,
// digits, texts of special tokens, and bytes that are no UTF-8. Reproducible from the seed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace nibble::peer {

class RandomText {
 public:
  // `pieces`: further texts to sprinkle in, such as the vocabulary's own.
  RandomText(uint64_t seed, std::vector<std::string> pieces) : state_(seed), pieces_(std::move(pieces)) {}
  std::string next();

 private:
  uint32_t below(uint32_t bound);
  void append_code_point(std::string& out);
  void append_invalid(std::string& out);
  void append_blanks(std::string& out);
  void append_word(std::string& out);
  void append_piece(std::string& out);

  uint64_t state_;
  std::vector<std::string> pieces_;
};

// Removes parts of `text` as long as `fails` stays true of what is left.
template <class Fails>
std::string shrink(std::string text, Fails fails) {
  for (size_t width = text.size() / 2; width > 0; width /= 2) {
    for (size_t at = 0; at < text.size();) {
      std::string shorter = text;
      shorter.erase(at, width);
      if (fails(shorter)) {
        text = std::move(shorter);
      } else {
        at += width;
      }
    }
  }
  return text;
}

// C-like escapes for bytes outside printable ASCII.
std::string escaped(const std::string& text);

}  // namespace nibble::peer
