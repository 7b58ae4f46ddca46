// A vocabulary as a model file states it: plain data, no behaviour. The strings are views of memory that must
// outlive this object (the mapped file, or the caller's own); the tokenizer copies what it keeps.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

using TokenId = int32_t;
inline constexpr TokenId kNoToken = -1;

// The values of `tokenizer.ggml.token_type`.
enum class TokenType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// Special ids; kNoToken where the file has none.
struct SpecialTokens {
  TokenId bos = kNoToken;
  TokenId eos = kNoToken;
  TokenId eot = kNoToken;  // end of turn
  TokenId eom = kNoToken;  // end of message
  TokenId unknown = kNoToken;
  TokenId separator = kNoToken;
  TokenId padding = kNoToken;
  TokenId cls = kNoToken;
  TokenId mask = kNoToken;
};

struct VocabularyData {
  std::string model;                     // "llama", "gpt2", "bert", "t5"
  std::string pre;                       // pre-tokenizer's name; empty: the file has none (default)
  std::vector<std::string_view> tokens;  // text of every id, in the file's own alphabet
  std::vector<float> scores;             // empty or one per token
  std::vector<int32_t> types;            // TokenType, empty or one per token
  std::vector<std::string_view> merges;  // "left right", best first (byte-level BPE)
  std::string precompiled_charsmap;      // t5: its normalization table, may be empty
  std::string name, architecture;        // general.name and general.architecture: some models' tokens strip
                                         // the white space beside them, and no key says so
  SpecialTokens special;
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
  // WordPiece normalization; absent: true, and as lowercase says.
  std::optional<bool> lowercase, strip_accents;
};

}  // namespace nibble
