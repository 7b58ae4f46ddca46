// Random templates from a grammar of what the peer (npm @huggingface/jinja) knows, for comparison with it.
#pragma once
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::test {

// What the templates refer to.
inline constexpr std::string_view kGeneratorVariables = R"({
  "i": 7, "j": -3, "f": 2.5, "g": 4.25, "t": true, "no": false, "n": null,
  "s": "Hello wörld", "w": " \n padded\t\u00a0 text \n", "e": "", "u": "ÀÉ ß ǆ ΑΣ ıİ \u0001\"\\</b>",
  "l": [3, 1, 2, 1], "names": ["b", "A", "c", "a"], "empty": [], "mixed": [1, "1", true, null, 2.5, [1]],
  "d": {"b": 1, "A": "x", "c": [1, 2]}, "none_dict": {}, "deep": {"a": {"b": {"c": "bottom"}}},
  "rows": [{"role": "user", "content": "one", "k": 2}, {"role": "assistant", "content": null, "k": 1},
           {"role": "user", "content": ["p"], "tool": {"name": "f"}}]
})";

class TemplateGenerator {
 public:
  explicit TemplateGenerator(uint64_t seed) : random_(seed) {}

  std::string generate() {
    std::string out;
    const int parts = 1 + below(4);
    for (int i = 0; i < parts; ++i) out += statement(3);
    return out;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }
  std::string pick(std::initializer_list<const char*> options) {
    return options.begin()[below(int(options.size()))];
  }

  std::string name() {
    return pick({"i", "j",     "f",     "g",     "t", "no",        "n",    "s",    "w", "e", "u",
                 "l", "names", "empty", "mixed", "d", "none_dict", "deep", "rows", "x", "y", "missing"});
  }
  std::string text_literal() {
    return pick({"'a'", "\"b c\"", "'\\n'", "''", "' x\\ty '", "'1'", "'12abc'", "'é\\u00e9'", "'user'",
                 "'role'", "\"it's\"", "'a' 'b'", "', '", "'true'"});
  }
  std::string text(int depth) {
    return chance(60) ? pick({"s", "w", "e", "u"}) : depth > 0 ? text_call(depth) : text_literal();
  }
  std::string list(int depth) {
    if (depth > 0 && chance(40)) {
      return pick({"(l + names)",
                   "l[1:]",
                   "names[::-1]",
                   "rows[:2]",
                   "mixed[-2:]",
                   "d.keys()",
                   "d.values()",
                   "(d | items)",
                   "range(4)",
                   "range(5, 1, -2)",
                   "s.split(' ')",
                   "w.split()",
                   "[1, 'a', [2]]",
                   "(l | sort)",
                   "(names | sort(reverse=true))",
                   "(l | unique | list)",
                   "(rows | map(attribute='role') | list)",
                   "(rows | selectattr('role', 'equalto', 'user') | list)",
                   "(rows | rejectattr('content') | list)",
                   "(names | sort(case_sensitive=true))",
                   "(l | reverse)",
                   "(d | dictsort)",
                   "s.split('o', 1)",
                   "(rows | selectattr('k') | list)",
                   "(rows | sort(attribute='role'))",
                   "(rows | map(attribute='tool.name', default='-'))"});
    }
    return pick({"l", "names", "empty", "mixed", "rows"});
  }
  std::string text_call(int depth) {
    const std::string inner = text(depth - 1);
    switch (below(6)) {
      case 0:
        return inner + "." + pick({"strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize"}) +
               "()";
      case 1:
        return "(" + inner + " | " +
               pick({"trim", "upper", "lower", "title", "capitalize", "indent", "indent(2, true)",
                     "indent(width=3, blank=true)", "replace('o', '0')", "safe", "string"}) +
               ")";
      case 2:
        return inner + ".replace(" + text_literal() + ", " + text_literal() + pick({"", ", 1", ", count=1"}) +
               ")";
      case 3:
        return inner +
               pick({"[1:]", "[:3]", "[::-1]", "[-4:-1]", "[::2]", "[5:2:-1]", "[0]", "[-1]", "[99]"});
      case 4:
        return "(" + list(depth - 1) + " | join(" + pick({"", "','", "' - '"}) + "))";
      default:
        return "(" + inner + pick({" ~ ", " + "}) + value(depth - 1) + ")";
    }
  }

  std::string value(int depth) {
    if (depth <= 0 || chance(15)) {
      return chance(50)   ? name()
             : chance(50) ? text_literal()
                          : pick({"1", "0", "-2", "2.5", "10", "true", "false", "none", "3.0"});
    }
    switch (below(14)) {
      case 0:
        return text_call(depth);
      case 1:
        return list(depth);
      case 2:
        return "(" + value(depth - 1) + " " + pick({"+", "-", "*", "/", "//", "%", "~"}) + " " +
               value(depth - 1) + ")";
      case 3:
        return "(" + value(depth - 1) + " " + pick({"==", "!=", "<", "<=", ">", ">=", "in", "not in"}) + " " +
               value(depth - 1) + ")";
      case 4:
        return "(" + value(depth - 1) + " " + pick({"and", "or"}) + " " + value(depth - 1) + ")";
      case 5:
        return "(not " + value(depth - 1) + ")";
      case 6:
        return "(" + value(depth - 1) + " if " + value(depth - 1) +
               (chance(80) ? " else " + value(depth - 1) : "") + ")";
      case 7:
        return "(" + value(depth - 1) + " is " + pick({"", "not "}) +
               pick({"defined", "undefined", "none", "string", "mapping", "iterable", "number", "integer",
                     "boolean", "sequence", "true", "false", "lower", "upper"}) +
               ")";
      case 8:
        return name() + pick({".role", ".b", ".a.b.c", "['A']", "[0]", "[-1]", "[1].content", ".length",
                              "[0:1]", ".missing.more", "['k']", ".0"});
      case 9:
        return "(" + value(depth - 1) + " | " +
               pick({"tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)",
                     "tojson(separators=(',', ':'))", "string", "length", "first", "last", "list", "int",
                     "float", "abs", "default('z')", "default('z', true)", "int(5)", "float(1.5)", "items"}) +
               ")";
      case 10:
        return "{'k': " + value(depth - 1) + ", 'v': " + value(depth - 1) + "}";
      case 11:
        return "[" + value(depth - 1) + ", " + value(depth - 1) + "]";
      case 12:
        return name() + pick({".get('b')", ".get('zz', 'none')", ".get('b', 1)", ".items()", ".keys()",
                              ".values()", ".startswith('H')", ".endswith(('d', 'x'))", ".split(',')"});
      default:
        return value(depth - 1) + " " + pick({"+", "*", "-", "~"}) + " " + value(depth - 1) + " " +
               pick({"==", "<", "in"}) + " " + value(depth - 1);
    }
  }

  std::string open() { return chance(30) ? "{%-" : "{%"; }
  std::string close() { return chance(30) ? "-%}" : "%}"; }
  std::string tag(const std::string& inside) {
    return pick({"", "", "  ", "\n", "\n  ", "\t"}) + open() + " " + inside + " " + close() +
           pick({"", "", "\n", " ", "\n\n"});
  }
  std::string block(int depth) {
    std::string out;
    for (int i = 1 + below(2); i > 0; --i) out += statement(depth);
    return out;
  }

  std::string statement(int depth) {
    if (depth <= 0 || chance(35)) {
      if (chance(25)) return pick({" text ", "\n", "a\n  b\n", "{", "} }", "%", "# {", "é\n"});
      return (chance(30) ? "{{- " : "{{ ") + value(2) + (chance(30) ? " -}}" : " }}") + pick({"", "\n", " "});
    }
    switch (below(10)) {
      case 0:
        return tag("if " + value(2)) + block(depth - 1) +
               (chance(50) ? tag("elif " + value(1)) + block(depth - 1) : "") +
               (chance(50) ? tag("else") + block(depth - 1) : "") + tag("endif");
      case 1:
        return loop(depth);
      case 2:
        return tag("set " + pick({"x", "y"}) + " = " + value(2));
      case 3:
        return tag("set x") + block(depth - 1) + tag("endset") + "{{ x }}";
      case 4:
        return tag("macro m(a, b='dflt')") + block(depth - 1) + "{{ a }}/{{ b }}" + tag("endmacro") +
               "{{ m(" + value(1) + pick({"", ", 2", ", b='kw'"}) + ") }}";
      case 5:
        return tag("macro c(a)") + "<{{ caller(a) }}>" + tag("endmacro") +
               tag("call(z) c(" + value(1) + ")") + "{{ z }}" + block(depth - 1) + tag("endcall");
      case 6:
        return tag("filter " + pick({"upper", "trim", "indent(2)", "replace('a', 'b')"})) + block(depth - 1) +
               tag("endfilter");
      case 7:
        return tag("set ns = namespace(k=" + value(1) + ")") + tag("set ns.k = " + value(1)) + "{{ ns.k }}";
      case 8:
        return pick({"{# note #}", "{#- note -#}", "\n  {# a\n b #}\n", "{#-#}"});
      default:
        return tag("set x, y = " + value(1) + ", " + value(1)) + "{{ x }}|{{ y }}";
    }
  }

  std::string loop(int depth) {
    const bool pairs = chance(25);
    std::string head =
        pairs ? "for k, v in " + pick({"d.items()", "deep | items", "(d | dictsort)", "none_dict.items()"})
              : "for x in " + list(1);
    if (chance(25)) head += pick({" if x is defined", " if loop is not defined", " if x != 1", " if i"});
    std::string out = tag(head);
    out += "{{ " +
           pick({"loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex",
                 "loop.previtem", "loop.nextitem", "y", pairs ? "k ~ v" : "x"}) +
           " }}";
    if (chance(30))
      out += tag("if loop.index == 2") + block(depth - 1) + tag(pick({"break", "continue"})) + tag("endif");
    if (chance(30)) out += tag("set y = loop.index");
    out += block(depth - 1);
    if (chance(30)) out += tag("else") + block(depth - 1);
    return out + tag("endfor");
  }

  std::mt19937_64 random_;
};

// The template with some of its white-space control and white space around tags changed.
inline std::string with_other_white_space(std::string_view source, std::mt19937_64& random) {
  const auto chance = [&](uint64_t percent) { return random() % 100 < percent; };
  const bool carriage_returns = chance(15);
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    const std::string_view here = source.substr(i);
    const bool opens = here.starts_with("{%") || here.starts_with("{{") || here.starts_with("{#");
    const bool closes = here.starts_with("%}") || here.starts_with("}}") || here.starts_with("#}");
    constexpr std::string_view kBlanks[] = {" ", "\n", "  \n\t", "\t", "\n\n ", "x", "\u00a0"};
    if (opens && chance(10)) out += kBlanks[random() % std::size(kBlanks)];
    if (opens) {
      out += here.substr(0, 2);
      i += 1;
      if (here.substr(2).starts_with('-') && chance(30))
        i += 1;
      else if (!here.substr(2).starts_with('-') && chance(10))
        out += "-";
    } else if (closes) {
      if (chance(10) && !out.ends_with('-')) out += "-";
      out += here.substr(0, 2);
      i += 1;
      if (chance(10)) out += kBlanks[random() % std::size(kBlanks)];
    } else if (here.starts_with("-%}") || here.starts_with("-}}")) {
      if (!chance(30)) out += '-';
    } else if (here[0] == '\n' && carriage_returns) {
      out += "\r\n";
    } else {
      out += here[0];
    }
  }
  return out;
}

}  // namespace nibble::test
