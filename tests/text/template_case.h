// Renders one template over fixed variables, for the tests of single features.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "text/chat_template.h"
#include "text/json_fixture.h"

namespace nibble::test {

inline constexpr std::string_view kCaseVariables = R"({
  "name": "Ada", "i": 7, "f": 2.5, "none_value": null, "text": "Grüße 👋", "words": ["b", "A", "c", "a"],
  "numbers": [3, 1, 2, 1], "dict": {"b": 1, "a": {"c": "deep"}}, "tool": {"items": "hidden", "x": 1},
  "rows": [{"role": "user", "n": 2}, {"role": "bot", "n": 1}, {"role": "user"}]
})";

inline constexpr std::chrono::local_seconds kCaseTime =
    std::chrono::local_days(std::chrono::year(2026) / 3 / 5) + std::chrono::hours(14) +
    std::chrono::minutes(7) + std::chrono::seconds(9);

inline Result<std::string> try_render(std::string_view source, const RenderLimits& limits = {}) {
  static const jinja::Value variables = JsonFixture::parse(kCaseVariables);
  NIBBLE_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source));
  return chat_template.render(variables.as_dict(), kCaseTime, limits);
}

// The text, or "error: ..." with the message.
inline std::string rendered(std::string_view source) {
  const auto text = try_render(source);
  return text ? *text : "error: " + text.error().message;
}

struct TemplateCase {
  std::string_view source, expected;
};

template <size_t N>
void expect_cases(const TemplateCase (&cases)[N]) {
  for (const auto& [source, expected] : cases) EXPECT_EQ(rendered(source), expected) << source;
}

}  // namespace nibble::test
