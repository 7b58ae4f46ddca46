// The C API of include/nibble/nibble.h over Engine and Session. The header's C++ part is left out here, as its
// names are those of the layers below.
#include <cstring>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/session.h"
#include "surfaces/c_api_support.h"

struct nibble_engine {
  std::shared_ptr<nibble::Engine> engine;
};
struct nibble_session {
  std::shared_ptr<nibble::Engine> engine;  // first, so that it outlives the session
  nibble::Session session;
};

namespace nibble {
namespace {

static_assert(int(FinishReason::kCancelled) == NIBBLE_FINISH_CANCELLED);

template <class T>
Status copy_out(std::span<const T> values, T* out, size_t capacity, size_t* count) {
  if (!count || (!out && capacity > 0)) return null_argument();
  *count = values.size();
  if (values.size() > capacity)
    return fail(ErrorKind::kLimit, values.size(), " values do not fit a buffer of ", capacity);
  std::copy(values.begin(), values.end(), out);
  return {};
}

GenerationRequest request_of(const nibble_generation_options& options) {
  GenerationRequest request;
  request.max_tokens = options.max_tokens;
  request.ignore_end = options.ignore_end != 0;
  request.draft = options.draft == NIBBLE_DRAFT_NONE ? DraftKind::kNone : DraftKind::kNgram;
  request.draft_length = options.draft_length;
  SamplingOptions& sampling = request.sampling;
  sampling.temperature = options.temperature;
  sampling.top_p = options.top_p;
  sampling.min_p = options.min_p;
  sampling.typical_p = options.typical_p;
  sampling.repetition_penalty = options.repetition_penalty;
  sampling.presence_penalty = options.presence_penalty;
  sampling.frequency_penalty = options.frequency_penalty;
  sampling.top_k = options.top_k;
  sampling.penalty_window = options.penalty_window;
  if (options.has_seed) sampling.seed = options.seed;
  for (size_t i = 0; i < options.stop_count; ++i) request.stop.emplace_back(options.stop[i]);
  request.stop_ids.assign(options.stop_ids, options.stop_ids + options.stop_id_count);
  return request;
}

}  // namespace
}  // namespace nibble

using namespace nibble;

const char* nibble_version(void) { return NIBBLE_VERSION; }
const char* nibble_last_error(void) { return last_c_error.c_str(); }

void nibble_engine_options_defaults(nibble_engine_options* options, size_t struct_size) {
  const EngineOptions defaults;
  store_defaults({.struct_size = 0,
                  .threads = defaults.threads,
                  .sessions = defaults.sessions,
                  .context = defaults.context,
                  .batch = defaults.batch,
                  .kv = NIBBLE_KV_F16},
                 options, struct_size);
}

nibble_status nibble_engine_open(const char* path, const nibble_engine_options* options,
                                 nibble_engine** engine) {
  return guarded([&]() -> Status {
    if (!path || !engine) return null_argument();
    const nibble_engine_options given = known_members(options, nibble_engine_options_defaults);
    EngineOptions wanted;
    wanted.threads = given.threads;
    wanted.sessions = given.sessions;
    wanted.context = given.context;
    wanted.batch = given.batch;
    int kv;  // a C program may have put any number there, which C++ must not read as an enumerator
    static_assert(sizeof kv == sizeof given.kv);
    std::memcpy(&kv, &given.kv, sizeof kv);
    if (kv != NIBBLE_KV_F16 && kv != NIBBLE_KV_Q8_0)
      return fail(ErrorKind::kInvalidArgument, "kv is ", kv, ", wanted NIBBLE_KV_F16 or NIBBLE_KV_Q8_0");
    wanted.kv = kv == NIBBLE_KV_Q8_0 ? KvType::kQ8_0 : KvType::kF16;
    NIBBLE_TRY(auto opened, Engine::open(path, wanted));
    *engine = new nibble_engine{std::move(opened)};
    return {};
  });
}

void nibble_engine_close(nibble_engine* engine) { delete engine; }
int64_t nibble_engine_context(const nibble_engine* engine) { return engine->engine->context(); }
int64_t nibble_engine_vocabulary(const nibble_engine* engine) {
  return int64_t(engine->engine->tokenizer().size());
}

nibble_status nibble_tokenize(const nibble_engine* engine, const char* text, size_t length, int add_special,
                              int parse_special, int32_t* ids, size_t capacity, size_t* count) {
  return guarded([&]() -> Status {
    if (!engine || (!text && length > 0)) return null_argument();
    const auto encoded = engine->engine->tokenizer().encode(
        std::string_view(text, length),
        {.add_special = add_special != 0, .parse_special = parse_special != 0});
    return copy_out<int32_t>(encoded, ids, capacity, count);
  });
}

nibble_status nibble_detokenize(const nibble_engine* engine, const int32_t* ids, size_t count, int special,
                                char* text, size_t capacity, size_t* length) {
  return guarded([&]() -> Status {
    if (!engine || (!ids && count > 0)) return null_argument();
    return copy_out<char>(engine->engine->tokenizer().decode(std::span(ids, count), special != 0), text,
                          capacity, length);
  });
}

nibble_status nibble_session_open(nibble_engine* engine, nibble_session** session) {
  return guarded([&]() -> Status {
    if (!engine || !session) return null_argument();
    *session = new nibble_session{engine->engine, Session(*engine->engine)};
    return {};
  });
}

void nibble_session_close(nibble_session* session) { delete session; }

nibble_status nibble_session_append_text(nibble_session* session, const char* text, size_t length) {
  return guarded([&]() -> Status {
    if (!session || (!text && length > 0)) return null_argument();
    return session->session.append(std::string_view(text, length));
  });
}

nibble_status nibble_session_append_tokens(nibble_session* session, const int32_t* ids, size_t count) {
  return guarded([&]() -> Status {
    if (!session || (!ids && count > 0)) return null_argument();
    return session->session.append(std::span(ids, count));
  });
}

nibble_status nibble_session_assign_tokens(nibble_session* session, const int32_t* ids, size_t count) {
  return guarded([&]() -> Status {
    if (!session || (!ids && count > 0)) return null_argument();
    return session->session.assign(std::span(ids, count));
  });
}

nibble_status nibble_session_assign_chat(nibble_session* session, const nibble_message* messages,
                                         size_t count) {
  return guarded([&]() -> Status {
    if (!session || (!messages && count > 0)) return null_argument();
    std::vector<ChatMessage> conversation;
    for (size_t i = 0; i < count; ++i) {
      if (!messages[i].role || !messages[i].content) return null_argument();
      conversation.push_back({.role = messages[i].role, .content = messages[i].content, .extra = {}});
    }
    ChatInput input;
    input.messages = messages_value(conversation);
    NIBBLE_TRY(const std::string rendered, session->engine->render_chat(std::move(input)));
    return session->session.assign(session->engine->tokenize_chat(rendered));
  });
}

void nibble_session_truncate(nibble_session* session, int64_t length) { session->session.truncate(length); }
int64_t nibble_session_length(const nibble_session* session) {
  return int64_t(session->session.tokens().size());
}

nibble_status nibble_session_tokens(const nibble_session* session, int32_t* ids, size_t capacity,
                                    size_t* count) {
  return guarded([&]() -> Status {
    if (!session) return null_argument();
    return copy_out<int32_t>(session->session.tokens(), ids, capacity, count);
  });
}

void nibble_generation_options_defaults(nibble_generation_options* options, size_t struct_size) {
  const GenerationRequest request;
  const SamplingOptions& sampling = request.sampling;
  nibble_generation_options defaults = {};
  defaults.max_tokens = request.max_tokens;
  defaults.temperature = sampling.temperature;
  defaults.top_p = sampling.top_p;
  defaults.min_p = sampling.min_p;
  defaults.typical_p = sampling.typical_p;
  defaults.repetition_penalty = sampling.repetition_penalty;
  defaults.presence_penalty = sampling.presence_penalty;
  defaults.frequency_penalty = sampling.frequency_penalty;
  defaults.top_k = sampling.top_k;
  defaults.penalty_window = sampling.penalty_window;
  defaults.ignore_end = request.ignore_end;
  defaults.draft = nibble_draft(request.draft);
  defaults.draft_length = request.draft_length;
  store_defaults(defaults, options, struct_size);
}

nibble_status nibble_session_generate(nibble_session* session, const nibble_generation_options* options,
                                      nibble_text_callback callback, void* user, nibble_generation* result) {
  return guarded([&]() -> Status {
    if (!session) return null_argument();
    const nibble_generation_options given = known_members(options, nibble_generation_options_defaults);
    if ((given.stop_count > 0 && !given.stop) || (given.stop_id_count > 0 && !given.stop_ids))
      return null_argument();
    const auto show = [&](std::string_view text) {
      return !callback || callback(text.data(), text.size(), user) != 0;
    };
    NIBBLE_TRY(const Generation generation, session->session.generate(request_of(given), show));
    if (result)
      *result = {.finish = nibble_finish(generation.finish),
                 .seed = generation.seed,
                 .prompt_tokens = generation.prompt_tokens,
                 .reused_tokens = generation.reused_tokens,
                 .answer_tokens = int64_t(generation.tokens.size()),
                 .prefill_seconds = generation.prefill_seconds,
                 .decode_seconds = generation.decode_seconds,
                 .drafted_tokens = generation.drafted_tokens,
                 .accepted_tokens = generation.accepted_tokens};
    return {};
  });
}

void nibble_session_cancel(nibble_session* session) { session->session.cancel(); }
