#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace nibble {
namespace {

TEST(ThreadPool, RunsEveryThreadOnce) {
  for (int threads : {1, 2, 3, 4, 7, 16}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.threads(), threads);
    std::vector<int> counts(size_t(threads), 0);
    for (int run = 0; run < 200; ++run) pool.run([&](int thread) { ++counts[size_t(thread)]; });
    for (int count : counts) EXPECT_EQ(count, 200);
  }
}

TEST(ThreadPool, TheCallerDoesShareZero) {
  ThreadPool pool(3);
  std::vector<std::thread::id> ids(3);
  pool.run([&](int thread) { ids[size_t(thread)] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
}

TEST(ThreadPool, WorkersShareTheWork) {
  ThreadPool pool(2);
  std::set<std::thread::id> seen;
  std::mutex mutex;
  // Long enough shares that a parked worker has begun before the caller is done with its own.
  for (int run = 0; run < 200 && seen.size() < 2; ++run)
    pool.run([&](int) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::scoped_lock lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  EXPECT_EQ(seen.size(), 2u);
}

TEST(ThreadPool, ClampsToAtLeastOne) {
  for (int threads : {0, -5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), 1);
    int runs = 0;
    pool.run([&](int) { ++runs; });
    EXPECT_EQ(runs, 1);
  }
}

// What one run wrote without atomics, the next one reads on other threads: ThreadSanitizer checks the
// ordering.
TEST(ThreadPool, RunsAreOrdered) {
  constexpr int kThreads = 4, kCount = 1024;
  ThreadPool pool(kThreads);
  std::vector<int64_t> a(kCount, 1), b(kCount);
  for (int run = 0; run < 300; ++run) {
    pool.run([&](int thread) {
      const WorkRange range = split_range(kCount, 8, thread, kThreads);
      for (int64_t i = range.begin; i < range.end; ++i) b[size_t(i)] = a[size_t(kCount - 1 - i)] + 1;
    });
    std::swap(a, b);
  }
  for (int64_t value : a) ASSERT_EQ(value, 301);
}

// Pauses longer than the spin make workers and the caller park; work of unequal length makes the caller wait.
TEST(ThreadPool, SurvivesParking) {
  ThreadPool pool(4);
  std::atomic<int> total{0};
  for (int run = 0; run < 60; ++run) {
    pool.run([&](int thread) {
      if (thread == run % 4) std::this_thread::sleep_for(std::chrono::microseconds(300));
      total.fetch_add(1);
    });
    if (run % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(400));
  }
  EXPECT_EQ(total.load(), 240);
}

TEST(ThreadPool, WorksOnOneSharedCore) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  {
    ThreadPool pool(4);  // created under the mask: its workers inherit it
    std::atomic<bool> stop{false};
    std::thread neighbour([&] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
    std::atomic<int> total{0};
    for (int run = 0; run < 50; ++run) pool.run([&](int) { total.fetch_add(1); });
    stop = true;
    neighbour.join();
    EXPECT_EQ(total.load(), 200);
  }
  sched_setaffinity(0, sizeof before, &before);
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  std::atomic<int> total{0};
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(1 + i % 5);
    if (i % 2) pool.run([&](int) { total.fetch_add(1); });
  }
  EXPECT_EQ(total.load(), 5 * (2 + 4 + 1 + 3 + 5));
}

TEST(SplitRange, CoversEverythingOnceInGrains) {
  for (int64_t count : {0, 1, 7, 64, 100, 1000})
    for (int64_t grain : {1, 8, 64})
      for (int threads : {1, 2, 3, 7}) {
        int64_t next = 0;
        for (int thread = 0; thread < threads; ++thread) {
          const WorkRange range = split_range(count, grain, thread, threads);
          EXPECT_EQ(range.begin, next);
          EXPECT_TRUE(range.begin == count || range.begin % grain == 0);
          next = range.end;
        }
        EXPECT_EQ(next, count);
      }
}

}  // namespace
}  // namespace nibble
