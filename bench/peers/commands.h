// The subcommands of nibble_peer. Each prints JSON lines or raw little-endian arrays, so that a test can
// compare.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "session.h"

namespace nibble::peer {

struct TokenizeOptions {
  bool special = false;  // text of special tokens becomes their ids
  bool bos = false;      // add BOS and EOS as the file says
  int threads = 1;       // batch mode only
  std::string pre{};     // pre-tokenizer to use instead of the file's
};
// Standard input is one text; prints its ids.
Status tokenize(const PeerApi& api, const std::string& path, const TokenizeOptions& options);
// Ids of one text into `ids`; false where the peer throws.
bool tokenize_one(const Model& model, std::string_view text, const TokenizeOptions& options,
                  std::vector<Token>& ids);
// Text of the ids, nothing removed.
std::string detokenize_one(const Model& model, const std::vector<Token>& ids, bool special);
// Standard input: (u32 length, bytes)*; standard output: (u32 count, i32 ids)*, count 0xFFFFFFFF where it
// throws.
Status tokenize_batch(const PeerApi& api, const std::string& path, const TokenizeOptions& options);
// Prints the text of the ids, nothing added.
Status detokenize(const PeerApi& api, const std::string& path, const std::string& ids, bool special);
// Standard input: (u32 count, i32 ids)*; standard output: (u32 length, bytes)*.
Status detokenize_batch(const PeerApi& api, const std::string& path, bool special);

// Logits of every position: [ids][vocabulary].
Result<std::vector<float>> logits_of(const Model& model, const ContextOptions& options,
                                     const std::vector<Token>& ids);
// The `count` most probable ids, one after the other; fewer when one ends the generation, unless told to
// ignore it.
Result<std::vector<Token>> greedy_ids(const Model& model, const ContextOptions& options,
                                      const std::vector<Token>& ids, int count, bool ignore_eog);
// The pooled embedding of one sequence.
Result<std::vector<float>> embedding_of(const Model& model, ContextOptions options,
                                        const std::vector<Token>& ids);

struct RunOptions {
  ModelOptions model;
  ContextOptions context;
  std::string ids;
  std::string out = "-";
};
// Writes raw f32 (logits, embed) or prints ids (greedy).
Status logits(const PeerApi& api, const RunOptions& options);
Status greedy(const PeerApi& api, const RunOptions& options, int count, bool ignore_eog);
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
Status bench_rows(const PeerApi& api, const std::vector<std::string>& types, long long row_blocks,
                  double seconds);

struct BenchOptions {
  ModelOptions model;
  ContextOptions context;
  std::vector<int> prompts{512};
  int generate = 64;
  std::vector<int> depths{0};
  std::vector<int> columns;  // sequences that decode together; one is the plain decode row
  int repeats = 3;
};
// llama-bench's rows as JSON lines, with n_columns beside n_gen.
Status bench(const PeerApi& api, const BenchOptions& options);

// Quantizes a model file and gives, or prints, the seconds. `type` is a recipe name (Q4_K_M) or llama_ftype
// number.
Result<double> quantize_model(const PeerApi& api, const std::string& in, const std::string& out,
                              const std::string& type, int threads, bool pure, bool requantize);
Status quantize_file(const PeerApi& api, const std::string& in, const std::string& out,
                     const std::string& type, int threads, bool pure, bool requantize);

}  // namespace nibble::peer
