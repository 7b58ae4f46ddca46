// DequantEngine: how many bytes its cache serves against working set / capacity, beside a plain LRU on the
// same accesses, and what warming and threads bring. Prints Markdown. usage: dequant_bench MODEL.gguf
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <list>
#include <map>
#include <vector>

#include "base/topology.h"
#include "transform/dequant_engine.h"

namespace {

using namespace nibble;
using Clock = std::chrono::steady_clock;
using Accesses = std::vector<size_t>;  // tensors by index
using Source = std::shared_ptr<const GgufFile>;

uint64_t float_bytes(const TensorView& tensor) { return tensor.values() * sizeof(float); }

// The same work each time for the same options; exits on an error.
std::unique_ptr<DequantEngine> engine_of(const Source& file, const DequantOptions& options) {
  auto engine = DequantEngine::create(file, options);
  if (engine) return *std::move(engine);
  std::fprintf(stderr, "dequant_bench: %s\n", engine.error().message.c_str());
  std::exit(1);
}

Accesses cyclic(const GgufFile& file, int rounds) {
  Accesses all;
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < file.tensors().size(); ++i) all.push_back(i);
  return all;
}

// The k-th most frequent tensor, of a fixed random order, is asked for 1/k as often as the first.
Accesses skewed(const GgufFile& file, size_t count) {
  uint64_t state = 1;
  const auto random = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33;
  };
  Accesses order(file.tensors().size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  std::vector<double> until;
  double sum = 0;
  for (size_t k = 0; k < order.size(); ++k) until.push_back(sum += 1.0 / double(k + 1));
  Accesses all;
  while (all.size() < count) {
    const double at = double(random()) / double(uint64_t{1} << 31) * sum;
    all.push_back(order[size_t(std::ranges::lower_bound(until, at) - until.begin())]);
  }
  return all;
}

// Share of the bytes asked for that were there.
double served(const Source& file, const Accesses& accesses, uint64_t capacity) {
  const auto engine = engine_of(file, {.cache_bytes = capacity, .threads = 2, .warm_next_layer = false});
  double asked = 0;
  for (const size_t index : accesses) {
    asked += double(float_bytes(file->tensors()[index]));
    (void)engine->tensor(file->tensors()[index].name);
  }
  return 1 - double(engine->stats().bytes_decoded) / asked;
}

double served_by_lru(const Source& file, const Accesses& accesses, uint64_t capacity) {
  std::list<size_t> recent;  // the last used in front
  std::map<size_t, std::list<size_t>::iterator> places;
  uint64_t used = 0;
  double asked = 0, hit = 0;
  for (const size_t index : accesses) {
    const uint64_t bytes = float_bytes(file->tensors()[index]);
    asked += double(bytes);
    if (const auto found = places.find(index); found != places.end()) {
      hit += double(bytes);
      recent.splice(recent.begin(), recent, found->second);
      continue;
    }
    if (bytes > capacity) continue;
    for (; used + bytes > capacity; recent.pop_back()) {
      used -= float_bytes(file->tensors()[recent.back()]);
      places.erase(recent.back());
    }
    recent.push_front(index);
    places[index] = recent.begin();
    used += bytes;
  }
  return hit / asked;
}

// Scans decode all of it many times: of large files only the speed is measured.
constexpr uint64_t kLargestSet = uint64_t{256} << 20;

void print_hit_rates(const Source& file) {
  uint64_t working_set = 0;
  for (const TensorView& tensor : file->tensors()) working_set += float_bytes(tensor);
  std::printf("%s: %zu tensors, %.1f MiB as f32\n\n", file->path().c_str(), file->tensors().size(),
              double(working_set) / (1 << 20));
  if (working_set > kLargestSet) return;
  std::printf(
      "| working set / capacity | cyclic scan | LRU | best possible | skewed | LRU |\n"
      "|---:|---:|---:|---:|---:|---:|\n");
  constexpr int kRounds = 20;  // the first of which finds nothing
  const Accesses scan = cyclic(*file, kRounds), skew = skewed(*file, kRounds * file->tensors().size());
  for (const double ratio : {0.5, 0.9, 1.1, 1.5, 2.0, 4.0}) {
    const auto capacity = uint64_t(double(working_set) / ratio);
    std::printf("| %.1f | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n", ratio,
                100 * served(file, scan, capacity), 100 * served_by_lru(file, scan, capacity),
                100 * (1 - 1.0 / kRounds) * std::min(1.0, 1 / ratio), 100 * served(file, skew, capacity),
                100 * served_by_lru(file, skew, capacity));
  }
}

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The best of several, each from an engine that knows nothing.
double scan_seconds(const Source& file, const DequantOptions& options, double consumer_seconds,
                    DequantStats* stats) {
  double best = 1e9;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto engine = engine_of(file, options);
    best = std::min(best, seconds_of([&] {
                      for (int layer = 0; engine->layer_size(layer) > 0; ++layer) {
                        (void)engine->layer(layer);
                        const auto end = Clock::now() + std::chrono::duration<double>(consumer_seconds);
                        while (Clock::now() < end) {
                        }
                      }
                    }));
    if (stats) *stats = engine->stats();
  }
  return best;
}

void print_speed(const Source& file, int threads) {
  int layers = 0;
  uint64_t bytes = 0;
  for (const auto probe = engine_of(file, {}); probe->layer_size(layers) > 0; ++layers) {
    const auto tensors = probe->layer(layers);
    for (const auto& tensor : *tensors) bytes += tensor->bytes.size();
  }
  if (layers == 0) return;
  std::printf("\n| %d layers, %.0f MiB of f32 | ms | |\n|---|---:|---|\n", layers, double(bytes) / (1 << 20));
  const double one =
      scan_seconds(file, {.cache_bytes = 0, .threads = 1, .warm_next_layer = false}, 0, nullptr);
  const double all =
      scan_seconds(file, {.cache_bytes = 0, .threads = threads, .warm_next_layer = false}, 0, nullptr);
  std::printf("| layers, 1 thread | %.2f | %.1f GB/s |\n", one * 1e3, double(bytes) / one / 1e9);
  std::printf("| layers, %d threads | %.2f | %.2f times as fast |\n", threads, all * 1e3, one / all);
  // A consumer of one thread that works on a layer as long as that took to decode.
  const double work = one / layers;
  DequantStats stats;
  const uint64_t ahead = bytes / uint64_t(layers) * 5;  // a quarter of it holds a layer
  const double cold =
      scan_seconds(file, {.cache_bytes = ahead, .threads = 1, .warm_next_layer = false}, work, nullptr);
  const double warm = scan_seconds(file, {.cache_bytes = ahead, .threads = 1}, work, &stats);
  std::printf("| layers, 1 thread, and as long a time of work on each | %.2f | |\n", cold * 1e3);
  std::printf("| the same, warmed | %.2f | %.2f times as fast; %llu of %llu tensors ahead |\n", warm * 1e3,
              cold / warm, static_cast<unsigned long long>(stats.warmed_used),
              static_cast<unsigned long long>(stats.hits + stats.misses));
}

void print_small_call(const Source& file, int threads) {
  const TensorView* smallest = &file->tensors()[0];
  for (const TensorView& tensor : file->tensors())
    if (tensor.values() < smallest->values()) smallest = &tensor;
  constexpr int kCalls = 20000;
  const auto microseconds = [&](int n) {
    const auto engine = engine_of(file, {.cache_bytes = 0, .threads = n, .warm_next_layer = false});
    double best = 1e9;
    for (int repeat = 0; repeat < 5; ++repeat)
      best = std::min(best, seconds_of([&] {
                        for (int i = 0; i < kCalls; ++i) (void)engine->tensor(smallest->name);
                      }));
    return best / kCalls * 1e6;
  };
  const double one = microseconds(1), all = microseconds(threads);
  std::printf("| %s, %llu values, a call | %.4f | with %d threads %.2f times that |\n",
              smallest->name.c_str(), static_cast<unsigned long long>(smallest->values()), one / 1e3, threads,
              all / one);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: dequant_bench MODEL.gguf\n");
    return 2;
  }
  auto file = GgufFile::open(argv[1]);
  if (!file) {
    std::fprintf(stderr, "dequant_bench: %s\n", file.error().message.c_str());
    return 1;
  }
  const auto shared = std::make_shared<const GgufFile>(*std::move(file));
  const int threads = read_topology().default_threads();
  print_hit_rates(shared);
  print_speed(shared, threads);
  print_small_call(shared, threads);
}
