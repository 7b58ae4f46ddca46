#include "text/jinja_budget.h"

#include "base/checked.h"

namespace nibble::jinja {
namespace {

constexpr uint64_t kValueOverhead = 64;  // control block and node of a shared value

std::unexpected<Error> too_long(uint64_t limit) {
  return fail(ErrorKind::kLimit, "a text of more than ", limit, " bytes");
}

}  // namespace

Status Budget::spend(uint64_t steps) {
  const auto sum = checked_add(steps_, steps);
  if (!sum || *sum > limits_.steps) return fail(ErrorKind::kLimit, "more than ", limits_.steps, " steps");
  steps_ = *sum;
  return {};
}

Status Budget::allocate(uint64_t bytes) {
  const auto sum = checked_add(bytes_, bytes);
  if (!sum || *sum > limits_.value_bytes) {
    return fail(ErrorKind::kLimit, "values of more than ", limits_.value_bytes, " bytes together");
  }
  bytes_ = *sum;
  return {};
}

Result<Value> Budget::text(std::string text) {
  if (text.size() > limits_.output_bytes) return too_long(limits_.output_bytes);
  NIBBLE_CHECK_OK(allocate(text.size() + kValueOverhead));
  return Value(std::move(text));
}

Result<Value> Budget::list(List items) {
  NIBBLE_CHECK_OK(allocate(items.size() * sizeof(Value) + kValueOverhead));
  Value value(std::move(items));
  NIBBLE_CHECK_OK(check_depth(value));
  return value;
}

Result<Value> Budget::dict(Dict dict) {
  uint64_t bytes = kValueOverhead;
  for (const auto& entry : dict.entries())
    bytes += sizeof(Dict::Entry) + 2 * entry.first.size() + kValueOverhead;
  NIBBLE_CHECK_OK(allocate(bytes));
  Value value(std::move(dict));
  NIBBLE_CHECK_OK(check_depth(value));
  return value;
}

Status Budget::check_depth(const Value& value) const {
  if (value.depth() <= kMaxValueDepth) return {};
  return fail(ErrorKind::kLimit, "a value nested deeper than ", kMaxValueDepth, " levels");
}

Status BoundedText::append(std::string_view text) {
  if (text_.size() + text.size() > budget_.limits().output_bytes)
    return too_long(budget_.limits().output_bytes);
  NIBBLE_CHECK_OK(budget_.allocate(text.size()));
  text_ += text;
  return {};
}

Result<Value> BoundedText::take() {
  NIBBLE_CHECK_OK(budget_.allocate(kValueOverhead));
  return Value(std::move(text_));
}

Status BoundedText::append(size_t count, std::string_view text) {
  const auto bytes = checked_mul(count, text.size());
  const auto total = bytes ? checked_add(*bytes, text_.size()) : std::nullopt;
  if (!total || *total > budget_.limits().output_bytes) return too_long(budget_.limits().output_bytes);
  NIBBLE_CHECK_OK(budget_.allocate(*bytes));
  text_.reserve(*total);
  for (size_t i = 0; i < count; ++i) text_ += text;
  return {};
}

}  // namespace nibble::jinja
