#include "surfaces/interrupt.h"

#include <signal.h>
#include <atomic>

namespace nibble {
namespace {

std::atomic<Session*> interrupted_session{nullptr};
std::atomic<bool> pressed{false};
static_assert(std::atomic<Session*>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  pressed.store(true);
  if (Session* session = interrupted_session.load()) session->cancel();
}

}  // namespace

InterruptGuard::InterruptGuard(Session* session, Second second) {
  interrupted_session.store(session);
  pressed.store(false);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  // No SA_RESTART: a read that waits for input returns.
  action.sa_flags = second == Second::kEndsTheProgram ? int(SA_RESETHAND) : 0;
  sigaction(SIGINT, &action, nullptr);
  if (!session) sigaction(SIGTERM, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  signal(SIGINT, SIG_DFL);
  if (!interrupted_session.exchange(nullptr)) signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::take() { return pressed.exchange(false); }

}  // namespace nibble
