/* nibble as a library: run quantized language models (GGUF files) on ordinary processors.
 *
 * An engine is a loaded model, a session is one timeline of tokens over it. The first part is C, the second
 * the same for C++23, header-only over the first. Link with CMake (find_package(nibble), nibble::nibble) or
 * pkg-config (nibble).
 *
 * Errors: C functions return a nibble_status and nibble_last_error() has the message; C++ functions give back
 * std::expected. Nothing aborts, whatever the file or the text.
 * Threads: an engine may be used by many, each with its own session; their steps take turns.
 * Strings are UTF-8 with a length, not necessarily ended by a zero. Structs are set to their defaults by
 * their
 * ..._init function; they may grow in later versions. */
#ifndef NIBBLE_NIBBLE_H
#define NIBBLE_NIBBLE_H

#include <stddef.h>
#include <stdint.h>

#define NIBBLE_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nibble_status {
  NIBBLE_OK = 0,
  NIBBLE_INVALID_ARGUMENT = 1,
  NIBBLE_NOT_FOUND = 2,
  NIBBLE_IO = 3,
  NIBBLE_BAD_FILE = 4,
  NIBBLE_UNSUPPORTED = 5,
  NIBBLE_LIMIT = 6, /* memory, context or a buffer too small */
  NIBBLE_BUSY = 7,
  NIBBLE_CANCELLED = 8,
  NIBBLE_INTERNAL = 9
} nibble_status;

NIBBLE_API const char* nibble_version(void);
/* Of this thread's last call that failed; valid until its next one. */
NIBBLE_API const char* nibble_last_error(void);

/* ---- engine ---- */
typedef struct nibble_engine nibble_engine;

/* How keys and values are kept: q8_0 takes half the memory and rounds more. */
typedef enum nibble_kv { NIBBLE_KV_F16 = 0, NIBBLE_KV_Q8_0 = 1 } nibble_kv;

typedef struct nibble_engine_options {
  size_t struct_size;
  int32_t threads;  /* 0: the physical cores that affinity and cgroup quota give */
  int32_t sessions; /* that are to have a full context at the same time */
  int64_t context;  /* positions of a session; 0: the model's, less where memory is short */
  int64_t batch;    /* prompt tokens computed in one pass */
  nibble_kv kv;
} nibble_engine_options;

NIBBLE_API void nibble_engine_options_defaults(nibble_engine_options* options, size_t struct_size);
static inline void nibble_engine_options_init(nibble_engine_options* options) {
  nibble_engine_options_defaults(options, sizeof *options);
}

/* options may be null: the defaults. */
NIBBLE_API nibble_status nibble_engine_open(const char* path, const nibble_engine_options* options,
                                            nibble_engine** engine);
/* Sessions that are still open keep what they need. Null does nothing. */
NIBBLE_API void nibble_engine_close(nibble_engine* engine);
NIBBLE_API int64_t nibble_engine_context(const nibble_engine* engine);
NIBBLE_API int64_t nibble_engine_vocabulary(const nibble_engine* engine);

/* Text to ids: *count is how many there are; NIBBLE_LIMIT when that is more than capacity (then call again).
 * add_special: BOS and the like as the vocabulary says; parse_special: text that spells a special token is
 * that token. */
NIBBLE_API nibble_status nibble_tokenize(const nibble_engine* engine, const char* text, size_t length,
                                         int add_special, int parse_special, int32_t* ids, size_t capacity,
                                         size_t* count);
/* Ids to bytes, likewise. */
NIBBLE_API nibble_status nibble_detokenize(const nibble_engine* engine, const int32_t* ids, size_t count,
                                           int special, char* text, size_t capacity, size_t* length);

/* ---- session ---- */
typedef struct nibble_session nibble_session;

typedef struct nibble_message {
  const char* role; /* "system", "user", "assistant"; ended by a zero, as is content */
  const char* content;
} nibble_message;

NIBBLE_API nibble_status nibble_session_open(nibble_engine* engine, nibble_session** session);
NIBBLE_API void nibble_session_close(nibble_session* session);
NIBBLE_API nibble_status nibble_session_append_text(nibble_session* session, const char* text, size_t length);
NIBBLE_API nibble_status nibble_session_append_tokens(nibble_session* session, const int32_t* ids,
                                                      size_t count);
/* Makes the timeline these tokens; what it has in common with them at the front is not computed again. */
NIBBLE_API nibble_status nibble_session_assign_tokens(nibble_session* session, const int32_t* ids,
                                                      size_t count);
/* Makes the timeline this conversation, in the form of the model's chat template, ready for the answer. */
NIBBLE_API nibble_status nibble_session_assign_chat(nibble_session* session, const nibble_message* messages,
                                                    size_t count);
/* Forgets the tokens from `length` on. */
NIBBLE_API void nibble_session_truncate(nibble_session* session, int64_t length);
NIBBLE_API int64_t nibble_session_length(const nibble_session* session);
/* Copies the timeline; *count as in nibble_tokenize. */
NIBBLE_API nibble_status nibble_session_tokens(const nibble_session* session, int32_t* ids, size_t capacity,
                                               size_t* count);

/* Whether tokens are guessed ahead and checked several in one pass: the answer is the same. */
typedef enum nibble_draft {
  NIBBLE_DRAFT_NONE = 0,
  NIBBLE_DRAFT_NGRAM = 1 /* what followed the last time when the text ended like this */
} nibble_draft;

/* Order and meaning: docs/sampling.md. */
typedef struct nibble_generation_options {
  size_t struct_size;
  int64_t max_tokens; /* -1: until the answer ends or the context is full */
  float temperature, top_p, min_p, typical_p;
  float repetition_penalty, presence_penalty, frequency_penalty;
  int64_t top_k, penalty_window;
  int has_seed; /* 0: a new seed, told in the result */
  uint64_t seed;
  int ignore_end;
  const char* const* stop; /* strings ended by a zero; the answer ends before the first of them */
  size_t stop_count;
  const int32_t* stop_ids;
  size_t stop_id_count;
  nibble_draft draft;
  int64_t draft_length; /* tokens guessed at once; -1: as many as pay, by measurement */
} nibble_generation_options;

NIBBLE_API void nibble_generation_options_defaults(nibble_generation_options* options, size_t struct_size);
static inline void nibble_generation_options_init(nibble_generation_options* options) {
  nibble_generation_options_defaults(options, sizeof *options);
}

typedef enum nibble_finish {
  NIBBLE_FINISH_END = 0, /* the model ended its answer */
  NIBBLE_FINISH_STOP = 1,
  NIBBLE_FINISH_MAX_TOKENS = 2,
  NIBBLE_FINISH_CONTEXT_FULL = 3,
  NIBBLE_FINISH_CANCELLED = 4
} nibble_finish;

typedef struct nibble_generation {
  nibble_finish finish;
  uint64_t seed;
  int64_t prompt_tokens, reused_tokens, answer_tokens;
  double prefill_seconds, decode_seconds;
  int64_t drafted_tokens, accepted_tokens;
} nibble_generation;

/* Gets text as it becomes certain, in whole characters. 0 ends the generation. */
typedef int (*nibble_text_callback)(const char* text, size_t length, void* user);

/* Continues the timeline. options, callback and result may be null. */
NIBBLE_API nibble_status nibble_session_generate(nibble_session* session,
                                                 const nibble_generation_options* options,
                                                 nibble_text_callback callback, void* user,
                                                 nibble_generation* result);
/* Ends the generation under way. From any thread or a signal handler. */
NIBBLE_API void nibble_session_cancel(nibble_session* session);

#ifdef __cplusplus
} /* extern "C" */

#if __cplusplus >= 202100L && !defined(NIBBLE_C_API_ONLY)
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {
// The inline namespace keeps these names apart from the library's own.
inline namespace api {

struct Error {
  nibble_status status;
  std::string message;
};
template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline Status to_status(nibble_status status) {
  if (status == NIBBLE_OK) return {};
  return std::unexpected(Error{status, nibble_last_error()});
}

struct EngineOptions : nibble_engine_options {
  EngineOptions() { nibble_engine_options_init(this); }
};
struct GenerationOptions : nibble_generation_options {
  GenerationOptions() { nibble_generation_options_init(this); }
};
struct Generation : nibble_generation {
  std::string text;
};
struct Message {
  std::string role, content;
};

class Engine {
 public:
  static Result<Engine> open(const std::string& path, const EngineOptions& options = {}) {
    nibble_engine* engine = nullptr;
    if (auto status = to_status(nibble_engine_open(path.c_str(), &options, &engine)); !status)
      return std::unexpected(status.error());
    return Engine(engine);
  }
  int64_t context() const { return nibble_engine_context(handle()); }
  int64_t vocabulary() const { return nibble_engine_vocabulary(handle()); }
  Result<std::vector<int32_t>> tokenize(std::string_view text, bool add_special = false,
                                        bool parse_special = false) const {
    std::vector<int32_t> ids(text.size() + 8);
    while (true) {
      size_t count = 0;
      const nibble_status status = nibble_tokenize(handle(), text.data(), text.size(), add_special,
                                                   parse_special, ids.data(), ids.size(), &count);
      const bool larger = status == NIBBLE_LIMIT && count > ids.size();
      ids.resize(count);
      if (status == NIBBLE_OK) return ids;
      if (!larger) return std::unexpected(to_status(status).error());
    }
  }
  Result<std::string> detokenize(std::span<const int32_t> ids, bool special = false) const {
    std::string text(ids.size() * 8 + 8, '\0');
    while (true) {
      size_t length = 0;
      const nibble_status status =
          nibble_detokenize(handle(), ids.data(), ids.size(), special, text.data(), text.size(), &length);
      const bool larger = status == NIBBLE_LIMIT && length > text.size();
      text.resize(length);
      if (status == NIBBLE_OK) return text;
      if (!larger) return std::unexpected(to_status(status).error());
    }
  }
  nibble_engine* handle() const { return engine_.get(); }

 private:
  struct Close {
    void operator()(nibble_engine* engine) const { nibble_engine_close(engine); }
  };
  explicit Engine(nibble_engine* engine) : engine_(engine) {}
  std::unique_ptr<nibble_engine, Close> engine_;
};

class Session {
 public:
  static Result<Session> open(const Engine& engine) {
    nibble_session* session = nullptr;
    if (auto status = to_status(nibble_session_open(engine.handle(), &session)); !status)
      return std::unexpected(status.error());
    return Session(session);
  }
  Status append(std::string_view text) {
    return to_status(nibble_session_append_text(handle(), text.data(), text.size()));
  }
  Status append(std::span<const int32_t> ids) {
    return to_status(nibble_session_append_tokens(handle(), ids.data(), ids.size()));
  }
  Status assign(std::span<const int32_t> ids) {
    return to_status(nibble_session_assign_tokens(handle(), ids.data(), ids.size()));
  }
  Status assign_chat(std::span<const Message> messages) {
    std::vector<nibble_message> plain;
    for (const Message& message : messages) plain.push_back({message.role.c_str(), message.content.c_str()});
    return to_status(nibble_session_assign_chat(handle(), plain.data(), plain.size()));
  }
  void truncate(int64_t length) { nibble_session_truncate(handle(), length); }
  int64_t length() const { return nibble_session_length(handle()); }

  // `sink` gets the text as it becomes certain; false ends the generation.
  using Sink = std::function<bool(std::string_view)>;
  Result<Generation> generate(const GenerationOptions& options = {}, const Sink& sink = {}) {
    struct Receiver {
      const Sink& sink;
      std::string text;
    } receiver{sink, {}};
    const auto receive = [](const char* text, size_t length, void* user) -> int {
      auto& to = *static_cast<Receiver*>(user);
      to.text.append(text, length);
      return !to.sink || to.sink(std::string_view(text, length));
    };
    Generation result;
    if (auto status = to_status(nibble_session_generate(handle(), &options, receive, &receiver, &result));
        !status)
      return std::unexpected(status.error());
    result.text = std::move(receiver.text);
    return result;
  }
  void cancel() { nibble_session_cancel(handle()); }
  nibble_session* handle() const { return session_.get(); }

 private:
  struct Close {
    void operator()(nibble_session* session) const { nibble_session_close(session); }
  };
  explicit Session(nibble_session* session) : session_(session) {}
  std::unique_ptr<nibble_session, Close> session_;
};

}  // namespace api
}  // namespace nibble
#endif /* C++23 */
#endif /* __cplusplus */
#endif /* NIBBLE_NIBBLE_H */
