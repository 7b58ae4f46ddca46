// nibble_peer: runs upstream llama.cpp through its C interface, to compare nibble with it in answers and
// speed.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "commands.h"

namespace {
using namespace nibble;
using namespace nibble::peer;

struct Options {
  std::string library;
  bool verbose = false;
  std::string model, ids, type, importance, in, out;
  TokenizeOptions tokenize;
  RunOptions run;
  BenchOptions bench;
  std::vector<std::string> types, prefixes;
  int count = 64, threads = 2;
  bool ignore_eog = false, pure = false, requantize = false;
  long long row_length = 0;
  double seconds = 0.2;
  long long row_blocks = 0;
  std::function<Status(const PeerApi&)> action;
};

void add_tokenizers(CLI::App& app, Options& o) {
  const auto add = [&](const char* name, const char* help, auto action) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->add_option("model", o.model)->required();
    sub->add_flag("--special", o.tokenize.special,
                  "texts of special tokens become, or are printed from, their ids");
    sub->callback([&o, action] { o.action = action; });
    return sub;
  };
  CLI::App* one = add("tokenize", "standard input -> ids",
                      [&](const PeerApi& api) { return tokenize(api, o.model, o.tokenize); });
  CLI::App* many = add("tokenize-batch", "(u32 length, bytes)* -> (u32 count, i32 ids)*",
                       [&](const PeerApi& api) { return tokenize_batch(api, o.model, o.tokenize); });
  for (CLI::App* sub : {one, many}) {
    sub->add_flag("--bos", o.tokenize.bos, "add BOS and EOS as the file says");
    sub->add_option("--pre", o.tokenize.pre, "this pre-tokenizer instead of the file's");
  }
  many->add_option("-t,--threads", o.tokenize.threads);
  CLI::App* back = add("detokenize", "ids -> text", [&](const PeerApi& api) {
    return detokenize(api, o.model, o.ids, o.tokenize.special);
  });
  back->add_option("ids", o.ids, "1,2,3 or @file")->required();
  add("detokenize-batch", "(u32 count, i32 ids)* -> (u32 length, bytes)*",
      [&](const PeerApi& api) { return detokenize_batch(api, o.model, o.tokenize.special); });
}

void add_run_options(CLI::App& sub, ModelOptions& model, ContextOptions& context) {
  sub.add_option("model", model.path)->required();
  sub.add_flag("--repack,!--no-repack", model.repack, "weights in the peer's interleaved copy (its default)");
  sub.add_option("-t,--threads", context.threads)->capture_default_str();
  sub.add_option("--kv", context.kv, "type of the KV cache")->capture_default_str();
  sub.add_option("--flash", context.flash, "flash attention: auto, on, off")->capture_default_str();
  sub.add_option("--batch", context.batch, "tokens a call")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--ubatch", context.ubatch, "tokens a graph")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--poll", context.poll, "0 sleeps, 100 spins")->capture_default_str();
  sub.add_flag("--unified", context.unified, "one KV buffer for all sequences");
}

void add_runs(CLI::App& app, Options& o) {
  const auto add = [&](const char* name, const char* help, auto action) {
    CLI::App* sub = app.add_subcommand(name, help);
    add_run_options(*sub, o.run.model, o.run.context);
    sub->add_option("--ids", o.run.ids, "1,2,3 or @file")->required();
    sub->add_option("--out", o.run.out, "file (trace: folder); - is standard output");
    sub->add_option("--ctx", o.run.context.context, "positions; 0: as needed");
    sub->callback([&o, action] { o.action = action; });
    return sub;
  };
  add("logits", "f32 logits of every position", [&](const PeerApi& api) { return logits(api, o.run); });
  add("embed", "f32 pooled embedding", [&](const PeerApi& api) { return embed(api, o.run); });
  CLI::App* follow = add("greedy", "most probable ids, one after the other",
                         [&](const PeerApi& api) { return greedy(api, o.run, o.count, o.ignore_eog); });
  follow->add_option("-n", o.count)->capture_default_str();
  follow->add_flag("--ignore-eog", o.ignore_eog, "go on after an end-of-generation token");
  CLI::App* inside = add("trace", "tensors of the graph as files, their shapes as JSON lines",
                         [&](const PeerApi& api) { return trace(api, o.run, o.prefixes); });
  inside->add_option("--name", o.prefixes, "only tensors whose names start so");
}

void add_rows(CLI::App& app, Options& o) {
  CLI::App* decode = app.add_subcommand("dequantize", "blocks -> f32, through standard input and output");
  decode->add_option("--type", o.type)->required();
  decode->callback([&] { o.action = [&](const PeerApi& api) { return dequantize(api, o.type); }; });
  CLI::App* encode = app.add_subcommand("quantize", "f32 -> blocks, through standard input and output");
  encode->add_option("--type", o.type)->required();
  encode->add_option("--row-length", o.row_length)->required();
  encode->add_option("--imatrix", o.importance, "file of row-length f32 weights");
  encode->callback([&] {
    o.action = [&](const PeerApi& api) { return quantize(api, o.type, o.row_length, o.importance); };
  });
  CLI::App* speed = app.add_subcommand("bench-rows", "speed of encoding and decoding, a JSON line a type");
  o.types = {"f16",  "bf16", "q4_0", "q4_1",   "q5_0",   "q5_1",  "q8_0",  "q2_k", "q3_k",
             "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0", "mxfp4"};
  speed->add_option("types", o.types);
  speed->add_option("--blocks", o.row_blocks, "in one row; without it, 64 rows of 4096 values");
  speed->add_option("--seconds", o.seconds, "for each measurement")->capture_default_str();
  speed->callback(
      [&] { o.action = [&](const PeerApi& api) { return bench_rows(api, o.types, o.row_blocks, o.seconds); }; });
  CLI::App* file = app.add_subcommand("quantize-file", "model file -> model file, timed");
  file->add_option("in", o.in)->required();
  file->add_option("out", o.out)->required();
  file->add_option("type", o.type, "Q4_K_M, ... or a llama_ftype number")->required();
  file->add_option("-t,--threads", o.threads)->capture_default_str();
  file->add_flag("--pure", o.pure, "one type for all tensors");
  file->add_flag("--requantize", o.requantize, "accept a quantized input");
  file->callback([&] {
    o.action = [&](const PeerApi& api) {
      return quantize_file(api, o.in, o.out, o.type, o.threads, o.pure, o.requantize);
    };
  });
}

void add_bench(CLI::App& app, Options& o) {
  CLI::App* sub = app.add_subcommand("bench", "prefill and decode speed with llama-bench's field names");
  add_run_options(*sub, o.bench.model, o.bench.context);
  sub->add_option("-p", o.bench.prompts, "prompt lengths; 0: none")->delimiter(',')->capture_default_str();
  sub->add_option("-n", o.bench.generate, "tokens decoded a sequence; 0: none")->capture_default_str();
  sub->add_option("-d", o.bench.depths, "positions in the KV cache before")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("-b", o.bench.columns, "sequences that decode together")->delimiter(',');
  sub->add_option("-r", o.bench.repeats)->capture_default_str();
  sub->callback([&] { o.action = [&](const PeerApi& api) { return bench(api, o.bench); }; });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.library = default_peer_directory();
  CLI::App app("nibble_peer: upstream llama.cpp, for comparison");
  app.add_option("--lib", options.library, "folder of libllama*.so (also NIBBLE_PEER_DIR)");
  app.add_flag("--verbose", options.verbose, "show the library's log");
  app.require_subcommand(1);
  add_tokenizers(app, options);
  add_runs(app, options);
  add_rows(app, options);
  add_bench(app, options);
  CLI11_PARSE(app, argc, argv);
  const auto api = load_peer_api(options.library, options.verbose);
  const Status status = api ? options.action(*api) : forward_error(api.error());
  if (status) return 0;
  std::fprintf(stderr, "nibble_peer: %s: %s\n", std::string(error_kind_name(status.error().kind)).c_str(),
               status.error().message.c_str());
  return error_exit_code(status.error().kind);
}
