// Stop strings over a stream of text: what might become one is held back until that is certain, so that no
// part of a stop string is ever given out. One pass over the text (Knuth, Morris, Pratt), whatever the stop
// strings are.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble {

class StopMatcher {
 public:
  StopMatcher() = default;  // no stop strings: text passes unchanged
  // kInvalidArgument for more than kMaxStopStrings, empty ones or ones longer than kMaxStopBytes.
  static Result<StopMatcher> create(const std::vector<std::string>& stops);

  // Text that is certainly not part of a stop string; valid until the next call. Nothing once stopped().
  std::string_view push(std::string_view text);
  // The end of the text: what was held back was no stop string after all.
  std::string_view finish();
  bool stopped() const { return matched_.has_value(); }
  // The stop string that was met; empty before.
  std::string_view matched() const { return matched_ ? patterns_[*matched_].text : std::string_view(); }
  size_t held() const { return held_.size(); }

 private:
  struct Pattern {
    std::string text;
    std::vector<size_t>
        border;            // border[n]: length of the longest proper prefix of text[0, n) that also ends it
    size_t matched = 0;    // bytes of it that the stream ends with
    bool advance(char c);  // true when the whole pattern has been met
  };
  std::vector<Pattern> patterns_;
  std::string held_, out_;
  std::optional<size_t> matched_;  // of patterns_
};

}  // namespace nibble
