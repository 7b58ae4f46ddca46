// Chat templates: the Jinja source in a model file's `tokenizer.chat_template` turns a conversation into the
// prompt text the model was trained on. Parsing and rendering are bounded: no template and no conversation
// can recurse, loop or allocate beyond RenderLimits (jinja_budget.h). Semantics: docs/chat-templates.md.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja_budget.h"
#include "text/jinja_value.h"

namespace nibble {

namespace jinja {
struct Program;
}

struct ChatMessage {
  std::string role;
  std::string content;
  jinja::Dict extra;  // name, tool_calls, tool_call_id, reasoning_content, ...
};

// A list of {role, content, ...extra} as templates expect it.
jinja::Value messages_value(const std::vector<ChatMessage>& messages);

struct ChatInput {
  jinja::Value messages;  // a list of dicts, as in the OpenAI API
  jinja::Value tools;     // a list of dicts; undefined when the request names none
  bool add_generation_prompt = true;
  std::string bos_token;
  std::string eos_token;
  jinja::Dict variables;  // further ones by name, e.g. enable_thinking, documents; they win over the above
  std::chrono::local_seconds now{};  // what strftime_now() shows
};

// Immutable; render() may be called from several threads at once.
class ChatTemplate {
 public:
  static constexpr size_t kMaxSourceBytes = size_t(1) << 20;

  // Errors: kBadFile with line and column for what is no Jinja, kLimit for source or nesting beyond the
  // bounds.
  static Result<ChatTemplate> parse(std::string_view source);

  // Errors: kInvalidArgument with line and column; the text of raise_exception() stands in the message.
  Result<std::string> render(const ChatInput& input, const RenderLimits& limits = {}) const;

  // The same over bare variables, for text that is no conversation.
  Result<std::string> render(const jinja::Dict& variables, std::chrono::local_seconds now,
                             const RenderLimits& limits = {}) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const jinja::Program> program_;
};

}  // namespace nibble
