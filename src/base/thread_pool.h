// Persistent workers for work that is split by the caller. Workers spin briefly, then park; a pool of one
// thread runs everything on the caller and costs nothing.
#pragma once
#include <cstdint>
#include <memory>

namespace nibble {

// A non-owning reference to a callable void(int thread); valid for the duration of the call it is passed to.
class ThreadTask {
 public:
  template <class F>
  ThreadTask(const F& body)  // NOLINT: implicit on purpose, lambdas are passed directly
      : object_(&body),
        call_([](const void* object, int thread) { (*static_cast<const F*>(object))(thread); }) {}
  void operator()(int thread) const { call_(object_, thread); }

 private:
  const void* object_;
  void (*call_)(const void*, int);
};

class ThreadPool {
 public:
  // `threads` counts the caller: threads - 1 workers are started. Clamped to at least 1.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int threads() const;
  // Runs task(thread) once for each thread in [0, threads()) and returns when all are done. The caller does
  // share 0, and then those whose workers have not begun yet (busy machines), so shares must not wait for
  // each other. Not reentrant: one run at a time, from one thread at a time.
  void run(ThreadTask task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The part [begin, end) of `count` items, in multiples of `grain`, that falls to `thread` of `threads`.
struct WorkRange {
  int64_t begin, end;
};
inline WorkRange split_range(int64_t count, int64_t grain, int thread, int threads) {
  const int64_t grains = (count + grain - 1) / grain;
  const int64_t begin = grains * thread / threads * grain, end = grains * (thread + 1) / threads * grain;
  return {begin < count ? begin : count, end < count ? end : count};
}

}  // namespace nibble
