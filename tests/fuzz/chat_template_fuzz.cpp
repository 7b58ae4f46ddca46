// Any bytes as a chat template: parsed, and rendered over a conversation with tools under small limits.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/chat_template.h"

namespace {

nibble::ChatInput conversation() {
  using nibble::jinja::Dict;
  using nibble::jinja::List;
  const Dict function{{"name", "f"}, {"arguments", Dict{{"x", 1.5}, {"items", List{1, "a", nullptr, true}}}}};
  nibble::ChatInput input;
  input.messages = nibble::messages_value({{"system", "You are \"terse\".", {}},
                                           {"user", "Grüße 👋 <think>a</think>", {}},
                                           {"assistant", "", {{"tool_calls", List{Dict{{"function", function}}}}}},
                                           {"tool", "\xff\n 21.5 ", {{"tool_call_id", "123456789"}}}});
  input.tools = List{Dict{{"type", "function"}, {"function", function}}};
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const nibble::ChatInput input = conversation();
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto chat_template = nibble::ChatTemplate::parse(source);
  if (!chat_template) return 0;
  nibble::RenderLimits limits;
  limits.steps = 20'000;
  limits.value_bytes = limits.output_bytes = 1 << 20;
  const auto text = chat_template->render(input, limits);
  if (text && text->size() > limits.output_bytes) __builtin_trap();
  if (!text && text.error().message.empty()) __builtin_trap();
  return 0;
}
