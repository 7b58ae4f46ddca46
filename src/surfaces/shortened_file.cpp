#include "surfaces/shortened_file.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"

namespace nibble {

namespace {

// Only what is safe in a signal handler.
void report_lost_page(int, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {  // misaligned access and the like: a bug, for the debugger
    ::signal(SIGBUS, SIG_DFL);
    return;
  }
  constexpr char kText[] =
      "nibble: i/o error: a mapped file (the model) was shortened by another program, or its disk cannot be "
      "read\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(error_exit_code(ErrorKind::kIo));
}

}  // namespace

void exit_when_a_mapped_file_is_shortened() {
  struct sigaction action = {};
  action.sa_sigaction = report_lost_page;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace nibble
