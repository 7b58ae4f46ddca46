// Ctrl-C, and SIGTERM where files are written, as a wish to stop, not as the end of the process.
#pragma once
#include "engine/session.h"

namespace nibble {

// While it lives, SIGINT cancels the generation of the session, and take() tells of it; without a session SIGTERM
// is heard too. One at a time in a process.
class InterruptGuard {
 public:
  enum class Second { kEndsTheProgram, kIsLikeTheFirst };
  InterruptGuard(Session& session, Second second) : InterruptGuard(&session, second) {}
  explicit InterruptGuard(Second second) : InterruptGuard(nullptr, second) {}
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
  // Whether the signal has come since the last call.
  bool take();

 private:
  InterruptGuard(Session* session, Second second);
};

}  // namespace nibble
