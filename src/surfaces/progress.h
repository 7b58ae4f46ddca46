// One line on stderr that tells how far a long command is, where stderr is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <string_view>

namespace nibble {

class ProgressLine {
 public:
  enum class Of { kBytes, kChunks };
  // Shows nothing when not wanted or when stderr is no terminal.
  explicit ProgressLine(bool wanted, Of unit = Of::kBytes);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();  // clears the line

  // `done` of `total` units; `what` is shortened to fit. At most ten times a second.
  void update(uint64_t done, uint64_t total, std::string_view what);
  void clear();

 private:
  bool shown_ = false, wanted_;
  Of unit_;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace nibble
