// A loaded model, ready to be used by sessions: the mapped file, its tokenizer, weights and chat template,
// the threads and the memory of the KV cache. Sessions of one engine may live on different threads; their
// steps take turns.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "engine/request.h"
#include "formats/gguf.h"
#include "kernels/drive.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace nibble {

struct EngineOptions {
  int threads = 0;      // 0: the physical cores that affinity and cgroup quota give (base/topology.h)
  int64_t context = 0;  // positions of a session; 0: what the model was made for, less where memory is short
  int64_t batch = 512;  // tokens that prefill computes in one pass
  int sessions = 1;     // sessions that are to have a full context at the same time
  KvType kv = KvType::kF16;  // how keys and values are kept
  bool fast_bf16 = false;  // BF16 weights through kernels/fast_bf16.h: other bits, activations rounded to bf16
  std::string chat_template = {};  // Jinja source to use instead of the file's
};
inline constexpr ValueRange kThreadsRange{0, 1024};
inline constexpr ValueRange kContextRange{0, kMaxContext};
inline constexpr ValueRange kBatchRange{1, kMaxStepTokens};
inline constexpr ValueRange kSessionsRange{1, 4096};

// The tokenizer alone: also for files that hold only a vocabulary.
Result<Tokenizer> open_tokenizer(const std::string& path);

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const std::string& path, const EngineOptions& options = {});

  const GgufFile& file() const { return model_->file(); }
  const Model& model() const { return *model_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  int64_t context() const { return model_->context(); }
  int64_t batch() const { return batch_; }
  int threads() const { return pool_.threads(); }
  double load_seconds() const { return load_seconds_; }

  bool has_chat_template() const { return chat_template_.has_value(); }
  // The prompt text of a conversation. kUnsupported when the file has no chat template, or one that does not
  // parse.
  Result<std::string> render_chat(ChatInput input) const;
  // Ids of such a text: what spells a special token is one, and BOS stands at the front once if the
  // vocabulary wants it.
  std::vector<TokenId> tokenize_chat(std::string_view rendered) const;

  // The shared state of all sessions; whoever uses the three below, or a KvSequence of the pool, holds
  // step_mutex().
  std::mutex& step_mutex() { return step_mutex_; }
  Workspace& workspace() { return workspace_; }
  KvPool& kv_pool() { return kv_pool_; }

 private:
  Engine(std::unique_ptr<Model> model, Tokenizer tokenizer, int threads, int64_t batch, uint64_t kv_bytes);
  std::unique_ptr<Model> model_;
  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  std::string chat_template_error_;  // why there is none
  int64_t batch_;
  double load_seconds_ = 0;
  ThreadPool pool_;
  Driver driver_;
  std::mutex step_mutex_;
  Workspace workspace_;
  KvPool kv_pool_;
};

}  // namespace nibble
