#include "surfaces/options.h"

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace nibble {
namespace {

constexpr CommandSet kGenerate = kRun | kChat;
constexpr CommandSet kTakesModel = kGenerate | kBench | kInspect | kTokenize | kDetokenize | kQuantize | kPerplexity | kImatrix;
constexpr CommandSet kTakesPrompt = kRun | kTokenize | kDetokenize | kPerplexity | kImatrix;
constexpr CommandSet kPrintsJson = kRun | kBench | kInspect | kTokenize | kDetokenize | kQuantize | kPerplexity | kConvert;
constexpr std::nullopt_t kAny = std::nullopt;

#define TO(member) [](CommandLine& line) -> OptionTarget { return &line.member; }

// clang-format off
constexpr Option kOptions[] = {
    {"-m, --model", "", kAny, "FILE", kTakesModel,
     "model file (GGUF); may also stand as the first word after the command", TO(model)},
    {"-t, --threads", "", kThreadsRange, "N", kGenerate | kBench | kSynth | kQuantize | kPerplexity | kImatrix | kConvert,
     "threads; 0: the physical cores that affinity and cgroup quota give", TO(engine.threads)},
    {"-c, --context, --ctx-size", "", kContextRange, "N", kGenerate | kInspect | kBench,
     "positions of the context; 0: what the model was made for, less where memory is short", TO(engine.context)},
    {"--kv", "", kAny, "f16|q8_0", kGenerate | kBench | kInspect | kPerplexity,
     "how keys and values are kept: q8_0 takes half the memory and rounds more", TO(engine.kv)},
    {"-b, --batch, --batch-size", "", kBatchRange, "N", kGenerate | kPerplexity | kImatrix, "prompt tokens computed in one pass", TO(engine.batch)},

    {"--fast-bf16", "", kAny, "", kGenerate | kBench | kPerplexity,
     "multiply BF16 weights by the processor's bf16 unit (AMX, AVX512-BF16): activations are rounded to bf16, so the bits are others",
     TO(engine.fast_bf16)},

    {"-p, --prompt", "prompt", kAny, "TEXT", kTakesPrompt, "the text; else from --file, else from stdin", TO(text.prompt)},
    {"-f, --file", "", kAny, "FILE", kTakesPrompt, "read the text from a file; - is stdin", TO(text.prompt_file)},
    {"--chat", "", kAny, "", kRun, "the prompt is a user's message: apply the model's chat template", TO(text.chat)},
    {"-sys, --system, --system-prompt", "", kAny, "TEXT", kGenerate, "system message of the conversation", TO(text.system)},
    {"--chat-template-file", "", kAny, "FILE", kGenerate, "Jinja template to use instead of the file's", TO(text.chat_template_file)},
    {"--echo", "echo", kAny, "", kRun, "print the prompt before the answer", TO(text.echo)},

    {"-n, --max-tokens, --predict, --n-predict", "max_tokens", kMaxTokensRange, "N", kGenerate,
     "tokens of the answer; -1: until it ends or the context is full", TO(generation.max_tokens)},
    {"-r, --stop, --reverse-prompt", "stop", kAny, "TEXT", kGenerate,
     "end the answer before this text; may be given several times", TO(generation.stop)},
    {"--stop-id", "stop_token_ids", kAny, "ID", kGenerate, "end the answer before this token; may be given several times",
     TO(generation.stop_ids)},
    {"--ignore-eos", "ignore_eos", kAny, "", kGenerate, "go on after end-of-generation tokens", TO(generation.ignore_end)},
    {"-s, --seed", "seed", kAny, "N", kGenerate, "seed of the random draws; without it a new one every time",
     TO(generation.sampling.seed)},
    {"--temp, --temperature", "temperature", kTemperatureRange, "X", kGenerate,
     "divides the logits before the draw; 0: always the most likely token", TO(generation.sampling.temperature)},
    {"--top-k", "top_k", kTopKRange, "N", kGenerate, "draw from the N most likely tokens; 0: from all",
     TO(generation.sampling.top_k)},
    {"--top-p", "top_p", kProbabilityRange, "X", kGenerate, "draw from the most likely tokens that make up probability X; 1: off",
     TO(generation.sampling.top_p)},
    {"--min-p", "min_p", kProbabilityRange, "X", kGenerate,
     "draw from tokens at least X times as likely as the likeliest; 0: off", TO(generation.sampling.min_p)},
    {"--typical", "typical_p", kProbabilityRange, "X", kGenerate,
     "draw from the most typical tokens that make up probability X; 1: off", TO(generation.sampling.typical_p)},
    {"--repeat-penalty", "repetition_penalty", kRepetitionPenaltyRange, "X", kGenerate,
     "weakens tokens that have appeared, by division; 1: off", TO(generation.sampling.repetition_penalty)},
    {"--presence-penalty", "presence_penalty", kAdditivePenaltyRange, "X", kGenerate,
     "subtracted from the logits of tokens that have appeared", TO(generation.sampling.presence_penalty)},
    {"--frequency-penalty", "frequency_penalty", kAdditivePenaltyRange, "X", kGenerate,
     "subtracted once for each time a token has appeared", TO(generation.sampling.frequency_penalty)},
    {"--repeat-last-n", "penalty_window", kPenaltyWindowRange, "N", kGenerate,
     "last tokens the three penalties look at; -1: all, 0: none", TO(generation.sampling.penalty_window)},
    {"-l, --logit-bias", "logit_bias", kLogitBiasRange, "ID+X", kGenerate,
     "add X to the logit of a token (ID-X subtracts); may be given several times", TO(generation.sampling.logit_bias)},

    {"--draft", "draft", kAny, "ngram|none", kGenerate,
     "guess tokens from what followed the same words before and check several in one pass, when that is faster; the answer is the same",
     TO(generation.draft)},
    {"--draft-length", "draft_length", kDraftLengthRange, "N", kGenerate, "tokens guessed at once; -1: as many as pay, by measurement",
     TO(generation.draft_length)},

    {"--bos", "add_special", kAny, "", kTokenize, "begin with BOS and the like, as the vocabulary says", TO(text.bos)},
    {"--special", "parse_special", kAny, "", kTokenize | kDetokenize | kPerplexity | kImatrix,
     "text that spells a special token is that token; special tokens are written as text", TO(text.special)},
    {"--tensors", "", kAny, "", kInspect, "list every tensor", TO(inspect.tensors)},
    {"--keys", "", kAny, "", kInspect, "list every metadata key", TO(inspect.keys)},

    {"--shape", "", kAny, "NAME", kSynth, "shape of the model; a wrong name lists them", TO(synth.shape)},
    {"--format", "", kAny, "NAME", kSynth, "format or recipe of its tensors (Q4_K_M, Q8_0, F16, ...)", TO(synth.format)},
    {"--weight-seed", "", kAny, "N", kSynth, "seed of the random weights", TO(synth.seed)},
    {"--outliers", "", kAny, "", kSynth, "make a few input channels of every matrix 50 times larger", TO(synth.outliers)},
    {"-o, --output", "", kAny, "FILE", kSynth | kImatrix, "file to write", TO(output)},

    {"--tensor", "", kAny, "PATTERN=FORMAT", kQuantize,
     "format of the tensors whose names hold PATTERN (* and ? match any); the first of several that matches counts",
     TO(quantize.overrides)},
    {"--keep", "", kAny, "PATTERN", kQuantize, "leave these tensors as they are; may be given several times", TO(quantize.keep)},
    {"--size", "", kAny, "SIZE", kQuantize, "choose formats for a file of at most this size (4.1GiB, 500MB)", TO(quantize.size)},
    {"--bpw", "", kBitsPerWeightRange, "X", kQuantize, "choose formats for at most this many bits per weight",
     TO(quantize.bits_per_weight)},
    {"--imatrix", "", kAny, "FILE", kQuantize, "weigh errors by this importance matrix (nibble imatrix, or llama.cpp's)",
     TO(quantize.importance)},
    {"--allow-non-finite", "", kAny, "", kQuantize, "make NaN and infinite weights zeros instead of refusing them",
     TO(quantize.allow_non_finite)},
    {"--split-size", "", kAny, "SIZE", kQuantize, "write parts of at most this size: OUT-00001-of-0000N.gguf, ...",
     TO(quantize.split_size)},
    {"--split-tensors", "", kSplitTensorsRange, "N", kQuantize, "write parts of at most so many tensors; 0: no bound",
     TO(quantize.split_tensors)},
    {"--dry-run", "", kAny, "", kQuantize, "only print what each tensor would become and the size", TO(quantize.dry_run)},

    {"--type", "", kAny, "auto|f32|f16|bf16", kConvert, "format of the matrices; auto: as they are stored", TO(convert.type)},
    {"--pre", "", kAny, "NAME", kConvert, "pre-tokenizer by its GGUF name (llama-bpe, qwen2, ...), where tokenizer.json is not understood",
     TO(convert.pre)},
    {"--name", "", kAny, "NAME", kConvert, "general.name of the file; else the model's own", TO(convert.name)},
    {"--allow-non-finite", "", kAny, "", kConvert, "make NaN and infinite weights zeros instead of refusing them",
     TO(convert.allow_non_finite)},
    {"--dry-run", "", kAny, "", kConvert, "only print what would be written", TO(convert.dry_run)},

    {"--chunk", "", kPerplexityContextRange, "N", kPerplexity, "tokens of a chunk", TO(perplexity.context)},
    {"--chunks", "", kChunksRange, "N", kPerplexity, "score at most so many chunks; 0: the whole text", TO(perplexity.chunks)},
    {"--documents", "", kAny, "", kPerplexity,
     "cut the text where it spells the end-of-text token and score each document by itself, from its second token on",
     TO(perplexity.documents)},
    {"--chunk", "", kPerplexityContextRange, "N", kImatrix, "tokens of a chunk", TO(importance.context)},
    {"--chunks", "", kChunksRange, "N", kImatrix, "read at most so many chunks; 0: the whole text", TO(importance.chunks)},
    {"--save-every", "", kChunksRange, "N", kImatrix, "save after so many chunks; 0: only at the end", TO(importance.save_every)},
    {"--resume", "", kAny, "", kImatrix, "go on from --output, where it exists; made from the same text and model", TO(importance.resume)},
    {"--save-logits", "", kAny, "FILE", kPerplexity, "save the log-probabilities, for comparison with this model",
     TO(perplexity.save_logits)},
    {"--base-logits", "", kAny, "FILE", kPerplexity,
     "compare with the log-probabilities saved there; the text is the one they were made from", TO(perplexity.base_logits)},

    {"-p, --prompts", "", kAny, "N,N", kBench, "prefill lengths; 0: none", TO(bench.prompts)},
    {"-n, --generate", "", kBenchGenerateRange, "N", kBench, "tokens decoded a sequence; 0: none", TO(bench.generate)},
    {"-d, --depths", "", kAny, "N,N", kBench, "positions in the KV cache before", TO(bench.depths)},
    {"-b, --columns", "", kAny, "N,N", kBench, "sequences that decode together (1); columns of a matmul (1,8,512)", TO(bench.columns)},
    {"-r, --repeats", "", kBenchRepeatsRange, "N", kBench, "samples a row; 0: 5 for a model, 12 for kernels", TO(bench.repeats)},
    {"--output-format", "", kAny, "md|csv|json", kBench, "how the rows are printed", TO(bench.format)},
    {"--kernel", "", kAny, "NAME,...", kBench, "`bench kernels`: only these; a wrong name lists them", TO(bench.kernels)},
    {"--format", "", kAny, "NAME,...", kBench, "`bench kernels`: only these formats", TO(bench.formats)},
    {"--isa", "", kAny, "NAME,...", kBench, "`bench kernels`: only these instruction sets", TO(bench.isas)},
    {"--save", "", kAny, "NAME", kBench, "keep this run under a name; runs of one name count together", TO(bench.save)},
    {"--against", "", kAny, "NAME", kBench, "compare with the runs saved under a name; exit code 1: a row is slower", TO(bench.against)},
    {"--threshold", "", kBenchThresholdRange, "X", kBench, "percent by which a row must differ to count", TO(bench.threshold)},
    {"--html", "", kAny, "FILE", kBench, "write one page with charts: roofline, history, distribution", TO(bench.html)},
    {"--history", "", kAny, "FILE", kBench, "SQLite file of saved runs; without it nibble/bench.sqlite under $XDG_DATA_HOME or ~/.local/share",
     TO(bench.history)},

    {"--json", "", kAny, "", kPrintsJson, "print the result as one JSON object", TO(text.json)},
    {"-q, --quiet", "", kAny, "", kGenerate | kSynth | kQuantize | kPerplexity | kImatrix | kConvert, "nothing on stderr but errors", TO(text.quiet)},
    {"-h, --help", "", kAny, "", ~CommandSet(0), "show this help", TO(help)},
};
// clang-format on
#undef TO

std::unexpected<Error> bad_value(const Option& option, std::string_view value, std::string_view wanted) {
  return fail(ErrorKind::kInvalidArgument, option_name(option), " is \"", value, "\", wanted ", wanted);
}

// The whole of `text` as a number in the row's range.
template <class T>
Result<T> parse_number(const Option& option, std::string_view text) {
  T number{};
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  constexpr std::string_view kind = std::is_floating_point_v<T> ? "a number" : "a whole number";
  const auto wanted = [&] {
    return option.range ? concat(kind, " from ", option.range->low, " to ", option.range->high)
                        : std::string(kind);
  };
  if (!whole) return bad_value(option, text, wanted());
  if (option.range && !(double(number) >= option.range->low && double(number) <= option.range->high))
    return bad_value(option, text, wanted());
  return number;
}

Result<LogitBias> parse_bias(const Option& option, std::string_view text) {
  const size_t sign = text.find_first_of("+-=", 1);
  if (sign == std::string_view::npos) return bad_value(option, text, "ID+X or ID-X");
  LogitBias bias;
  const auto id = std::from_chars(text.data(), text.data() + sign, bias.token);
  if (id.ec != std::errc() || id.ptr != text.data() + sign) return bad_value(option, text, "ID+X or ID-X");
  NIBBLE_TRY(bias.bias, parse_number<float>(option, text.substr(text[sign] == '=' ? sign + 1 : sign)));
  return bias;
}

}  // namespace

std::span<const Option> options() { return kOptions; }

std::vector<std::string_view> option_flags(const Option& option) {
  std::vector<std::string_view> flags;
  for (std::string_view rest = option.flags; !rest.empty();) {
    const size_t end = rest.find(", ");
    flags.push_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 2);
  }
  return flags;
}

std::string_view option_name(const Option& option) {
  for (std::string_view flag : option_flags(option))
    if (flag.starts_with("--")) return flag;
  return option.flags;
}

std::string option_default(const Option& option) {
  CommandLine line;
  return std::visit(
      [](auto* member) -> std::string {
        using T = std::remove_pointer_t<decltype(member)>;
        if constexpr (std::is_same_v<T, std::string>)
          return *member;
        else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
          return concat(*member);
        else if constexpr (std::is_same_v<T, DraftKind>)
          return std::string(draft_kind_name(*member));
        else if constexpr (std::is_same_v<T, KvType>)
          return std::string(kv_type_name(*member));
        else
          return {};
      },
      option.target(line));
}

Status set_option(const Option& option, CommandLine& line, std::string_view value) {
  return std::visit(
      [&](auto* member) -> Status {
        using T = std::remove_pointer_t<decltype(member)>;
        if constexpr (std::is_same_v<T, bool>) {
          if (value != "true" && value != "false") return bad_value(option, value, "true or false");
          *member = value == "true";
        } else if constexpr (std::is_arithmetic_v<T>) {
          NIBBLE_TRY(*member, parse_number<T>(option, value));
        } else if constexpr (std::is_same_v<T, std::optional<uint64_t>>) {
          NIBBLE_TRY(*member, parse_number<uint64_t>(option, value));
        } else if constexpr (std::is_same_v<T, DraftKind>) {
          const auto kind = std::ranges::find(kDraftKinds, value, draft_kind_name);
          if (kind == std::end(kDraftKinds)) return bad_value(option, value, option.value);
          *member = *kind;
        } else if constexpr (std::is_same_v<T, KvType>) {
          const auto type = std::ranges::find(kKvTypes, value, kv_type_name);
          if (type == std::end(kKvTypes)) return bad_value(option, value, option.value);
          *member = *type;
        } else if constexpr (std::is_same_v<T, std::string>) {
          *member = value;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          member->emplace_back(value);
        } else if constexpr (std::is_same_v<T, std::vector<LogitBias>>) {
          NIBBLE_TRY(const LogitBias bias, parse_bias(option, value));
          member->push_back(bias);
        } else {
          NIBBLE_TRY(const auto entry, parse_number<typename T::value_type>(option, value));
          member->push_back(entry);
        }
        return {};
      },
      option.target(line));
}

}  // namespace nibble
