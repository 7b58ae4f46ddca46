#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

namespace nibble {
namespace {

constexpr int kMaxThreads = 1024;
// Operations of one token follow each other within microseconds; a pause longer than this is the end of a
// token or of the answer, and the core belongs to somebody else.
constexpr std::chrono::nanoseconds kSpin = std::chrono::microseconds(50);
// A step of the spin loop that took longer than this was interrupted: another process wants this core.
constexpr std::chrono::nanoseconds kStolen = std::chrono::microseconds(300);
// After that, this many waits park at once instead of spinning in the other's way.
constexpr int kPoliteWaits = 512;
// Time after which a worker offers its core to whoever waits for it, between two runs: taken away within a
// run, the share that it holds keeps all others waiting.
constexpr std::chrono::nanoseconds kOffer = std::chrono::microseconds(1000);

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// std::atomic::wait of libstdc++ 12 may miss a wake-up on weakly ordered machines, so the system call itself.
void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>& word, int count) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

int allowed_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return int(std::max(1u, std::thread::hardware_concurrency()));
  return std::max(1, CPU_COUNT(&set));
}

// One thread's way of waiting: spin while nobody else wants the core, then let the caller park.
class Spinner {
 public:
  explicit Spinner(bool may_spin) : may_spin_(may_spin) {}

  // True as soon as ready(); false when it is time to park.
  template <class Ready>
  bool spin(const Ready& ready) {
    if (ready()) return true;
    if (!may_spin_) return false;
    if (polite_waits_ > 0) {
      --polite_waits_;
      return false;
    }
    const auto start = std::chrono::steady_clock::now();
    for (auto last = start;;) {
      for (int i = 0; i < 32; ++i) {
        pause_cpu();
        if (ready()) return true;
      }
      const auto now = std::chrono::steady_clock::now();
      if (now - last > kStolen) polite_waits_ = kPoliteWaits;
      if (polite_waits_ > 0 || now - start > kSpin) return false;
      last = now;
    }
  }

 private:
  const bool may_spin_;
  int polite_waits_ = 0;
};

}  // namespace

struct ThreadPool::State {
  State(bool may_spin, int worker_count) : spin(may_spin), caller(may_spin), shares(size_t(worker_count)) {}

  // Worker i's part of the work. Whoever advances it to the number of the run does that part.
  struct alignas(64) Share {
    std::atomic<uint32_t> taken{0};
    bool take(uint32_t run) {
      uint32_t before = run - 1;
      return taken.compare_exchange_strong(before, run, std::memory_order_acq_rel, std::memory_order_relaxed);
    }
  };

  const bool spin;
  Spinner caller;
  std::vector<Share> shares;
  std::vector<std::thread> workers;
  const ThreadTask* task = nullptr;  // written before `epoch` advances; read by those who have taken a share
  std::atomic<bool> stop{false};
  alignas(64) std::atomic<uint32_t> epoch{0};           // number of the run; advances once each
  alignas(64) std::atomic<uint32_t> pending{0};         // shares not done yet
  alignas(64) std::atomic<uint32_t> parked_workers{0};  // waiting in the kernel on `epoch`
  std::atomic<uint32_t> parked_caller{0};               // waiting in the kernel on `pending`

  void work(int thread) {
    Spinner spinner(spin);
    auto offered = std::chrono::steady_clock::now();
    for (uint32_t seen = 0;;) {
      const auto advanced = [&] { return epoch.load(std::memory_order_acquire) != seen; };
      if (!spinner.spin(advanced)) {
        // Sequentially consistent against release_workers(): either it sees us parked or we see its epoch.
        parked_workers.fetch_add(1, std::memory_order_seq_cst);
        while (epoch.load(std::memory_order_seq_cst) == seen) futex_wait(epoch, seen);
        parked_workers.fetch_sub(1, std::memory_order_relaxed);
      }
      seen = epoch.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      // A run that is over, or a share that the caller did meanwhile, cannot be taken any more.
      if (!shares[size_t(thread - 1)].take(seen)) continue;
      (*task)(thread);
      if (pending.fetch_sub(1, std::memory_order_seq_cst) == 1 &&
          parked_caller.load(std::memory_order_seq_cst) != 0) {
        futex_wake(pending, 1);
      }
      if (std::chrono::steady_clock::now() - offered > kOffer) {
        sched_yield();
        offered = std::chrono::steady_clock::now();
      }
    }
  }

  void release_workers() {
    epoch.fetch_add(1, std::memory_order_seq_cst);
    if (parked_workers.load(std::memory_order_seq_cst) != 0) futex_wake(epoch, kMaxThreads);
  }

  // Does the shares of workers that have not begun: the system may let them wait long for a core.
  void help() {
    const uint32_t run = epoch.load(std::memory_order_relaxed);
    for (size_t i = 0; i < workers.size(); ++i) {
      if (!shares[i].take(run)) continue;
      (*task)(int(i) + 1);
      pending.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  void wait_for_workers() {
    const auto done = [&] { return pending.load(std::memory_order_acquire) == 0; };
    if (caller.spin(done)) return;
    parked_caller.store(1, std::memory_order_seq_cst);
    for (uint32_t left; (left = pending.load(std::memory_order_seq_cst)) != 0;) futex_wait(pending, left);
    parked_caller.store(0, std::memory_order_relaxed);
  }
};

ThreadPool::ThreadPool(int threads) {
  threads = std::clamp(threads, 1, kMaxThreads);
  state_ = std::make_unique<State>(threads <= allowed_cpus(), threads - 1);
  // Signals belong to the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (int thread = 1; thread < threads; ++thread)
      state_->workers.emplace_back([state = state_.get(), thread] { state->work(thread); });
  } catch (const std::system_error&) {
    // The system gives no more threads (a pids limit): the pool is as large as it became.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_relaxed);
  state_->release_workers();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return int(state_->workers.size()) + 1; }

void ThreadPool::run(ThreadTask task) {
  State& state = *state_;
  if (state.workers.empty()) {
    task(0);
    return;
  }
  state.task = &task;
  state.pending.store(uint32_t(state.workers.size()), std::memory_order_relaxed);
  state.release_workers();
  task(0);
  state.help();
  state.wait_for_workers();
}

}  // namespace nibble
