// Features of the template language, one table a subject. What the peer knows, too, is compared with it in
// chat_template_peer_test.cpp; here stands what it lacks, where it is wrong, and the interface.
#include "text/chat_template.h"

#include <thread>

#include "text/template_case.h"

namespace nibble {
namespace {

using test::expect_cases;
using test::rendered;
using test::TemplateCase;

TEST(ChatTemplate, Literals) {
  constexpr TemplateCase kCases[] = {
      {"{{ 1_000 }} {{ 2.50 }} {{ 1e3 }} {{ 2.5e-3 }} {{ 1.5e300 }}", "1000 2.5 1000.0 0.0025 1.5e+300"},
      {"{{ 'a\\n\\t\\\\\\'\\x41\\u00e9' }}", "a\n\t\\'Aé"},
      {"{{ '\\ud83d\\ude00 \\U0001F600 \\ud83d!' }}", "😀 😀 \uFFFD!"},
      {"{{ '\\d \\q' }}", "\\d \\q"},
      {"{{ 'one' \" two\" }}", "one two"},
      {"{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}", "truetruefalse"},
      {"{{ [1, 'a', none, [true]] }}", "[1, \"a\", null, [true]]"},
      {"{{ {'a': 1, 'b': {'c': []}} }}", "{\"a\": 1, \"b\": {\"c\": []}}"},
      {"{{ (1, 2) }}{{ (1,) }}{{ () }}", "[1, 2][1][]"},
      {"{{ 9223372036854775807 }}", "9223372036854775807"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Operators) {
  constexpr TemplateCase kCases[] = {
      {"{{ 2 + 3 * 4 ** 2 }} {{ (2 + 3) * 4 }} {{ 2 ** 3 ** 2 }}", "50 20 64"},
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7.0 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }}", "3 -4 3.0 1 -1 3.5"},
      {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 >= 3 > 2 >= 2 }}", "true false true"},
      {"{{ 'a' < 'b' }} {{ 'ab' * 3 }} {{ [1] * 3 }} {{ 2 * 'x' }}", "true ababab [1, 1, 1] xx"},
      {"{{ 'x' ~ 1 ~ 2.0 ~ true }} {{ 'x' + 1.5 }}", "x12true x1.5"},
      {"{{ 1 in [1, 2] }} {{ 'b' in dict }} {{ 'x' not in 'abc' }} {{ 1 in missing }}",
       "true true true false"},
      {"{{ 1 == 1.0 }} {{ none == missing }} {{ [1] == [1] }} {{ words == words }}", "true true false true"},
      {"{{ not '' }} {{ not 'a' }} {{ 0 or 'b' }} {{ 'a' and '' }}|", "true false b |"},
      {"{{ 'y' if i > 5 else 'n' }} {{ 'y' if i < 5 }}|{{ 1 if 0 else 2 if 0 else 3 }}", "y |3"},
      {"{{ -i }} {{ +i }} {{ --i }} {{ -f }} {{ 3 - -1 }} {{ i-1 }}", "-7 7 7 -2.5 4 6"},
      {"{{ 2 ** -1 }} {{ 2.0 ** 2 }} {{ true ** 2 }}", "0.5 4.0 1"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Access) {
  constexpr TemplateCase kCases[] = {
      {"{{ dict.a.c }} {{ dict['a']['c'] }} {{ dict.a.missing.more }}|", "deep deep |"},
      {"{{ numbers[0] }} {{ numbers[-1] }} {{ numbers[9] }}| {{ numbers.0 }}", "3 1 | 3"},
      {"{{ numbers[1:] }} {{ numbers[:-1] }} {{ numbers[::-1] }} {{ numbers[::2] }}",
       "[1, 2, 1] [3, 1, 2] [1, 2, 1, 3] [3, 2]"},
      {"{{ text[-1] }} {{ text[2:4] }} {{ text[::-1] }} {{ text[6:] }}", "👋 üß 👋 eßürG 👋"},
      {"{{ numbers[9223372036854775807:] }} {{ numbers[::9223372036854775807] }}", "[] [3]"},
      {"{{ numbers[-9223372036854775807:1:1] }} {{ numbers[::-9223372036854775807] }}", "[3] [1]"},
      {"{{ name.length }} {{ dict.get('b') }} {{ dict.get('z') }}| {{ dict.get('z', 5) }}", "3 1 | 5"},
      {"{% for k, v in tool.items() %}{{ k }}={{ v }};{% endfor %}{{ tool.items }}",
       "items=hidden;x=1;hidden"},
      {"{{ dict.keys() }} {{ dict.values() }} {{ dict | items }}",
       "[\"b\", \"a\"] [1, {\"c\": \"deep\"}] [[\"b\", 1], [\"a\", {\"c\": \"deep\"}]]"},
  };
  expect_cases(kCases);
}

// By code points, as in Python; the peer counts UTF-16 units, so its length of an emoji is 2.
TEST(ChatTemplate, TextIsCountedInCodePoints) {
  constexpr TemplateCase kCases[] = {
      {"{{ text | length }} {{ '👋🏽' | length }} {{ '👋a'[1] }}", "7 2 a"},
      {"{{ 'straße ǆ İ ﬁ' | upper }} {{ 'ΑΣ ΣΑΣ Σ ÀÉ' | lower }}", "STRASSE Ǆ İ FI ας σας σ àé"},
      {"{{ '\xff\xc3(' | length }}{{ '\xff\xc3('[0] == '\xff' }}", "3true"},
      {"{{ '\xe2\x82' | upper }}", "\xe2\x82"},
      {"{{ '\xff' | tojson }}", "\"\uFFFD\""},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, StringMethods) {
  constexpr TemplateCase kCases[] = {
      {"[{{ '  x \u00a0\n'.strip() }}] [{{ ' x '.lstrip() }}] [{{ ' x '.rstrip() }}]", "[x] [x ] [ x]"},
      // As the peer: strip() cuts white space whatever its argument says. The filter trim heeds it.
      {"[{{ '--x--'.strip('-') }}] [{{ '--x- -'|trim('-') }}] [{{ 'éxé'|trim('é') }}]", "[--x--] [x- ] [x]"},
      {"{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }}",
       "[\"a\", \"b\", \"\", \"c\"] [\"a\", \"b\"] [\"a\", \"b c\"]"},
      {"{{ 'a b c '.split(maxsplit=1) }} {{ 'a.b.c'.rsplit('.', 1) }} {{ ''.split(',') }}",
       "[\"a\", \"b c \"] [\"a.b\", \"c\"] [\"\"]"},
      {"{{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }} {{ 'aaa'.replace('aa', '') }}",
       "bba -a-b- a"},
      {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }}", "true true"},
      {"{{ 'hello WORLD'.title() }} {{ 'hELLO'.capitalize() }} {{ 'ßx'.capitalize() }}",
       "Hello WORLD HELLO SSx"},
      {"{{ 'äbcbc'.find('bc') }} {{ 'äbcbc'.rfind('bc') }} {{ 'a'.find('z') }} {{ 'aXa'.count('a') }}",
       "1 3 -1 2"},
      {"{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ ', '.join(words) }}", "[\"a\", \"b\", \"c\"] b, A, c, a"},
      {"{{ 'foobar'.removeprefix('foo') }} {{ 'foobar'.removesuffix('bar') }}", "bar foo"},
      {"{{ '12'.isdigit() }} {{ 'a'.isdigit() }} {{ ' '.isspace() }}", "true false true"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Filters) {
  constexpr TemplateCase kCases[] = {
      {"{{ words | sort }} {{ words | sort(reverse=true) }} {{ words | sort(case_sensitive=true) }}",
       "[\"A\", \"a\", \"b\", \"c\"] [\"c\", \"b\", \"A\", \"a\"] [\"A\", \"a\", \"b\", \"c\"]"},
      {"{{ rows | map(attribute='role') | unique | join('/') }} {{ words | map('upper') | list }}",
       "user/bot [\"B\", \"A\", \"C\", \"A\"]"},
      {"{{ numbers | select('odd') }} {{ numbers | reject('equalto', 1) }} {{ numbers | select('gt', 1) }}",
       "[3, 1, 1] [3, 2] [3, 2]"},
      {"{{ rows | selectattr('n') | map(attribute='n') }} {{ rows | rejectattr('n') | length }}", "[2, 1] 1"},
      {"{{ numbers | sum }} {{ numbers | min }} {{ numbers | max }} {{ rows | selectattr('n') | "
       "sum(attribute='n') }}",
       "7 1 3 3"},
      {"{{ numbers | batch(3) }} {{ numbers | batch(3, 0) }}", "[[3, 1, 2], [1]] [[3, 1, 2], [1, 0, 0]]"},
      {"{% for role, group in rows | groupby('role') %}{{ role }}:{{ group | length }} {% endfor %}",
       "bot:1 user:2 "},
      {"{{ 2.5 | round }} {{ 3.14159 | round(2) }} {{ 2.1 | round(method='ceil') }}", "2.0 3.14 3.0"},
      {"{{ '12abc' | int }} {{ 'x' | int(5) }} {{ '2.5' | float }} {{ -1.5 | int }} {{ 5 | float }}",
       "12 5 2.5 -2 5.0"},
      {"{{ missing | default('d') }} {{ '' | default('d', true) }} {{ '' | d('x') }}|", "d d |"},
      {"{{ 'a\\nb\\n\\nc' | indent(2) }}|{{ 'a\\nb' | indent('> ', true) }}", "a\n  b\n\n  c|> a\n> b"},
      {"{{ '<a href=\"x\">' | e }} {{ 'a b  c' | wordcount }}", "&lt;a href=&#34;x&#34;&gt; 3"},
      {"{{ numbers | first }} {{ numbers | last }} {{ [] | first }}| {{ text | last }} {{ text | list | "
       "length }}",
       "3 1 | 👋 7"},
      {"{{ dict | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value', reverse=true) }}",
       "[[\"a\", {\"c\": \"deep\"}], [\"b\", 1]] [[\"a\", 2], [\"b\", 1]]"},
      {"{{ rows | join(',', attribute='role') }} {{ [1, none, 2.0] | join('-') }}", "user,bot,user 1--2"},
      {"{{ {'a': [true, none, 1.0, 2.5, 1e16, 1e-7], \"it's\": {'b': 'x\\n\\\\é\\x01'}} | string }}",
       "{'a': [True, None, 1.0, 2.5, 1e+16, 1e-07], \"it's\": {'b': 'x\\n\\\\é\\x01'}}"},
      {"{{ 5 | string }}{{ 2.0 | string }}{{ true | string }}{{ ['a'] | string }}", "52.0true[\"a\"]"},
      {"{{ 'abc' | reverse }} {{ numbers | reverse }} {{ -3 | abs }} {{ 'x' | safe }}",
       "cba [1, 2, 1, 3] 3 x"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Json) {
  constexpr TemplateCase kCases[] = {
      {"{{ {'a': [1, 2.0, 'é\"\\n'], 'b': none} | tojson }}", "{\"a\": [1, 2, \"é\\\"\\n\"], \"b\": null}"},
      {"{{ dict | tojson(indent=2) }}", "{\n  \"b\": 1,\n  \"a\": {\n    \"c\": \"deep\"\n  }\n}"},
      {"{{ {'e': [], 'o': {}} | tojson(indent=1) }}", "{\n \"e\": [],\n \"o\": {}\n}"},
      {"{{ dict | tojson(sort_keys=true, separators=(',', ':')) }}", "{\"a\":{\"c\":\"deep\"},\"b\":1}"},
      {"{{ '<é😀\x7f>' | tojson(ensure_ascii=true) }}", "\"<\\u00e9\\ud83d\\ude00\\u007f>\""},
      {"{{ '\\x01\\x1f/' | tojson }} {{ missing | tojson }}", "\"\\u0001\\u001f/\" null"},
      {"{{ 1e21 | tojson }} {{ 1e-7 }} {{ 123456789.5 }} {{ 1e20 }} {{ 0.1 + 0.2 }}",
       "1e+21 1e-7 123456789.5 100000000000000000000.0 0.30000000000000004"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Tests) {
  constexpr TemplateCase kCases[] = {
      {"{{ 6 is divisibleby(3) }} {{ 6 is divisibleby 4 }} {{ 3 is odd }} {{ 3 is even }}",
       "true false true false"},
      {"{{ 1 is in [1] }} {{ 'a' is eq('a') }} {{ 2 is gt 1 }} {{ 2 is not lt(1) }}", "true true true true"},
      {"{{ f is float }} {{ i is float }} {{ i is number }} {{ true is number }}", "true false true false"},
      {"{{ dict is mapping }} {{ dict is iterable }} {{ words is iterable }} {{ name is iterable }}",
       "true false true true"},
      {"{{ missing is defined }} {{ none is none }} {{ none is defined }} {{ range is callable }}",
       "false true true true"},
      {"{{ 'y' if name is defined else 'n' }} {{ name is string and i is integer }}", "y true"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, Loops) {
  constexpr TemplateCase kCases[] = {
      {"{% for n in numbers if n > 1 %}{{ loop.index }}/{{ loop.length }}:{{ n }} {% endfor %}",
       "1/2:3 2/2:2 "},
      {"{% for n in [] %}x{% else %}empty{% endfor %}", "empty"},
      {"{% for n in numbers %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}", "31"},
      {"{% for n in numbers %}{% if n == 1 %}{% continue %}{% endif %}{{ n }}{% endfor %}", "32"},
      // As the peer: what a turn has written is lost when it ends early.
      {"{% for n in numbers %}<{% if n == 1 %}{% continue %}{% endif %}{{ n }}{% endfor %}", "<3<2"},
      // As the peer: a loop keeps what its turns set.
      {"{% for n in numbers %}{{ last }}{% set last = n %},{% endfor %}{{ last }}", ",3,1,2,"},
      {"{% for (k, v) in dict | items %}{{ k }}{% endfor %}{% for k in dict %}{{ k }}{% endfor %}", "baba"},
      {"{% for a in [1, 2] %}{% for b in [3, 4] %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
       "121 122 "},
      {"{% for n in numbers %}{{ loop.previtem }}<{{ loop.nextitem }} {% endfor %}", "<1 3<2 1<1 2< "},
      {"{% for n in [5] %}{{ loop | tojson }}{% endfor %}",
       "{\"index\": 1, \"index0\": 0, \"revindex\": 1, \"revindex0\": 0, \"first\": true, \"last\": true, "
       "\"length\": 1, "
       "\"previtem\": null, \"nextitem\": null}"},
      {"{% for n in 1, 2 %}{{ n }}{% endfor %}", "12"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, BlocksAndMacros) {
  constexpr TemplateCase kCases[] = {
      {"{% set x %}a{{ i }}{% endset %}{{ x }}{% set y | upper %}b{% endset %}{{ y }}", "a7B"},
      {"{% set a, b = 1, [2] %}{{ a }}{{ b }}", "1[2]"},
      {"{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}", "3"},
      {"{% filter upper | replace('A', 'x') %}aba{% endfilter %}", "xBx"},
      {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(*[7, "
       "8], **{'c': 9}) }}",
       "121 125 789"},
      {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}",
       "1[2, 3]{\"x\": 4}"},
      {"{% macro list(items) %}{% for x in items %}{{ caller(x) }}{% endfor %}{% endmacro %}"
       "{% call(x) list([1, 2]) %}<{{ x }}>{% endcall %}",
       "<1><2>"},
      {"{% macro down(n) %}{{ n }}{% if n > 0 %}{{ down(n - 1) }}{% endif %}{% endmacro %}{{ down(3) }}",
       "3210"},
      {"{% set ns = namespace(a=1) %}{% for x in [1, 2] %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}",
       "4"},
      {"{% set ns = namespace({'a': 1}, b=2) %}{{ ns }}{% set ns.c %}t{% endset %}{{ ns.c }}",
       "{\"a\": 1, \"b\": 2}t"},
      {"{% do numbers.count(1) %}{% raw %}{{ raw }} {% if %}{% endraw %}", "{{ raw }} {% if %}"},
      {"{%- generation -%} x {%- endgeneration %} y", "x y"},
      {"{{ strftime_now('%d %b %Y, %A %j %H:%M:%S %I%p %y %% %Q') }}",
       "05 Mar 2026, Thursday 064 14:07:09 02PM 26 % %Q"},
      {"{{ range(3) }} {{ range(1, 8, 3) }} {{ range(3, 0, -1) }} {{ range(0) }}",
       "[0, 1, 2] [1, 4, 7] [3, 2, 1] []"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, WhiteSpace) {
  constexpr TemplateCase kCases[] = {
      {"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
      {"a  {%- if true -%}  b  {%- endif -%}  c", "abc"},
      {"a {{- ' b ' -}} c", "a b c"},
      {"  {%+ if true %}x{% endif %}", "  x"},
      {"{% if true +%}\nx{% endif %}", "\nx"},
      {"x {#- gone -#} y{# \n gone #}\nz", "xyz"},
      {"{{ {'a': {'b': 1}}}}|{{ '}}' }}{{ '%}' }}", "{\"a\": {\"b\": 1}}|}}%}"},
      {"a\n\n", "a\n"},
      {"{", "{"},
      {"", ""},
      {"\u00a0\u3000{{- 1 -}}\ufeff\u2028x", "1x"},
  };
  expect_cases(kCases);
}

TEST(ChatTemplate, RendersAConversation) {
  const auto chat_template = ChatTemplate::parse(
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ m.name }}{% endfor %}"
      "{{ tools | tojson if tools }}{{ extra }}{% if add_generation_prompt %}[bot]{% endif %}{{ eos_token "
      "}}");
  ASSERT_TRUE(chat_template);
  ChatInput input;
  input.messages = messages_value({{"system", "S", {}}, {"user", "U", {{"name", "Ada"}}}});
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  EXPECT_EQ(*chat_template->render(input), "<s>[system]S[user]UAda[bot]</s>");
  input.tools = jinja::List{jinja::Dict{{"name", "f"}}};
  input.variables.set("extra", "!");
  input.add_generation_prompt = false;
  EXPECT_EQ(*chat_template->render(input), "<s>[system]S[user]UAda[{\"name\": \"f\"}]!</s>");
}

TEST(ChatTemplate, RendersFromSeveralThreads) {
  const auto chat_template = ChatTemplate::parse(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + m.n %}{% endfor %}{{ ns.n "
      "}}");
  ASSERT_TRUE(chat_template);
  jinja::List messages;
  for (int i = 0; i < 100; ++i) messages.emplace_back(jinja::Dict{{"n", i}});
  ChatInput input;
  input.messages = std::move(messages);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) EXPECT_EQ(*chat_template->render(input), "4950");
    });
  }
}

}  // namespace
}  // namespace nibble
