#include "engine/stop_matcher.h"

#include <algorithm>

#include "engine/request.h"

namespace nibble {

bool StopMatcher::Pattern::advance(char c) {
  if (matched == text.size()) matched = border[matched];
  while (matched > 0 && text[matched] != c) matched = border[matched];
  if (text[matched] == c) ++matched;
  return matched == text.size();
}

Result<StopMatcher> StopMatcher::create(const std::vector<std::string>& stops) {
  if (stops.size() > kMaxStopStrings)
    return fail(ErrorKind::kInvalidArgument, stops.size(), " stop strings, wanted at most ", kMaxStopStrings);
  StopMatcher matcher;
  for (const std::string& stop : stops) {
    if (stop.empty() || stop.size() > kMaxStopBytes)
      return fail(ErrorKind::kInvalidArgument, "a stop string of ", stop.size(), " bytes, wanted 1 to ",
                  kMaxStopBytes);
    Pattern pattern{.text = stop, .border = std::vector<size_t>(stop.size() + 1, 0), .matched = 0};
    for (size_t n = 1, length = 0; n < stop.size(); ++n) {
      while (length > 0 && stop[n] != stop[length]) length = pattern.border[length];
      if (stop[n] == stop[length]) ++length;
      pattern.border[n + 1] = length;
    }
    matcher.patterns_.push_back(std::move(pattern));
  }
  return matcher;
}

std::string_view StopMatcher::push(std::string_view text) {
  out_.clear();
  if (stopped()) return out_;
  for (char c : text) {
    held_ += c;
    size_t open = 0;  // bytes at the end of held_ that may become a stop string
    for (size_t i = 0; i < patterns_.size(); ++i) {
      const bool whole = patterns_[i].advance(c);
      open = std::max(open, patterns_[i].matched);
      // Several that end here: the longest, as it starts first.
      if (whole && patterns_[i].text.size() > matched().size()) matched_ = i;
    }
    if (matched_) {
      out_.append(held_, 0, held_.size() - matched().size());
      held_.clear();
      return out_;
    }
    out_.append(held_, 0, held_.size() - open);
    held_.erase(0, held_.size() - open);
  }
  return out_;
}

std::string_view StopMatcher::finish() {
  out_ = std::move(held_);
  held_.clear();
  for (Pattern& pattern : patterns_) pattern.matched = 0;
  return out_;
}

}  // namespace nibble
