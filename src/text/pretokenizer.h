// Cutting text into the words that byte-level BPE works on. Every named pre-tokenizer is a list of steps,
// each of which cuts the pieces of the step before further; the steps are data (pretokenizer_rules.cpp), the
// scanner knows no name. The patterns in comments are the regular expressions that the models were trained
// with, as the files' reference implementation reads them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nibble {

struct CodepointRange {
  uint32_t first, last;
};

// A set of code points: classes (CharClass bits), ASCII characters, ranges. White space beyond ASCII is in a
// set only by its class.
struct CodepointSet {
  uint8_t classes = 0;
  std::string_view ascii = {};
  std::span<const CodepointRange> ranges = {};
};

// Words of natural language and code: the one rich step that most pre-tokenizers consist of.
struct WordRules {
  enum class Contractions : uint8_t { kNone, kLowercase, kAnyCase, kSuffix };
  Contractions
      contractions;       // 's 't 're 've 'm 'll 'd as a word, or (kSuffix, any case) at the end of letters
  bool any_prefix;        // letters take one character before them: [^\r\n\p{L}\p{N}]; false: a space
  bool cased;             // letters: upper* lower+ or upper+ lower*, where A-Z and a-z are cased
  uint8_t digits;         // numbers in groups of so many; 0: of any length, taking a space before them
  std::string_view tail;  // what symbols may take after them: "", "\r\n" or "\r\n/"
  bool newline_runs;      // \s*[\r\n]+ is a word
};

struct PretokenizerStep {
  enum class Kind : uint8_t { kWords, kRun, kTrailingSpace };
  Kind kind;
  const WordRules* words = nullptr;  // kWords
  // kRun: (\s?)[set]{least,most} is a piece, and so is what stands between two of them. kTrailingSpace: \s+$.
  const CodepointSet* set = nullptr;
  bool leading_space = false;
  uint32_t least = 1, most = 0;  // most 0: any number
};

struct Pretokenizer {
  std::string_view name;
  std::span<const PretokenizerStep> steps;
  bool whole_words;  // a piece that is a token is taken as it is, before any merge
};

// nullptr for a name that is none of them.
const Pretokenizer* find_pretokenizer(std::string_view name);
std::span<const Pretokenizer> pretokenizers();

// Sets `ends` to the end of every piece of `text`, in order; the last is text.size(). `text` must come from
// normalized_utf8 and be shorter than 4 GiB. Linear time.
void pretokenize(const Pretokenizer& rules, std::string_view text, std::vector<uint32_t>& ends,
                 std::vector<uint32_t>& scratch);

}  // namespace nibble
