// The one table of options: a row says a parameter's flags, request field, range, help and commands; its type
// and its default come from the struct member it is bound to. Parsing, --help, request validation and
// docs/cli.md read it.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "measure/perplexity.h"
#include "transform/convert.h"
#include "transform/quantize.h"
#include "transform/synth.h"

namespace nibble {

// One bit a command, so that a row can name several.
using CommandSet = uint32_t;
inline constexpr CommandSet kRun = 1 << 0, kChat = 1 << 1, kInspect = 1 << 2, kTokenize = 1 << 3,
                            kDetokenize = 1 << 4, kSynth = 1 << 5, kQuantize = 1 << 6,
                            kPerplexity = 1 << 7, kImatrix = 1 << 9, kConvert = 1 << 10;

inline constexpr CommandSet kBench = 1 << 8;

// How texts come in and results go out.
struct TextOptions {
  std::string prompt;       // empty: from prompt_file, or stdin
  std::string prompt_file;  // "-": stdin
  bool chat = false;        // `run`: the prompt is a user's message
  std::string system;       // the system message of a conversation
  std::string chat_template_file;
  bool echo = false;  // print the prompt before the answer
  bool json = false;
  bool quiet = false;    // no timings on stderr
  bool bos = false;      // `tokenize`: begin with BOS as the vocabulary says
  bool special = false;  // text that spells a special token is that token, and the other way round
};

struct InspectOptions {
  bool tensors = false;
  bool keys = false;
};

// Lists are counts with commas between them.
struct BenchFlags {
  std::string prompts = "512", depths = "0", columns;
  std::string kernels, formats, isas;  // of `bench kernels`: names; empty: all
  int64_t generate = 64;
  int repeats = 0;  // 0: as many as BenchOptions says
  std::string format = "md";
  std::string save, against;  // names of runs in the history
  std::string html;           // a page to write
  std::string history;        // its file; empty: default_history_path()
  float threshold = 3;        // percent
};
inline constexpr ValueRange kBenchGenerateRange{0, 1 << 20};
inline constexpr ValueRange kBenchRepeatsRange{0, 1000};
inline constexpr ValueRange kBenchThresholdRange{0, 1000};

// Everything a command line can say. Each parameter lives in the struct of the layer that acts on it.
struct CommandLine {
  std::string command;
  std::string model;
  std::vector<std::string> arguments;  // further words that are no options
  bool help = false;
  EngineOptions engine;
  GenerationRequest generation;
  TextOptions text;
  InspectOptions inspect;
  SynthOptions synth;
  QuantizeOptions quantize;
  ConvertOptions convert;
  PerplexityOptions perplexity;
  ImportanceOptions importance;
  BenchFlags bench;
  std::string output;
};

// The member a row is bound to; its type says how a value is read.
using OptionTarget =
    std::variant<bool*, int*, int64_t*, uint64_t*, float*, std::string*, std::optional<uint64_t>*, DraftKind*, KvType*,
                 std::vector<std::string>*, std::vector<TokenId>*, std::vector<LogitBias>*>;

struct Option {
  std::string_view flags;  // "-n, --max-tokens, --predict": the first long one is its name
  std::string_view field;  // in JSON requests; empty: none
  std::optional<ValueRange> range;
  std::string_view value;  // "N", as help shows it; empty for switches
  CommandSet commands;
  std::string_view help;
  OptionTarget (*target)(CommandLine&);
};
std::span<const Option> options();

std::vector<std::string_view> option_flags(const Option& option);
std::string_view option_name(const Option& option);  // "--max-tokens"
// The default as text ("0.8"); empty where there is none to show.
std::string option_default(const Option& option);

// Sets the row's member of `line` from text; lists grow by one entry. kInvalidArgument names the flag, the
// value found and the value wanted.
Status set_option(const Option& option, CommandLine& line, std::string_view value);

}  // namespace nibble
