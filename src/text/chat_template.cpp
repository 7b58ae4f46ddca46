#include "text/chat_template.h"

#include "text/jinja_interpreter.h"
#include "text/jinja_parser.h"

namespace nibble {

jinja::Value messages_value(const std::vector<ChatMessage>& messages) {
  jinja::List list;
  for (const ChatMessage& message : messages) {
    jinja::Dict dict{{"role", message.role}, {"content", message.content}};
    for (const auto& [name, value] : message.extra.entries()) dict.set(name, value);
    list.emplace_back(std::move(dict));
  }
  return jinja::Value(std::move(list));
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return fail(ErrorKind::kLimit, "chat template of ", source.size(), " bytes, at most ", kMaxSourceBytes,
                " are read");
  }
  NIBBLE_TRY(jinja::Program program, jinja::parse_program(source));
  return ChatTemplate(std::make_shared<const jinja::Program>(std::move(program)));
}

Result<std::string> ChatTemplate::render(const ChatInput& input, const RenderLimits& limits) const {
  jinja::Dict variables{{"messages", input.messages},
                        {"add_generation_prompt", input.add_generation_prompt},
                        {"bos_token", input.bos_token},
                        {"eos_token", input.eos_token}};
  if (!input.tools.is_undefined()) variables.set("tools", input.tools);
  for (const auto& [name, value] : input.variables.entries()) variables.set(name, value);
  return render(variables, input.now, limits);
}

Result<std::string> ChatTemplate::render(const jinja::Dict& variables, std::chrono::local_seconds now,
                                         const RenderLimits& limits) const {
  return jinja::Interpreter(*program_, limits, now).run(variables);
}

}  // namespace nibble
