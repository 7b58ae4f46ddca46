// object[start:stop:step]
#include <algorithm>

#include "text/jinja_builtins.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

struct Range {
  int64_t start, stop, step;
};

Result<int64_t> bound(const Value& value, int64_t fallback, std::string_view which) {
  if (value.is_undefined() || value.is_none()) return fallback;
  if (value.is_integer()) return value.as_integer();
  return fail(ErrorKind::kInvalidArgument, "the ", which, " of a slice is an integer, found ",
              value.kind_name());
}

// The indices to visit, clamped to `size`. A stop of -1 with a negative step means "before the first item".
Result<Range> resolve(const Value& start, const Value& stop, const Value& step, int64_t size) {
  Range range{};
  NIBBLE_TRY(range.step, bound(step, 1, "step"));
  // A longer step takes no more, and sums stay in range.
  range.step = std::clamp(range.step, -size - 1, size + 1);
  const bool forward = range.step >= 0;
  NIBBLE_TRY(range.start, bound(start, forward ? 0 : size - 1, "start"));
  NIBBLE_TRY(range.stop, bound(stop, forward ? size : -1, "stop"));
  const auto clamp = [&](int64_t index) {
    const int64_t low = forward ? 0 : -1;
    if (index < -size - 1) return low;
    return index < 0 ? std::max(size + index, low) : std::min(index, forward ? size : size - 1);
  };
  range.start = clamp(range.start);
  if (forward || range.stop < -1) range.stop = clamp(range.stop);
  range.stop = std::min(range.stop, size);
  return range;
}

// Whether the walk over all indices in order takes this one.
bool takes(const Range& range, int64_t index) {
  if (range.step > 0)
    return index >= range.start && index < range.stop && (index - range.start) % range.step == 0;
  return index <= range.start && index > range.stop && (range.start - index) % -range.step == 0;
}

}  // namespace

Result<Value> apply_slice(const Value& object, const Value& start, const Value& stop, const Value& step,
                          Budget& budget) {
  if (object.is_list()) {
    const List& items = object.as_list();
    const auto size = static_cast<int64_t>(items.size());
    NIBBLE_TRY(const Range range, resolve(start, stop, step, size));
    List taken;
    for (int64_t i = range.start; i >= 0 && i < size && range.step != 0 && takes(range, i); i += range.step) {
      taken.push_back(items[static_cast<size_t>(i)]);
    }
    return budget.list(std::move(taken));
  }
  if (!object.is_string()) {
    return fail(ErrorKind::kInvalidArgument, "a slice of a value of kind ", object.kind_name());
  }
  const std::string_view text = object.as_string();
  NIBBLE_CHECK_OK(budget.scan(4 * text.size()));
  const auto size = static_cast<int64_t>(code_point_count(text));
  NIBBLE_TRY(const Range range, resolve(start, stop, step, size));
  std::string taken;
  size_t at = range.step > 0 ? 0 : text.size();
  for (int64_t i = 0; i < size && range.step != 0; ++i) {
    const bool forward = range.step > 0;
    const CodePoint code = forward ? code_point_at(text, at) : code_point_before(text, at);
    if (!forward) at -= code.length;
    if (takes(range, forward ? i : size - 1 - i)) taken += text.substr(at, code.length);
    if (forward) at += code.length;
  }
  return budget.text(std::move(taken));
}

}  // namespace nibble::jinja
