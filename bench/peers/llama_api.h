// The part of llama.cpp's C interface that the comparison needs, declared here so that nibble neither builds
// nor links llama.cpp: its shared libraries are opened at run time. Layouts are those of release v0.5.0 (ggml
// 0.25), the one that npm's @node-llama-cpp/linux-x64 3.22 carries; load_peer_api() compares every default
// with what the library returns, so another release fails with a message instead of reading the wrong field.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace nibble::peer {

struct LlamaModel;
struct LlamaContext;
struct LlamaVocab;
struct LlamaMemory;
struct GgmlThreadpool;
using Token = std::int32_t;

// Replaces a string key of the file; a list ends with an empty key.
struct LlamaKeyOverride {
  std::int32_t kind;  // 3: string
  char key[128];
  alignas(8) char text[128];
};

struct LlamaModelParams {
  void* devices;
  const void* tensor_buft_overrides;
  std::int32_t n_gpu_layers;
  std::int32_t split_mode;
  std::int32_t load_mode;  // -1 automatic, 0 read into memory, 1 map
  std::int32_t lazy_mode;
  std::int32_t main_gpu;
  const float* tensor_split;
  void* progress_callback;
  void* progress_callback_user_data;
  const LlamaKeyOverride* kv_overrides;
  bool vocab_only;
  bool check_tensors;
  bool use_extra_bufts;  // repacks weights into a second, interleaved copy
  bool no_host;
  bool no_alloc;
  bool load_mtp;
};

// Start of a graph's tensor; the rest of it is not looked at.
struct GgmlTensor {
  std::int32_t type;
  void* buffer;
  std::int64_t ne[4];  // elements per dimension, ne[0] the innermost
  std::size_t nb[4];   // bytes between neighbours of a dimension
};
using EvalCallback = bool (*)(GgmlTensor* tensor, bool ask, void* user_data);

struct LlamaContextParams {
  std::uint32_t n_ctx;
  std::uint32_t n_batch;
  std::uint32_t n_ubatch;
  std::uint32_t n_seq_max;
  std::uint32_t n_rs_seq;
  std::uint32_t n_outputs_max;
  std::uint32_t n_outputs_max_per_seq;
  std::int32_t n_threads;
  std::int32_t n_threads_batch;
  std::int32_t ctx_type;
  std::int32_t rope_scaling_type;
  std::int32_t pooling_type;
  std::int32_t attention_type;
  std::int32_t flash_attn_type;  // -1 automatic, 0 off, 1 on
  float rope_freq_base;
  float rope_freq_scale;
  float yarn_ext_factor;
  float yarn_attn_factor;
  float yarn_beta_fast;
  float yarn_beta_slow;
  std::uint32_t yarn_orig_ctx;
  float defrag_thold;
  EvalCallback cb_eval;
  void* cb_eval_user_data;
  std::int32_t type_k;
  std::int32_t type_v;
  void* abort_callback;
  void* abort_callback_data;
  bool embeddings;
  bool offload_kqv;
  bool no_perf;
  bool op_offload;
  bool swa_full;
  bool kv_unified;
  void* samplers;
  std::size_t n_samplers;
  LlamaContext* ctx_other;
};

struct LlamaBatch {
  std::int32_t n_tokens;
  Token* token;
  float* embd;
  std::int32_t* pos;
  std::int32_t* n_seq_id;
  std::int32_t** seq_id;
  std::int8_t* logits;
};

struct LlamaQuantizeParams {
  std::int32_t nthread;
  std::int32_t ftype;
  std::int32_t output_tensor_type;
  std::int32_t token_embedding_type;
  bool allow_requantize;
  bool quantize_output_tensor;
  bool only_copy;
  bool pure;
  bool keep_split;
  bool dry_run;
  const struct LlamaImatrixRow* imatrix;  // ends with a row whose name is null
  const void* kv_overrides;
  const void* tensor_overrides;
  const std::int32_t* prune_layers;
  std::size_t max_buf_size;
};

struct LlamaImatrixRow {
  const char* name;
  const float* data;
  std::size_t size;
};

struct GgmlTypeTraits {
  const char* type_name;
  std::int64_t block_values;
  std::int64_t block_interleave;
  std::size_t block_bytes;
  bool is_quantized;
  void (*to_float)(const void* blocks, float* values, std::int64_t count);
  void (*from_float)(const float* values, void* blocks, std::int64_t count);
};

struct GgmlThreadpoolParams {
  bool cpumask[512];
  std::int32_t n_threads;
  std::int32_t priority;
  std::uint32_t poll;  // 0 sleeps at once, 100 spins; llama-bench uses 50
  bool strict_cpu;
  bool paused;
};

// Entry points of the opened libraries; names as in llama.h without the prefix.
struct PeerApi {
  std::string directory;
  std::string cpu_library;  // the variant that the library itself chose for this processor

  const char* (*version)();
  void (*log_set)(void (*callback)(int level, const char* text, void* user_data), void* user_data);
  void (*backend_init)();
  LlamaModelParams (*model_default_params)();
  LlamaContextParams (*context_default_params)();
  LlamaQuantizeParams (*quantize_default_params)();
  LlamaModel* (*model_load)(const char* path, LlamaModelParams params);
  void (*model_free)(LlamaModel* model);
  const LlamaVocab* (*model_vocab)(const LlamaModel* model);
  std::int32_t (*model_n_embd_out)(const LlamaModel* model);
  std::uint32_t (*model_quantize)(const char* in, const char* out, const LlamaQuantizeParams* params);
  std::int32_t (*vocab_n_tokens)(const LlamaVocab* vocab);
  bool (*vocab_is_eog)(const LlamaVocab* vocab, Token token);
  std::int32_t (*tokenize)(const LlamaVocab* vocab, const char* text, std::int32_t length, Token* tokens,
                           std::int32_t capacity, bool add_special, bool parse_special);
  std::int32_t (*token_to_piece)(const LlamaVocab* vocab, Token token, char* text, std::int32_t capacity,
                                 std::int32_t strip, bool special);
  std::int32_t (*detokenize)(const LlamaVocab* vocab, const Token* tokens, std::int32_t count, char* text,
                             std::int32_t capacity, bool remove_special, bool unparse_special);
  LlamaContext* (*context_new)(LlamaModel* model, LlamaContextParams params);
  void (*context_free)(LlamaContext* context);
  LlamaMemory* (*memory)(const LlamaContext* context);
  void (*memory_clear)(LlamaMemory* memory, bool data);
  void (*memory_seq_cp)(LlamaMemory* memory, std::int32_t from, std::int32_t to, std::int32_t first,
                        std::int32_t end);
  bool (*memory_seq_rm)(LlamaMemory* memory, std::int32_t seq, std::int32_t first, std::int32_t end);
  std::int32_t (*decode)(LlamaContext* context, LlamaBatch batch);
  void (*synchronize)(LlamaContext* context);
  float* (*logits)(LlamaContext* context);
  float* (*embeddings_seq)(LlamaContext* context, std::int32_t seq);
  void (*attach_threadpool)(LlamaContext* context, GgmlThreadpool* decode, GgmlThreadpool* prefill);
  void (*detach_threadpool)(LlamaContext* context);

  void (*load_backends)(const char* directory);
  const GgmlTypeTraits* (*type_traits)(std::int32_t type);
  std::size_t (*quantize_chunk)(std::int32_t type, const float* values, void* blocks, std::int64_t start,
                                std::int64_t rows, std::int64_t row_length, const float* importance);
  const char* (*tensor_name)(const GgmlTensor* tensor);
  bool (*tensor_is_contiguous)(const GgmlTensor* tensor);
  std::int64_t (*tensor_elements)(const GgmlTensor* tensor);
  void (*tensor_get)(const GgmlTensor* tensor, void* data, std::size_t offset, std::size_t size);
  GgmlThreadpoolParams (*threadpool_default_params)(int threads);
  GgmlThreadpool* (*threadpool_new)(GgmlThreadpoolParams* params);
  void (*threadpool_free)(GgmlThreadpool* pool);

  // Id of a type by its ggml name in any case ("q4_k", "MXFP4") or by its number; kNotFound with the names
  // known.
  Result<std::int32_t> type_id(const std::string& name) const;
};

constexpr std::int32_t kTypeCount = 43;  // ids are below; holes have no block size

// Opens the libraries of `directory` and chooses the CPU variant. `verbose` lets the library's log through to
// stderr; otherwise only its last lines are kept, for peer_log().
Result<PeerApi> load_peer_api(const std::string& directory, bool verbose);

// NIBBLE_PEER_DIR, or where `npm install --prefix tests/npm` puts the libraries.
std::string default_peer_directory();

// What the library logged last, a few lines: the reason why it refused something.
std::string peer_log();

}  // namespace nibble::peer
