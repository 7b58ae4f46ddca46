#include "text/jinja_builtins.h"
#include "text/jinja_convert.h"

namespace nibble::jinja {

Result<std::string> CallArguments::text(size_t index, std::string_view name,
                                        std::string_view fallback) const {
  const Value* given = find(index, name);
  if (!given || given->is_none()) return std::string(fallback);
  if (given->is_string()) return given->as_string();
  return fail(ErrorKind::kInvalidArgument, "the argument ", name, " is a string, found ", given->kind_name());
}

Result<int64_t> CallArguments::integer(size_t index, std::string_view name, int64_t fallback) const {
  const Value* given = find(index, name);
  if (!given || given->is_none()) return fallback;
  if (given->is_integer()) return given->as_integer();
  return fail(ErrorKind::kInvalidArgument, "the argument ", name, " is an integer, found ",
              given->kind_name());
}

bool CallArguments::flag(size_t index, std::string_view name) const {
  const Value* given = find(index, name);
  return given && is_truthy(*given);
}

}  // namespace nibble::jinja
