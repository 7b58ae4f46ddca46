// Tokens into a syntax tree.
#pragma once
#include <string_view>

#include "base/error.h"
#include "text/jinja_ast.h"

namespace nibble::jinja {

// Errors: kBadFile with line and column, kLimit for nesting beyond kMaxSyntaxDepth or kMaxNesting.
Result<Program> parse_program(std::string_view source);

}  // namespace nibble::jinja
