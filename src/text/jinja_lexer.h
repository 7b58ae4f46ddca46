// Splits a template into text, tags and the tokens within tags; applies white-space control on the way
// (trim_blocks and lstrip_blocks are on, as every chat template expects).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::jinja {

struct Position {
  uint32_t line = 1;
  uint32_t column = 1;  // in code points
};

// "chat template line 3 column 7: ..."
template <class... Parts>
std::unexpected<Error> fail_at(ErrorKind kind, Position at, const Parts&... parts) {
  return fail(kind, "chat template line ", at.line, " column ", at.column, ": ", parts...);
}

enum class TokenKind : uint8_t {
  kText,             // outside of tags
  kOpenStatement,    // {%
  kCloseStatement,   // %}
  kOpenExpression,   // {{
  kCloseExpression,  // }}
  kName,
  kNumber,
  kString,       // between the quotes, escapes not yet resolved
  kPunctuation,  // operators, brackets, separators
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Position at;
  std::string_view text;  // into TokenStream::source
};

struct TokenStream {
  std::unique_ptr<const std::string> source;  // what the tokens point into
  std::vector<Token> tokens;                  // the last one is kEnd
};

Result<TokenStream> tokenize(std::string_view source);

// Resolves the escapes of a string literal. An unknown escape stays as it is written, as in Python.
std::string unescape(std::string_view literal);

}  // namespace nibble::jinja
