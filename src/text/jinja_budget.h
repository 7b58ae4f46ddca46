// What a render may still spend. Every piece of work and every value a template makes is charged here first,
// so no template can outgrow the limits, however it combines the operations.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja_value.h"

namespace nibble {

// What one render may use. An exceeded limit is an Error of kind kLimit that names the limit.
struct RenderLimits {
  uint64_t steps = 20'000'000;                 // expressions evaluated, loop turns, bytes scanned / 64
  uint64_t value_bytes = uint64_t(256) << 20;  // strings, lists and dicts made, summed over the render
  uint64_t output_bytes = uint64_t(64) << 20;  // the rendered prompt, and any one string on the way
  uint32_t call_depth = 64;                    // macros calling macros
};

namespace jinja {

constexpr uint32_t kMaxValueDepth = 100;  // lists within dicts within lists
constexpr uint32_t kMaxRange = 100'000;   // items of range(), as in Python's sandbox

class Budget {
 public:
  explicit Budget(const RenderLimits& limits) : limits_(limits) {}

  Status spend(uint64_t steps);
  Status scan(uint64_t bytes) { return spend(bytes / 64 + 1); }
  // Charges for a value about to be made.
  Status allocate(uint64_t bytes);

  Result<Value> text(std::string text);
  Result<Value> list(List items);
  Result<Value> dict(Dict dict);
  Status check_depth(const Value& value) const;

  const RenderLimits& limits() const { return limits_; }

 private:
  RenderLimits limits_;
  uint64_t steps_ = 0;
  uint64_t bytes_ = 0;
};

// A string that grows up to the limit and is charged as it grows.
class BoundedText {
 public:
  explicit BoundedText(Budget& budget) : budget_(budget) {}

  Status append(std::string_view text);
  Status append(size_t count, std::string_view text);
  const std::string& text() const { return text_; }
  Result<Value> take();
  std::string take_text() { return std::move(text_); }

 private:
  Budget& budget_;
  std::string text_;
};

}  // namespace jinja
}  // namespace nibble
