#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/checked.h"
#include "base/memory_quota.h"
#include "base/topology.h"
#include "kernels/fast_bf16.h"
#include "text/vocabulary_reader.h"

namespace nibble {
namespace {

Status check_option(std::string_view name, int64_t value, ValueRange range) {
  if (double(value) >= range.low && double(value) <= range.high) return {};
  return fail(ErrorKind::kInvalidArgument, name, " is ", value, ", wanted ", int64_t(range.low), " to ",
              int64_t(range.high));
}

// What KV caches may take when nobody names a context: three quarters of the memory that is left once the
// whole model is in it. A machine that cannot hold the model still gets a small cache.
uint64_t kv_budget(uint64_t file_bytes) {
  const auto quota = read_memory_quota();
  if (!quota) return uint64_t(1) << 32;
  const uint64_t left = quota->available > file_bytes ? quota->available - file_bytes : 0;
  return std::max(left / 4 * 3, quota->available / 16);
}

Result<int64_t> choose_context(const ModelConfig& config, const EngineOptions& options, uint64_t file_bytes) {
  const KvLayout layout(config, options.kv);
  if (options.context == 0) return default_context(layout, config.context, kv_budget(file_bytes), options.sessions);
  const uint64_t needed = layout.bytes_for(options.context) * uint64_t(options.sessions);
  const auto quota = read_memory_quota();
  if (quota && needed > quota->available)
    return fail(ErrorKind::kLimit, "a context of ", options.context, " positions needs ", needed >> 20,
                " MiB for keys and values, ", quota->available >> 20, " MiB are available",
                quota->from_cgroup ? " in this control group" : "");
  return options.context;
}

std::chrono::local_seconds local_now() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return std::chrono::local_seconds(std::chrono::seconds(int64_t(now) + local.tm_gmtoff));
}

Result<Tokenizer> tokenizer_of(const GgufFile& file) {
  auto vocabulary = read_vocabulary(file);
  if (!vocabulary) return forward_error(std::move(vocabulary).error(), file.path());
  auto tokenizer = Tokenizer::create(*vocabulary);
  if (!tokenizer) return forward_error(std::move(tokenizer).error(), file.path());
  return tokenizer;
}

}  // namespace

Result<Tokenizer> open_tokenizer(const std::string& path) {
  NIBBLE_TRY(const GgufFile file, GgufFile::open(path));
  return tokenizer_of(file);
}

Engine::Engine(std::unique_ptr<Model> model, Tokenizer tokenizer, int threads, int64_t batch,
               uint64_t kv_bytes)
    : model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      batch_(batch),
      pool_(threads),
      driver_(kernels(), pool_),
      workspace_(driver_),
      kv_pool_(model_->kv_layout(), kv_bytes) {}

Result<std::unique_ptr<Engine>> Engine::open(const std::string& path, const EngineOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  NIBBLE_CHECK_OK(check_option("threads", options.threads, kThreadsRange));
  NIBBLE_CHECK_OK(check_option("context", options.context, kContextRange));
  NIBBLE_CHECK_OK(check_option("batch", options.batch, kBatchRange));
  NIBBLE_CHECK_OK(check_option("sessions", options.sessions, kSessionsRange));
  if (const char* error = kernel_selection_error()) return fail(ErrorKind::kInvalidArgument, error);
  if (options.fast_bf16 && !fast_bf16(kernels()))
    return fail(ErrorKind::kUnsupported, "--fast-bf16 wants a processor with AVX512-BF16 or AMX-BF16; the kernels in use are those of ",
                kernels().name);

  NIBBLE_TRY(GgufFile opened, GgufFile::open(path));
  const auto file = std::make_shared<const GgufFile>(std::move(opened));
  NIBBLE_TRY(Tokenizer tokenizer, tokenizer_of(*file));
  NIBBLE_TRY(const ModelConfig config, read_model_config(*file));
  NIBBLE_TRY(const int64_t context, choose_context(config, options, file->file_bytes()));
  NIBBLE_TRY(auto model, Model::load(file, {.context = context, .kv = options.kv}));
  if (int64_t(tokenizer.size()) > config.vocabulary)
    return fail(ErrorKind::kBadFile, path, ": ", tokenizer.size(),
                " tokens in the vocabulary, but embeddings for ", config.vocabulary);

  const uint64_t kv_bytes = model->kv_layout().bytes_for(context) * uint64_t(options.sessions);
  const int threads = options.threads > 0 ? options.threads : read_topology().default_threads();
  std::unique_ptr<Engine> engine(
      new Engine(std::move(model), std::move(tokenizer), threads, options.batch, kv_bytes));

  if (options.fast_bf16) engine->driver_.set_fast_bf16(fast_bf16(kernels()));

  std::string_view source = options.chat_template;
  if (source.empty()) {
    NIBBLE_TRY(const auto from_file, file->get_string("tokenizer.chat_template"));
    source = from_file.value_or("");
  }
  if (source.empty()) {
    engine->chat_template_error_ = "the file has none";
  } else if (auto parsed = ChatTemplate::parse(source)) {
    engine->chat_template_ = *std::move(parsed);
  } else if (!options.chat_template.empty()) {
    return forward_error(std::move(parsed).error(), "chat template");
  } else {
    engine->chat_template_error_ = parsed.error().message;  // no hindrance to completing text
  }
  engine->load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return engine;
}

Result<std::string> Engine::render_chat(ChatInput input) const {
  if (!chat_template_)
    return fail(ErrorKind::kUnsupported, file().path(), ": no chat template (", chat_template_error_,
                "); this model continues text: use `nibble run`, or give one with --chat-template");
  const SpecialTokens& special = tokenizer_.special();
  input.bos_token = tokenizer_.token_text(special.bos);
  input.eos_token = tokenizer_.token_text(special.eos);
  input.now = local_now();
  auto rendered = chat_template_->render(input);
  if (!rendered) return forward_error(std::move(rendered).error(), "chat template");
  return rendered;
}

std::vector<TokenId> Engine::tokenize_chat(std::string_view rendered) const {
  const std::string_view bos = tokenizer_.token_text(tokenizer_.special().bos);
  const bool has_bos = !bos.empty() && rendered.starts_with(bos);
  return tokenizer_.encode(rendered, {.add_special = !has_bos, .parse_special = true});
}

}  // namespace nibble
