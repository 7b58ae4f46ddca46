#include "llama_api.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>

namespace nibble::peer {
namespace {

struct Log {
  std::mutex mutex;
  std::deque<std::string> lines;
  bool verbose = false;
};
Log& log_state() {
  static Log log;
  return log;
}

void on_log(int, const char* text, void*) {
  Log& log = log_state();
  const std::lock_guard lock(log.mutex);
  if (log.verbose) std::fputs(text, stderr);
  log.lines.emplace_back(text);
  if (log.lines.size() > 6) log.lines.pop_front();
}

// First file of `directory` whose name is prefix*.so*: the library names carry the release
// ("libllama.v0.5.0.so").
Result<std::string> find_library(const std::string& directory, const std::string& prefix) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && name.find(".so") != std::string::npos) return entry.path().string();
  }
  return fail(ErrorKind::kNotFound, directory, ": no ", prefix,
              "*.so here; install the peer with `npm install --prefix tests/npm` and give its bins/linux-x64 "
              "folder by --lib or NIBBLE_PEER_DIR");
}

Result<void*> open_library(const std::string& directory, const std::string& prefix) {
  NIBBLE_TRY(const std::string path, find_library(directory, prefix));
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return fail(ErrorKind::kUnsupported, path, ": ", dlerror());
  return library;
}

// Looks functions up in one library and remembers the first name that was missing.
class Binder {
 public:
  explicit Binder(void* library) : library_(library) {}
  template <class Function>
  Binder& bind(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(library_, name));
    if (!function && missing_.empty()) missing_ = name;
    return *this;
  }
  Status status() const {
    if (missing_.empty()) return {};
    return fail(ErrorKind::kUnsupported, "peer library lacks ", missing_, "; wanted: llama.cpp v0.5.0");
  }

 private:
  void* library_;
  std::string missing_;
};

Status bind_llama(PeerApi& api, void* library) {
  return Binder(library)
      .bind(api.version, "llama_version")
      .bind(api.log_set, "llama_log_set")
      .bind(api.backend_init, "llama_backend_init")
      .bind(api.model_default_params, "llama_model_default_params")
      .bind(api.context_default_params, "llama_context_default_params")
      .bind(api.quantize_default_params, "llama_model_quantize_default_params")
      .bind(api.model_load, "llama_model_load_from_file")
      .bind(api.model_free, "llama_model_free")
      .bind(api.model_vocab, "llama_model_get_vocab")
      .bind(api.model_n_embd_out, "llama_model_n_embd_out")
      .bind(api.model_quantize, "llama_model_quantize")
      .bind(api.vocab_n_tokens, "llama_vocab_n_tokens")
      .bind(api.vocab_is_eog, "llama_vocab_is_eog")
      .bind(api.tokenize, "llama_tokenize")
      .bind(api.token_to_piece, "llama_token_to_piece")
      .bind(api.detokenize, "llama_detokenize")
      .bind(api.context_new, "llama_init_from_model")
      .bind(api.context_free, "llama_free")
      .bind(api.memory, "llama_get_memory")
      .bind(api.memory_clear, "llama_memory_clear")
      .bind(api.memory_seq_cp, "llama_memory_seq_cp")
      .bind(api.memory_seq_rm, "llama_memory_seq_rm")
      .bind(api.decode, "llama_decode")
      .bind(api.synchronize, "llama_synchronize")
      .bind(api.logits, "llama_get_logits")
      .bind(api.embeddings_seq, "llama_get_embeddings_seq")
      .bind(api.attach_threadpool, "llama_attach_threadpool")
      .bind(api.detach_threadpool, "llama_detach_threadpool")
      .status();
}

Status bind_ggml(PeerApi& api, void* ggml, void* base) {
  NIBBLE_CHECK_OK(Binder(ggml).bind(api.load_backends, "ggml_backend_load_all_from_path").status());
  return Binder(base)
      .bind(api.type_traits, "ggml_get_type_traits")
      .bind(api.quantize_chunk, "ggml_quantize_chunk")
      .bind(api.tensor_name, "ggml_get_name")
      .bind(api.tensor_is_contiguous, "ggml_is_contiguous")
      .bind(api.tensor_elements, "ggml_nelements")
      .bind(api.tensor_get, "ggml_backend_tensor_get")
      .bind(api.threadpool_default_params, "ggml_threadpool_params_default")
      .status();
}

int remember_cpu_library(dl_phdr_info* info, std::size_t, void* path) {
  if (info->dlpi_name && std::string(info->dlpi_name).find("libggml-cpu-") != std::string::npos)
    *static_cast<std::string*>(path) = info->dlpi_name;
  return 0;
}

// The CPU variant is opened by the library itself; its thread pool functions are found there.
Status bind_cpu(PeerApi& api) {
  dl_iterate_phdr(remember_cpu_library, &api.cpu_library);
  if (api.cpu_library.empty())
    return fail(ErrorKind::kUnsupported, api.directory,
                ": no libggml-cpu-*.so for this processor was loaded");
  void* library = dlopen(api.cpu_library.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!library) return fail(ErrorKind::kUnsupported, api.cpu_library, ": ", dlerror());
  return Binder(library)
      .bind(api.threadpool_new, "ggml_threadpool_new")
      .bind(api.threadpool_free, "ggml_threadpool_free")
      .status();
}

// The defaults are spread over the structs; a field that moved would make at least one of them differ.
Status check_layout(const PeerApi& api) {
  const LlamaModelParams m = api.model_default_params();
  const bool model_ok = !m.devices && m.n_gpu_layers == -1 && m.split_mode == 1 && m.load_mode == -1 &&
                        m.lazy_mode == 1 && m.main_gpu == 0 && !m.tensor_split && !m.kv_overrides &&
                        !m.vocab_only && !m.check_tensors && m.use_extra_bufts && !m.no_host && !m.no_alloc &&
                        !m.load_mtp;
  const LlamaContextParams c = api.context_default_params();
  const bool context_ok = c.n_ctx == 512 && c.n_batch == 2048 && c.n_ubatch == 512 && c.n_seq_max == 1 &&
                          c.n_outputs_max == 0 && c.n_outputs_max_per_seq == 1 && c.n_threads == 4 &&
                          c.rope_scaling_type == -1 && c.pooling_type == -1 && c.flash_attn_type == -1 &&
                          c.rope_freq_base == 0 && c.yarn_ext_factor == -1 && c.yarn_orig_ctx == 0 &&
                          c.defrag_thold == -1 && !c.cb_eval && c.type_k == 1 && c.type_v == 1 &&
                          !c.embeddings && c.offload_kqv && c.no_perf && c.op_offload && c.swa_full &&
                          !c.kv_unified && !c.samplers && c.n_samplers == 0 && !c.ctx_other;
  const LlamaQuantizeParams q = api.quantize_default_params();
  const bool quantize_ok = q.nthread == 0 && q.ftype == 7 && q.output_tensor_type == kTypeCount &&
                           q.token_embedding_type == kTypeCount && !q.allow_requantize &&
                           q.quantize_output_tensor && !q.only_copy && !q.pure && !q.keep_split &&
                           !q.dry_run && !q.imatrix && !q.prune_layers &&
                           q.max_buf_size == std::size_t{8} << 30;
  const GgmlTypeTraits* q4 = api.type_traits(2);
  const bool traits_ok = q4 && std::string(q4->type_name) == "q4_0" && q4->block_values == 32 &&
                         q4->block_bytes == 18 && q4->is_quantized && q4->to_float && q4->from_float;
  const GgmlThreadpoolParams t = api.threadpool_default_params(3);
  const bool pool_ok = t.n_threads == 3 && t.priority == 0 && t.poll == 50 && !t.strict_cpu && !t.paused;
  const char* wrong = !model_ok      ? "model parameters"
                      : !context_ok  ? "context parameters"
                      : !quantize_ok ? "quantize parameters"
                      : !traits_ok   ? "type traits"
                      : !pool_ok     ? "thread pool parameters"
                                     : nullptr;
  if (!wrong) return {};
  return fail(ErrorKind::kUnsupported, api.directory, ": llama.cpp ", api.version(), " has other ", wrong,
              " than the layout of v0.5.0 in bench/peers/llama_api.h");
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

Result<std::int32_t> PeerApi::type_id(const std::string& name) const {
  std::string known;
  for (std::int32_t id = 0; id < kTypeCount; ++id) {
    const GgmlTypeTraits* traits = type_traits(id);
    if (!traits->type_name || traits->block_bytes == 0) continue;
    if (same_name(traits->type_name, name) || name == std::to_string(id)) return id;
    known += ' ';
    known += traits->type_name;
  }
  return fail(ErrorKind::kNotFound, "type ", name, " is unknown to the peer; it has", known);
}

Result<PeerApi> load_peer_api(const std::string& directory, bool verbose) {
  log_state().verbose = verbose;
  PeerApi api{};
  api.directory = directory;
  NIBBLE_TRY(void* base, open_library(directory, "libggml-base"));
  NIBBLE_TRY(void* ggml, open_library(directory, "libggml."));
  NIBBLE_TRY(void* llama, open_library(directory, "libllama."));
  NIBBLE_CHECK_OK(bind_llama(api, llama));
  NIBBLE_CHECK_OK(bind_ggml(api, ggml, base));
  api.log_set(on_log, nullptr);
  NIBBLE_CHECK_OK(check_layout(api));
  api.load_backends(directory.c_str());
  NIBBLE_CHECK_OK(bind_cpu(api));
  api.backend_init();
  return api;
}

std::string default_peer_directory() {
  if (const char* given = std::getenv("NIBBLE_PEER_DIR")) return given;
  return NIBBLE_SOURCE_DIR "/tests/npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
}

std::string peer_log() {
  Log& log = log_state();
  const std::lock_guard lock(log.mutex);
  std::string text;
  for (const std::string& line : log.lines) text += line;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace nibble::peer
