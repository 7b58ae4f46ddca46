#include "surfaces/commands.h"

#include <cstdio>

#include "surfaces/input.h"

namespace nibble {
namespace {

constexpr Command kCommands[] = {
    {"run", kRun, "[MODEL]", 1, "continue a text, streaming the answer to stdout",
     "The text comes from --prompt, --file or stdin. Without a MODEL the one that comes with nibble is used; "
     "it needs\n"
     "no text. stdout gets nothing but the answer; times go to stderr.\n",
     run_command},
    {"chat", kChat, "[MODEL]", 1, "talk with a model that has a chat template",
     "Lines from stdin are messages; a line that ends in \\ goes on in the next. /help lists the commands.\n"
     "Ctrl-C stops an answer, Ctrl-D ends the program.\n",
     chat_command},
    {"inspect", kInspect, "[MODEL]", 1, "tell what is in a model file and what nibble can run of it", "",
     inspect_command},
    {"tokenize", kTokenize, "[MODEL]", 1, "text on stdin, token ids on stdout",
     "Files that hold only a vocabulary will do.\n", tokenize_command},
    {"detokenize", kDetokenize, "[MODEL]", 1, "token ids on stdin, text on stdout", "", detokenize_command},
    {"synth", kSynth, "", 0, "write a model file with random weights, for tests and for speed", "",
     synth_command},
    {"quantize", kQuantize, "IN OUT [RECIPE]", 3, "write a model file in other formats",
     "RECIPE is the name of a mix (Q4_K_M, Q8_0, IQ4_XS, F16, ...) or of one format for all tensors, or COPY, "
     "which leaves\n"
     "all as it is (to split and to join files); with --size or --bpw the formats are chosen for the least "
     "error under\n"
     "that size. Of a split IN name the first part. OUT, or all its parts, appear whole or not at all.\n",
     quantize_command},
    {"convert", kConvert, "HF_DIR OUT", 2, "write a Hugging Face model directory as a model file",
     "HF_DIR holds config.json, the weights as safetensors, and tokenizer.json. Matrices keep the format they\n"
     "are stored in or get that of --type; smaller formats are the work of nibble quantize. OUT appears whole\n"
     "or not at all.\n",
     convert_command},
    {"perplexity", kPerplexity, "[MODEL]", 1, "measure how well a model predicts a text",
     "The text (--file, --prompt or stdin) is cut into chunks of --chunk tokens; the second half of each is "
     "scored, each\n"
     "token predicted from all before it in its chunk. With saved logits of a base model (--save-logits, "
     "then\n"
     "--base-logits) also the KL divergence from it and how often the most likely token is the same.\n",
     perplexity_command},
    {"imatrix", kImatrix, "[MODEL]", 1, "measure what a text drives most, for quantize --imatrix",
     "The text (--file, --prompt or stdin) runs through the model in chunks; --output is saved now and then "
     "and "
     "--resume\n"
     "goes on from it. llama.cpp can read the file.\n",
     imatrix_command},
    {"bench", kBench, "[MODEL|kernels]", 1, "speed of a model or of the kernels, beside the limits of this machine",
     "Each row states the percent of this machine's ceiling, which is measured in the same run: the model's\n"
     "multiply-adds at the peak rate of their unit, or its bytes at the streaming bandwidth, whichever takes "
     "longer.\n"
     "kernels: every kernel, format and instruction set, one thread, from cached data (a model file of that name "
     "is\n"
     "./kernels). --save keeps runs, --against compares with them and sets the exit code.\n",
     bench_command},
};

double rate(int64_t count, double seconds) { return seconds > 0 ? double(count) / seconds : 0; }

}  // namespace

std::span<const Command> commands() { return kCommands; }

Result<std::string> model_path(const CommandLine& line) {
  if (!line.model.empty()) return line.model;
  return shipped_model();
}

Result<std::unique_ptr<Engine>> open_engine(const CommandLine& line, const std::string& path) {
  EngineOptions options = line.engine;
  if (!line.text.chat_template_file.empty()) {
    NIBBLE_TRY(options.chat_template, read_text_file(line.text.chat_template_file));
  }
  return Engine::open(path, options);
}

std::string timing_line(const Engine& engine, const Generation& generation) {
  const int64_t computed = generation.prompt_tokens - generation.reused_tokens;
  const int64_t chosen = int64_t(generation.tokens.size());
  const std::string drafts =
      generation.drafted_tokens == 0
          ? std::string()
          : concat(", ", generation.accepted_tokens, " of ", generation.drafted_tokens, " drafted accepted");
  char text[400];
  std::snprintf(
      text, sizeof text,
      "load %.3f s; prompt %lld tokens in %.3f s (%.1f/s); answer %lld tokens in %.3f s (%.1f/s%s); end: %s; "
      "seed %llu; %d threads, %s\n",
      engine.load_seconds(), static_cast<long long>(computed), generation.prefill_seconds,
      rate(computed, generation.prefill_seconds), static_cast<long long>(chosen), generation.decode_seconds,
      rate(chosen, generation.decode_seconds), drafts.c_str(),
      std::string(finish_reason_name(generation.finish)).c_str(),
      static_cast<unsigned long long>(generation.seed), engine.threads(), kernels().name);
  return text;
}

}  // namespace nibble
