// Owners of the peer's model, context, batch and thread pool, shared by the subcommands.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "llama_api.h"

namespace nibble::peer {

struct ModelOptions {
  std::string path;
  bool vocab_only = false;
  std::string pre{};   // pre-tokenizer to use instead of the file's; empty: the file's
  bool repack = true;  // the peer's default: a second copy of the weights, interleaved for its kernels
};

struct ContextOptions {
  int threads = 2;
  int context = 0;  // positions of all sequences together; 0: as many as the command needs
  int ubatch = 512;
  int batch = 2048;
  int poll = 50;  // as llama-bench: 0 sleeps, 100 spins
  std::string kv = "f16";
  std::string flash = "auto";  // auto, on, off
  int sequences = 1;
  bool unified = false;  // one KV buffer for all sequences instead of one each
  bool embeddings = false;
  EvalCallback observer = nullptr;
  void* observer_data = nullptr;
};

class Model {
 public:
  static Result<Model> load(const PeerApi& api, const ModelOptions& options);
  LlamaModel* get() const { return model_.get(); }
  const LlamaVocab* vocab() const { return api_->model_vocab(model_.get()); }
  int vocab_size() const { return api_->vocab_n_tokens(vocab()); }
  const PeerApi& api() const { return *api_; }

 private:
  const PeerApi* api_ = nullptr;
  std::unique_ptr<LlamaModel, void (*)(LlamaModel*)> model_{nullptr, nullptr};
};

// Tokens of one decode call.
class Batch {
 public:
  void clear();
  void add(Token token, std::int32_t position, std::int32_t sequence, bool wants_logits);
  LlamaBatch view();  // valid until the next add or clear

 private:
  std::vector<Token> tokens_;
  std::vector<std::int32_t> positions_, sequences_, counts_;
  std::vector<std::int32_t*> sequence_rows_;
  std::vector<std::int8_t> logits_;
};

class Context {
 public:
  static Result<Context> create(const Model& model, ContextOptions options);
  Status decode(Batch& batch);                                          // waits for the result
  const float* logits() const { return api_->logits(context_.get()); }  // rows of the tokens that asked
  LlamaMemory* memory() const { return api_->memory(context_.get()); }
  LlamaContext* get() const { return context_.get(); }

 private:
  const PeerApi* api_ = nullptr;
  std::unique_ptr<GgmlThreadpool, void (*)(GgmlThreadpool*)> pool_{nullptr, nullptr};
  std::unique_ptr<LlamaContext, void (*)(LlamaContext*)> context_{nullptr, nullptr};
};

// "1,2 3" or "@file" with the same inside.
Result<std::vector<Token>> parse_ids(const std::string& text);
Status check_ids(const std::vector<Token>& ids, int vocab_size);

Result<std::string> read_file(const std::string& path);                          // "-" is standard input
Status write_file(const std::string& path, const void* data, std::size_t size);  // "-" is standard output

}  // namespace nibble::peer
