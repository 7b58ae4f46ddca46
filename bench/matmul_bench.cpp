// Matmul of every format at several column counts, as GMAC/s, weight bytes per second and percent of the ceiling that limits
// it: streaming bandwidth for few columns, integer or float arithmetic for many. Ceilings are measured in the same run.
// Usage: matmul_bench [FORMAT|all] [rows] [length] [threads] [megabytes]; megabytes 0: one matrix, as large as it is
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "formats/tensor_view.h"
#include "kernels/drive.h"
#include "measure/ceilings.h"

namespace {

using namespace nibble;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Several copies of one matrix, together larger than the caches, so that few-column rows really stream from memory.
void bench_format(const Format& format, int64_t rows, int64_t length, uint64_t megabytes, Driver& driver, const Ceilings& ceilings) {
  const uint64_t one = format_bytes(format, uint64_t(rows * length)).value();
  const int copies = int(std::max<uint64_t>(1, (megabytes << 20) / one));
  std::vector<std::byte> bytes(one * uint64_t(copies));
  std::mt19937_64 random(1);
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const uint64_t word = random() & 0x3BFF3BFF3BFF3BFFull;  // f16 fields stay finite
    std::memcpy(&bytes[i], &word, 8);
  }
  TensorView view;
  view.format = &format, view.rank = 2;
  view.dims[0] = uint64_t(length), view.dims[1] = uint64_t(rows);
  const double macs = double(rows) * double(length);
  for (const int columns : {1, 2, 3, 4, 6, 8, 12, 16, 32, 512}) {
    std::vector<float> x(size_t(columns * length)), out(size_t(columns * rows));
    for (float& v : x) v = float(int64_t(random() >> 40) - (1 << 23)) / float(1 << 23);
    Columns input;
    input.set(x.data(), length, length, columns);
    double best = 1e9;
    const double end = now() + 0.25;
    for (int i = 0; i < 5 || now() < end; ++i) {
      const double begin = now();
      const int passes = columns > 32 ? 1 : copies;
      for (int c = 0; c < passes; ++c) {
        view.bytes = std::span(bytes).subspan(one * uint64_t(c), one);
        driver.matmul(view, input, out.data(), rows);
      }
      best = std::min(best, (now() - begin) / passes);
    }
    const bool integer = format.activation != ActivationKind::kFloat;
    const double gmacs = macs * columns / best / 1e9, gbytes = double(one) / best / 1e9;
    const double of_read = 100 * gbytes / ceilings.read_gb_per_s;
    const double of_compute = 100 * gmacs / (integer ? ceilings.int8_gmac_per_s : ceilings.f32_gmac_per_s);
    std::printf("%-7s %4d columns  %8.1f us  %7.1f GMAC/s  %6.1f GB/s  %5.1f %% of %s\n", format.name, columns, best * 1e6, gmacs, gbytes,
                std::max(of_read, of_compute), of_read > of_compute ? "bandwidth" : integer ? "int8 peak" : "f32 peak");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "all";
  const int64_t rows = argc > 2 ? std::atoll(argv[2]) : 2048, length = argc > 3 ? std::atoll(argv[3]) : 2048;
  ThreadPool pool(argc > 4 ? std::atoi(argv[4]) : int(std::thread::hardware_concurrency()));
  const Ceilings ceilings = CeilingMeter(kernels(), pool).measure(7);
  std::printf("%s, %d threads; ceilings: read %.1f GB/s, int8 %.1f GMAC/s, f32 %.1f GMAC/s; %lld x %lld\n", kernels().name, pool.threads(),
              ceilings.read_gb_per_s, ceilings.int8_gmac_per_s, ceilings.f32_gmac_per_s, static_cast<long long>(rows), static_cast<long long>(length));
  const uint64_t megabytes = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 300;
  Driver driver(kernels(), pool);
  for (const Format& format : kFormats)
    if (format.stores_weights && (wanted == "all" || wanted == format.name)) bench_format(format, rows, length, megabytes, driver, ceilings);
}
