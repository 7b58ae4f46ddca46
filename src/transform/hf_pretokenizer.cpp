// From the structure of tokenizer.json to the name that GGUF files give the same rules
// (text/pretokenizer_rules.cpp).
#include <algorithm>

#include "base/quote.h"
#include "transform/hf_vocabulary.h"

namespace nibble {
namespace {

// Steps as text: a regular expression that isolates its matches stands for itself.
constexpr std::string_view kBytes = "ByteLevel", kBytesAndWords = "ByteLevel with its own regex",
                           kDigits = "single digits", kDigitRuns = "runs of digits",
                           kPunctuation = "punctuation, Contiguous";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Spelled =
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Rules {
  std::string_view name;
  bool ignore_merges;  // a word that is a token is taken as it is
  std::vector<std::string_view> steps;
};
const std::vector<Rules>& known_rules() {
  static const std::vector<Rules> rules = {
      {"gpt-2", false, {kBytesAndWords}},
      {"smollm", false, {kDigits, kBytesAndWords}},
      {"llama-bpe", true, {kLlama3, kBytes}},
      {"smaug-bpe", false, {kLlama3, kBytes}},
      {"llama-bpe", true, {kLlama3Spelled, kBytes}},
      {"smaug-bpe", false, {kLlama3Spelled, kBytes}},
      {"qwen2", false, {kQwen2, kBytes}},
      {"tekken", true, {kTekken, kBytes}},
      {"gpt-4o", false, {kGpt4o, kBytes}},
      {"falcon", false, {kPunctuation, kBytesAndWords, kDigitRuns, "[0-9][0-9][0-9]"}},
  };
  return rules;
}

std::string step_text(JsonValue step) {
  const std::string_view type = step["type"].as_string().value_or("?");
  const auto behavior = step["behavior"].as_string().value_or("?");
  if (type == "ByteLevel") {
    const std::string prefix =
        step["add_prefix_space"].as_bool().value_or(true) ? " and a space before the text" : "";
    return std::string(step["use_regex"].as_bool().value_or(true) ? kBytesAndWords : kBytes) + prefix;
  }
  if (type == "Digits")
    return std::string(step["individual_digits"].as_bool().value_or(false) ? kDigits : kDigitRuns);
  if (type == "Punctuation") return concat("punctuation, ", behavior);
  if (type != "Split") return std::string(type);
  const bool invert = step["invert"].as_bool().value_or(false);
  const auto regex = step["pattern"]["Regex"].as_string();
  const auto literal = step["pattern"]["String"].as_string();
  // What is removed between matches of a pattern that matches everything is nothing.
  const bool isolates = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
  const std::string pattern = regex ? std::string(*regex) : concat("the string ", literal.value_or("?"));
  return isolates ? pattern : concat(pattern, " (", behavior, invert ? ", inverted)" : ")");
}

}  // namespace

std::vector<JsonValue> hf_parts(JsonValue part, std::string_view list_key) {
  std::vector<JsonValue> parts;
  if (!part.has_value()) return parts;
  if (part["type"].as_string() != "Sequence") return {part};
  for (const JsonValue inner : part[list_key].elements()) parts.push_back(inner);
  return parts;
}

Result<std::string> detect_pretokenizer(JsonValue root, const std::string& path) {
  std::vector<std::string> steps;
  for (const JsonValue part : hf_parts(root["pre_tokenizer"], "pretokenizers"))
    steps.push_back(step_text(part));
  const bool ignore_merges = root["model"]["ignore_merges"].as_bool().value_or(false);
  for (const Rules& rules : known_rules())
    if (rules.ignore_merges == ignore_merges && std::ranges::equal(rules.steps, steps))
      return std::string(rules.name);
  std::string shown;
  for (const std::string& step : steps) shown += concat(shown.empty() ? "" : ", then ", quoted(step, 400));
  return fail(ErrorKind::kUnsupported, path, ": pre_tokenizer cuts text by ",
              shown.empty() ? "nothing" : shown, ignore_merges ? " (with ignore_merges)" : "",
              ", for which no name is known; if it is one of the pre-tokenizers that nibble has, say so with "
              "--pre NAME");
}

}  // namespace nibble
