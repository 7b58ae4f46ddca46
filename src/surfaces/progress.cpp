#include "surfaces/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/quote.h"
#include "surfaces/output.h"

namespace nibble {

using Clock = std::chrono::steady_clock;

ProgressLine::ProgressLine(bool wanted, Of unit)
    : wanted_(wanted && isatty(STDERR_FILENO)), unit_(unit), start_(Clock::now()) {}
ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::update(uint64_t done, uint64_t total, std::string_view what) {
  const auto now = Clock::now();
  if (!wanted_ || total == 0 || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double fraction = double(done) / double(total);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? double(done) / seconds : 0;
  constexpr int kBar = 24;
  const int filled = int(fraction * kBar);
  std::string bar(size_t(filled), '#');
  bar.append(size_t(kBar - filled), '.');
  char text[256], speed[40] = "";
  if (unit_ == Of::kBytes) std::snprintf(speed, sizeof speed, "%.0f MiB/s, ", rate / (1 << 20));
  std::snprintf(text, sizeof text, "\r[%s] %3.0f %%  %s%.0f s left  %s\x1b[K", bar.c_str(), fraction * 100,
                speed, rate > 0 ? double(total - done) / rate : 0, quoted(what, 30).c_str());
  write_stderr(text);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) write_stderr("\r\x1b[K");
  shown_ = false;
}

}  // namespace nibble
