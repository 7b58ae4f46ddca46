// Bad and hostile templates: an error that says where, within a bounded time and memory.
#include <string>

#include "text/chat_template.h"
#include "text/template_case.h"

namespace nibble {
namespace {

using test::rendered;
using test::try_render;

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

void expect_error(std::string_view source, ErrorKind kind, std::string_view message) {
  const auto text = try_render(source);
  const std::string shown(source.substr(0, 200));
  ASSERT_FALSE(text) << shown << " renders " << text->substr(0, 200);
  EXPECT_EQ(text.error().kind, kind) << shown << ": " << text.error().message;
  EXPECT_NE(text.error().message.find(message), std::string::npos) << shown << ": " << text.error().message;
}

TEST(ChatTemplateErrors, NameLineAndColumn) {
  constexpr struct {
    std::string_view source, message;
  } kCases[] = {
      {"a\n  {{ 1 + }}", "line 2 column 10: expected an expression, found '}}'"},
      {"é {% if x %}", "line 1 column 6: {% if %} is never closed by {% endif %}"},
      {"{% for x in y %}{% if x %}{% endfor %}", "line 1 column 30: unknown statement 'endfor'"},
      {"\n\n{{ 'abc }}", "line 3 column 4: the string is never closed"},
      {"{{ a", "line 1 column 1: the tag {{ is never closed"},
      {"{% set x = 1", "line 1 column 1: the tag {% is never closed"},
      {"x {# y", "line 1 column 3: the comment {# is never closed"},
      {"{% raw %} {{ x }}", "line 1 column 1: {% raw %} is never closed by {% endraw %}"},
      {"{% if a %}\n  {% endif %}\n  {% frobnicate %}", "line 3 column 6: unknown statement 'frobnicate'"},
      {"{{ a ? b }}", "line 1 column 6: unexpected '?' within a tag"},
      {"{{ a \x01 }}", "line 1 column 6: unexpected byte 1 within a tag"},
      {"{{ a — b }}", "line 1 column 6: unexpected '—' within a tag"},
      {"{% set 1 = 2 %}", "only a name or an attribute"},
      {"{% macro m(a, a) %}{% endmacro %}", "line 1 column 15: the parameter 'a' is declared twice"},
      {"{% macro m(a=1, b) %}{% endmacro %}", "the parameter 'b' needs a default"},
      {"{{ f(a=1, 2) }}", "keyword arguments only"},
      {"{{ [1 2] }}", "expected , or ], found '2'"},
      {"{{ x.", "never closed"},
      {"{{ x[ }}", "expected an expression, found '}}'"},
      {"{{ x[] }}", "expected an index"},
      {"{% endif %}", "unknown statement 'endif'"},
  };
  for (const auto& [source, message] : kCases) expect_error(source, ErrorKind::kBadFile, message);
}

TEST(ChatTemplateErrors, AtRenderingNameLineAndColumn) {
  constexpr struct {
    std::string_view source, message;
  } kCases[] = {
      {"a\n{{ raise_exception('No ' + 'way!') }}", "chat template line 2 column 4: No way!"},
      {"{{ 'a' + missing }}", "line 1 column 8: no operator + between string and undefined"},
      {"{% macro m() %}\n{{ 1 // 0 }}{% endmacro %}\n\n{{ m() }}", "line 2 column 6: division by zero"},
      {"{{ name.frob() }}", "a value of kind string has no method frob"},
      {"{{ frob(1) }}", "cannot call frob, it is undefined"},
      {"{{ 9223372036854775807 + 1 }}", "beyond 64 bits"},
      {"{{ (-9223372036854775807 - 1) // -1 }}", "beyond 64 bits"},
      {"{{ 10 ** 40 }}", "beyond 64 bits"},
      {"{% for x in name %}{% endfor %}", "cannot loop over a value of kind string"},
      {"{% for x in missing %}{% endfor %}", "cannot loop over a value of kind undefined"},
      {"{% for a, b in [[1]] %}{% endfor %}", "1 items for 2 loop variables"},
      {"{% set a, b = [1, 2, 3] %}", "3 items for 2 names"},
      {"{% set dict.x = 1 %}", "only attributes of a namespace can be set"},
      {"{{ none_value | trim }}", "the filter trim cannot take a value of kind none"},
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "takes 1 arguments, found 2"},
      {"{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "has no parameter 'z'"},
      {"{{ [1, 'a'] | sort }}", "cannot order"},
      {"{{ words[name.upper] }}", "by a key of kind callable"},
      {"{{ name.upper }}", "a callable cannot be shown"},
      {"{{ {1: 2} }}", "keys of a dict are strings"},
      {"{% break %}", "outside of a loop"},
      {"{% set ns = namespace() %}{% macro m() %}{% set ns.c = caller %}{% endmacro %}{% call m() %}x{% "
       "endcall %}{{ ns.c() }}",
       "caller() outside of its call block"},
  };
  for (const auto& [source, message] : kCases) expect_error(source, ErrorKind::kInvalidArgument, message);
  expect_error("{{ 1 | frob }}", ErrorKind::kUnsupported, "unknown filter 'frob'");
  expect_error("{{ 1 is frob }}", ErrorKind::kUnsupported, "unknown test 'frob'");
  expect_error("{% include 'x' %}", ErrorKind::kUnsupported, "{% include %} has no place in a chat template");
}

TEST(ChatTemplateLimits, SourceSize) {
  const std::string source(10 << 20, 'x');
  expect_error(source, ErrorKind::kLimit, "chat template of 10485760 bytes, at most 1048576");
  EXPECT_EQ(rendered(std::string(ChatTemplate::kMaxSourceBytes, 'x')).size(), ChatTemplate::kMaxSourceBytes);
}

TEST(ChatTemplateLimits, SyntaxDepth) {
  constexpr size_t kMany = 100'000;
  const std::pair<std::string, std::string> kNests[] = {
      {repeated("(", kMany), "1"},
      {repeated("[", kMany), ""},
      {repeated("{'a':", kMany), "1" + repeated("}", kMany)},
      {repeated("not ", kMany), "1"},
      {repeated("-", kMany), "1"},
      {"1" + repeated("+1", kMany), ""},
      {"1" + repeated(" and 1", kMany), ""},
      {"1" + repeated(" == 1", kMany), ""},
      {"x" + repeated(".a", kMany), ""},
      {"x" + repeated("[0]", kMany), ""},
      {"x" + repeated("()", kMany), ""},
      {"x" + repeated("|e", kMany), ""},
      {"x" + repeated(" is string", kMany), ""},
      {repeated("1 if 1 else ", kMany / 2), "1"},
      {repeated("f(", kMany), ""},
      {repeated("x[", kMany), ""},
  };
  for (const auto& [open, close] : kNests)
    expect_error("{{ " + open + close + " }}", ErrorKind::kLimit, "levels");
  for (const char* block : {"{% if 1 %}", "{% for x in [1] %}", "{% set x %}", "{% filter e %}",
                            "{% call m() %}", "{% with %}", "{% macro m() %}"}) {
    expect_error(repeated(block, 20'000), ErrorKind::kLimit, "levels");
  }
  // Wide is not deep.
  EXPECT_EQ(rendered("{% if 0 %}" + repeated("{% elif 0 %}", 20'000) + "{% else %}x{% endif %}"), "x");
  EXPECT_EQ(rendered("{{ 1" + repeated(" < 2", 1) + " }}"), "true");
  EXPECT_EQ(rendered("{{ [" + repeated("1,", 50'000) + "] | length }}"), "50000");
  EXPECT_EQ(rendered(repeated("{% if 1 %}", 90) + "x" + repeated("{% endif %}", 90)), "x");
  EXPECT_EQ(rendered("{{ 0" + repeated(" + 1", 190) + " }}"), "190");
}

TEST(ChatTemplateLimits, Loops) {
  const std::string_view kBombs[] = {
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{% set x = a * b %}{% endfor %}{% endfor %}",
      "{% macro m(n) %}{% for x in range(10) %}{{ m(n + 1) }}{% endfor %}{% endmacro %}{{ m(0) }}",
      "{% set a = range(100000) | list %}{% for x in a %}{% if x in a %}{% endif %}{% endfor %}",
      "{% for x in range(100000) %}{{ range(100000) | sort | first }}{% endfor %}",
  };
  for (const auto bomb : kBombs) expect_error(bomb, ErrorKind::kLimit, "more than");
  expect_error("{{ range(100001) }}", ErrorKind::kLimit, "range() of more than 100000 items");
  expect_error(
      "{{ range(0, 9223372036854775807, 4611686018427387904) | length }}{{ range(-9223372036854775807, "
      "9223372036854775807) }}",
      ErrorKind::kLimit, "range()");
}

TEST(ChatTemplateLimits, Recursion) {
  expect_error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ErrorKind::kLimit, "levels deep");
  expect_error("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
               ErrorKind::kLimit, "levels deep");
  expect_error("{% macro m(x) %}{{ x(x) }}{% endmacro %}{{ m(m) }}", ErrorKind::kLimit, "levels deep");
  expect_error("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
               ErrorKind::kLimit, "levels deep");
  expect_error("{% macro m() %}" + repeated("{% if 1 %}", 80) + "{{ m() }}" + repeated("{% endif %}", 80) +
                   "{% endmacro %}{{ m() }}",
               ErrorKind::kLimit, "levels");
  expect_error("{% macro m(a=m()) %}{% endmacro %}{{ m() }}", ErrorKind::kLimit, "levels");
}

TEST(ChatTemplateLimits, Memory) {
  const std::string_view kBombs[] = {
      "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('x', ns.s) %}{% "
      "endfor %}",
      "{% set ns = namespace(s='xx') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] | join(ns.s) %}{% "
      "endfor %}",
      "{% set ns = namespace(s=[]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ "
      "ns.s }}",
      "{% set ns = namespace(s={}) %}{% for i in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% "
      "endfor %}{{ ns.s | tojson }}",
      "{{ 'x' * 100000000000 }}",
      "{{ 'xxxxxxxx' * 9223372036854775807 }}",
      "{{ [1] * 9223372036854775807 }}",
      "{{ '\\n' | indent(9223372036854775807, true, true) }}",
      "{% set s = 'x' * 60000000 %}{% for i in range(100) %}{% set t = s | upper %}{% endfor %}",
      "{% set s = 'x' * 60000000 %}{{ s }}{{ s }}",
      "{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}",
      "{% set ns = namespace() %}{% for i in range(100000) %}{% set ns.s = range(100000) %}{% endfor %}",
      "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = ns.s + ['x' * i] %}{% endfor "
      "%}",
      "{% set s = ('x' * 1000000) | list %}{{ (s + s + s + s) | tojson(indent=100) }}",
  };
  for (const auto bomb : kBombs) expect_error(bomb, ErrorKind::kLimit, "more than");
  // Loops and texts within each other, each of which holds what it has until it ends.
  expect_error("{% set big = range(100000) %}{% macro m() %}" +
                   repeated("{% for x in big if x > 90000 %}", 40) + "{{ m() }}" +
                   repeated("{% endfor %}", 40) + "{% endmacro %}{{ m() }}",
               ErrorKind::kLimit, "more than");
  expect_error(
      "{% set s = 'x' * 60000000 %}" + repeated("{% set t %}{{ s }}", 50) + repeated("{% endset %}", 50),
      ErrorKind::kLimit, "more than");
  expect_error("{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}",
               ErrorKind::kLimit, "nested deeper than 100 levels");
}

// A namespace may hold itself: shown, it must end; and it must be freed (the address sanitizer looks).
TEST(ChatTemplateLimits, NamespaceCycles) {
  expect_error("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{{ a }}",
               ErrorKind::kLimit, "nested deeper");
  EXPECT_EQ(rendered("{% set a = namespace(n=1) %}{% set a.self = a %}{{ a.self.self.n }}"), "1");
  EXPECT_EQ(rendered("{% set a = namespace(n=1) %}{% set a.list = [a] %}{{ a.list[0].n }}"), "1");
  // A long chain, built from its head.
  EXPECT_EQ(
      rendered("{% set at = namespace() %}{% set head = namespace(next=none) %}{% set at.at = head %}"
               "{% for i in range(20000) %}{% set n = namespace() %}{% set ns = at.at %}{% set ns.next = n %}"
               "{% set at.at = n %}{% endfor %}done"),
      "done");
}

// Text that makes a careless search quadratic.
TEST(ChatTemplateLimits, LongTexts) {
  const std::string_view kSlow[] = {
      "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 + 'b' %}{{ b in a }}{{ a.find(b) }}{{ a.rfind(b) "
      "}}{{ a.count(b) }}",
      "{% set a = 'a' * 2000000 %}{% set b = 'b' + 'a' * 1000000 %}{{ b in a }}{{ a.split(b) | length }}{{ "
      "a.rfind(b) }}-1",
  };
  EXPECT_EQ(rendered(kSlow[0]), "false-1-10");
  EXPECT_EQ(rendered(kSlow[1]), "false1-1-1");
  EXPECT_EQ(rendered("{{ ('Σ' * 200000) | lower | length }}{{ (\"'\" * 200000 + 'Σ') | lower | length }}"),
            "200000200001");
}

TEST(ChatTemplateLimits, HostileBytes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string raw(1, static_cast<char>(byte));
    for (const std::string& source :
         {raw, "{{ '" + raw + "' | upper | tojson }}", "{{" + raw + "}}", "{%" + raw + "%}",
          "{#" + raw + "#}", "{% if " + raw + " %}", "{{ 'x" + raw + raw + "'[::-1].strip() }}"}) {
      const auto text = try_render(source);
      if (!text) EXPECT_FALSE(text.error().message.empty());
    }
  }
  EXPECT_EQ(rendered(std::string("a\0b{{ '\0' | length }}", 21)), std::string("a\0b1", 4));
}

TEST(ChatTemplateLimits, OwnLimitsAreKept) {
  RenderLimits limits;
  limits.output_bytes = 10;
  EXPECT_EQ(*try_render("{{ 'x' * 10 }}", limits), "xxxxxxxxxx");
  EXPECT_FALSE(try_render("{{ 'x' * 11 }}", limits));
  EXPECT_FALSE(try_render("12345678901", limits));
  limits = {};
  limits.steps = 100;
  EXPECT_FALSE(try_render("{% for x in range(100) %}{{ x }}{% endfor %}", limits));
  limits = {};
  limits.call_depth = 2;
  EXPECT_TRUE(
      try_render("{% macro a() %}x{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ b() }}", limits));
  EXPECT_FALSE(
      try_render("{% macro a() %}x{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}"
                 "{% macro c() %}{{ b() }}{% endmacro %}{{ c() }}",
                 limits));
}

// Input values have a limit of depth, too: showing them recurses.
TEST(ChatTemplateLimits, DeepVariables) {
  jinja::Value deep = jinja::List{};
  for (int i = 0; i < 200; ++i) deep = jinja::List{deep};
  const auto chat_template = ChatTemplate::parse("{{ deep }}");
  const auto text = chat_template->render(jinja::Dict{{"deep", deep}}, test::kCaseTime);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kLimit);
}

}  // namespace
}  // namespace nibble
