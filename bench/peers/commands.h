// The subcommands of nibble_peer. Each prints JSON lines or raw little-endian arrays, so that a test can
// compare.
#pragma once
#include <string>
#include <vector>

#include "session.h"

namespace nibble::peer {

struct TokenizeOptions {
  bool special = false;  // text of special tokens becomes their ids
  bool bos = false;      // add BOS and EOS as the file says
  int threads = 1;       // batch mode only
};
// Standard input is one text; prints its ids.
Status tokenize(const PeerApi& api, const std::string& path, const TokenizeOptions& options);
// Standard input: (u32 length, bytes)*; standard output: (u32 count, i32 ids)*, count 0xFFFFFFFF where it
// throws.
Status tokenize_batch(const PeerApi& api, const std::string& path, const TokenizeOptions& options);
// Prints the text of the ids, nothing added.
Status detokenize(const PeerApi& api, const std::string& path, const std::string& ids, bool special);
// Standard input: (u32 count, i32 ids)*; standard output: (u32 length, bytes)*.
Status detokenize_batch(const PeerApi& api, const std::string& path, bool special);

struct RunOptions {
  ModelOptions model;
  ContextOptions context;
  std::string ids;
  std::string out = "-";
};
// Logits of every position: f32 [ids][vocabulary].
Status logits(const PeerApi& api, const RunOptions& options);
// Prints `count` greedy ids, stopping after an end-of-generation token unless told otherwise.
Status greedy(const PeerApi& api, const RunOptions& options, int count, bool ignore_eog);
// The pooled embedding of one sequence: f32 [width].
Status embed(const PeerApi& api, const RunOptions& options);
// Writes every f32 tensor of the graph whose name starts with one of the prefixes (none: all) to
// DIR/NNNN-NAME.f32 and prints a JSON line with its name and shape.
Status trace(const PeerApi& api, const RunOptions& options, const std::vector<std::string>& prefixes);

// Standard input: blocks; standard output: f32 values.
Status dequantize(const PeerApi& api, const std::string& type);
// Standard input: f32 rows; standard output: blocks. `importance`: a file of row_length f32 weights, or
// empty.
Status quantize(const PeerApi& api, const std::string& type, long long row_length,
                const std::string& importance);
// Speed of decoding and encoding rows, a JSON line a type.
Status bench_rows(const PeerApi& api, const std::vector<std::string>& types, double seconds);

struct BenchOptions {
  ModelOptions model;
  ContextOptions context;
  std::vector<int> prompts{512};
  int generate = 64;
  std::vector<int> depths{0};
  std::vector<int> columns;  // sequences that decode together; one is the plain decode row
  int repeats = 3;
};
// llama-bench's rows as JSON lines, with n_seqs beside n_gen.
Status bench(const PeerApi& api, const BenchOptions& options);

// Quantizes a model file; prints the seconds. `type` is a recipe name (Q4_K_M) or llama_ftype number.
Status quantize_file(const PeerApi& api, const std::string& in, const std::string& out,
                     const std::string& type, int threads, bool pure, bool requantize);

}  // namespace nibble::peer
