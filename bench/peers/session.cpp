#include "session.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace nibble::peer {

Result<Model> Model::load(const PeerApi& api, const ModelOptions& options) {
  LlamaModelParams params = api.model_default_params();
  params.vocab_only = options.vocab_only;
  params.use_extra_bufts = options.repack;
  LlamaKeyOverride overrides[2] = {};
  if (!options.pre.empty()) {
    overrides[0].kind = 3;
    std::snprintf(overrides[0].key, sizeof overrides[0].key, "tokenizer.ggml.pre");
    std::snprintf(overrides[0].text, sizeof overrides[0].text, "%s", options.pre.c_str());
    params.kv_overrides = overrides;
  }
  Model model;
  model.api_ = &api;
  model.model_ = {api.model_load(options.path.c_str(), params), api.model_free};
  if (!model.model_) return fail(ErrorKind::kBadFile, options.path, ": the peer refuses it:\n", peer_log());
  return model;
}

void Batch::clear() {
  tokens_.clear();
  positions_.clear();
  sequences_.clear();
  counts_.clear();
  logits_.clear();
}

void Batch::add(Token token, std::int32_t position, std::int32_t sequence, bool wants_logits) {
  tokens_.push_back(token);
  positions_.push_back(position);
  sequences_.push_back(sequence);
  counts_.push_back(1);
  logits_.push_back(wants_logits);
}

LlamaBatch Batch::view() {
  sequence_rows_.clear();
  for (std::int32_t& sequence : sequences_) sequence_rows_.push_back(&sequence);
  return {static_cast<std::int32_t>(tokens_.size()),
          tokens_.data(),
          nullptr,
          positions_.data(),
          counts_.data(),
          sequence_rows_.data(),
          logits_.data()};
}

Result<Context> Context::create(const Model& model, ContextOptions options) {
  const PeerApi& api = model.api();
  LlamaContextParams params = api.context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(options.context);
  params.n_batch = static_cast<std::uint32_t>(options.batch);
  params.n_ubatch = static_cast<std::uint32_t>(std::min(options.ubatch, options.batch));
  params.n_seq_max = static_cast<std::uint32_t>(options.sequences);
  params.n_outputs_max_per_seq = 0;  // logits of every position may be asked for
  params.n_threads = params.n_threads_batch = options.threads;
  params.kv_unified = options.unified;
  params.embeddings = options.embeddings;
  params.cb_eval = options.observer;
  params.cb_eval_user_data = options.observer_data;
  NIBBLE_TRY(params.type_k, api.type_id(options.kv));
  params.type_v = params.type_k;
  if (options.flash != "auto" && options.flash != "on" && options.flash != "off")
    return fail(ErrorKind::kInvalidArgument, "--flash ", options.flash, "; wanted: auto, on or off");
  params.flash_attn_type = options.flash == "auto" ? -1 : options.flash == "on";

  Context context;
  context.api_ = &api;
  GgmlThreadpoolParams pool = api.threadpool_default_params(options.threads);
  pool.poll = static_cast<std::uint32_t>(options.poll);
  context.pool_ = {api.threadpool_new(&pool), api.threadpool_free};
  context.context_ = {api.context_new(model.get(), params), api.context_free};
  if (!context.pool_ || !context.context_)
    return fail(ErrorKind::kUnsupported, "the peer creates no context:\n", peer_log());
  // Without a pool of its own the peer starts threads anew for every graph.
  api.attach_threadpool(context.context_.get(), context.pool_.get(), context.pool_.get());
  return context;
}

Status Context::decode(Batch& batch) {
  const std::int32_t code = api_->decode(context_.get(), batch.view());
  if (code != 0) return fail(ErrorKind::kInternal, "the peer's decode returns ", code, ":\n", peer_log());
  api_->synchronize(context_.get());
  return {};
}

Result<std::vector<Token>> parse_ids(const std::string& text) {
  std::string source = text;
  if (text.starts_with('@')) {
    NIBBLE_TRY(source, read_file(text.substr(1)));
  }
  std::vector<Token> ids;
  const char* at = source.data();
  const char* const end = at + source.size();
  while (true) {
    while (at != end && (*at == ',' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    if (at == end) return ids;
    Token id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc{})
      return fail(ErrorKind::kInvalidArgument, "ids: not a number at byte ", at - source.data());
    ids.push_back(id);
    at = next;
  }
}

Status check_ids(const std::vector<Token>& ids, int vocab_size) {
  if (ids.empty())
    return fail(ErrorKind::kInvalidArgument, "no ids given; wanted: --ids 1,2,3 or --ids @file");
  for (const Token id : ids)
    if (id < 0 || id >= vocab_size)
      return fail(ErrorKind::kInvalidArgument, "id ", id, " is outside the vocabulary of ", vocab_size);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const bool standard = path == "-";
  std::FILE* file = standard ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) return fail(ErrorKind::kNotFound, path, ": cannot be opened for reading");
  std::string data;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file))
    data.append(buffer.data(), got);
  const bool torn = std::ferror(file);
  if (!standard) std::fclose(file);
  if (torn) return fail(ErrorKind::kIo, path, ": reading failed");
  return data;
}

Status write_file(const std::string& path, const void* data, std::size_t size) {
  const bool standard = path == "-";
  std::FILE* file = standard ? stdout : std::fopen(path.c_str(), "wb");
  if (!file) return fail(ErrorKind::kIo, path, ": cannot be opened for writing");
  const bool whole = std::fwrite(data, 1, size, file) == size && std::fflush(file) == 0;
  if (!standard) std::fclose(file);
  if (!whole) return fail(ErrorKind::kIo, path, ": writing ", size, " bytes failed");
  return {};
}

}  // namespace nibble::peer
