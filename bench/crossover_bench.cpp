// Which way to multiply wins for how many columns, on one thread: the kernel of few columns (rows), that of many (panels), tiles where
// the machine has them, and decoding to f32 followed by the f32 product. Times include the quantizing of activations and the
// decoding of weights. "default" is what nibble runs, so that a wrong crossover shows. What must give the same bits is checked to.
//   crossover_bench [--formats Q4_K,Q8_0] [--sizes 128,4096] [--columns 1,4,512]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "formats/tensor_view.h"
#include "kernels/drive.h"
#include "transform/decode.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kNotable = 1.1;  // the default is called wrong when another way is so much faster

struct Options {
  std::vector<std::string> formats{"Q4_K", "Q6_K", "Q4_0", "Q8_0", "I2_S"};
  std::vector<int64_t> sizes{128, 256, 1024, 4096}, columns{1, 2, 4, 8, 16, 32, 64, 128, 512};
};

// A square matrix of random bits whose scales are finite, and what the kernels need for it.
class Problem {
 public:
  Problem(const Format& format, int64_t size) : format_(format), size_(size), random_(uint64_t(size)) {
    const size_t row_bytes = size_t(size / format.block_values) * format.block_bytes;
    bytes_.resize((row_bytes * size_t(size) + format.tensor_trailer_bytes + 7) / 8 * 8);
    for (size_t at = 0; at < bytes_.size(); at += 8) {
      const uint64_t word = random_() & 0x3BFF3BFF3BFF3BFFull;
      std::memcpy(bytes_.data() + at, &word, sizeof word);
    }
    if (format.id == FormatId::kMXFP4)  // its scale is an exponent of 8 bits: no subnormals, which are slow, and no infinity
      for (size_t at = 0; at < bytes_.size(); at += format.block_bytes) bytes_[at] = std::byte(120);
    const float one = 1;
    if (format.tensor_trailer_bytes > 0) std::memcpy(bytes_.data() + row_bytes * size_t(size), &one, sizeof one);
    view_.name = "w", view_.format = &format, view_.rank = 2;
    view_.dims[0] = view_.dims[1] = uint64_t(size);
    view_.bytes = std::span(bytes_).first(row_bytes * size_t(size) + format.tensor_trailer_bytes);
  }

  void set_columns(int columns) {
    columns_ = columns;
    x_.resize(size_t(columns * size_));
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& x : x_) x = uniform(random_);
    padded_ = (size_ + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    const auto values = size_t(columns * padded_);
    codes_.assign(values, 0), scales_.assign(values / 32, 0), sums16_.assign(values / 16, 0), sums32_.assign(values / 32, 0);
    scratch_.reserve(matmul_scratch_bytes(size_, columns));
  }

  // Quantizes the columns and multiplies. The product: (columns, size).
  std::vector<float> product() const { return std::vector<float>(size_t(columns_ * size_)); }
  void multiply(const KernelTable& table, bool interleave, std::vector<float>& out) {
    MatmulArgs args = plain_args(out);
    for (int64_t c = 0; c < columns_; ++c)
      table.quantize_column(format_.activation, x_.data() + c * size_, size_, codes_.data() + c * padded_, scales_.data() + c * padded_ / 32,
                            sums16_.data() + c * padded_ / 16, sums32_.data() + c * padded_ / 32);
    args.weights = reinterpret_cast<const uint8_t*>(bytes_.data()), args.row_bytes = view_.row_bytes();
    args.q = {codes_.data(), scales_.data(), sums16_.data(), sums32_.data(), padded_};
    args.interleave = interleave;
    table.matmul[format_index(format_.id)](args);
  }
  void multiply_decoded(const KernelTable& table, std::vector<float>& out) {
    decoded_.resize(size_t(size_ * size_));
    if (const Status decoded = decode_rows(view_, 0, decoded_); !decoded) {
      std::fprintf(stderr, "%s\n", decoded.error().message.c_str());
      std::exit(1);
    }
    MatmulArgs args = plain_args(out);
    args.weights = reinterpret_cast<const uint8_t*>(decoded_.data()), args.row_bytes = size_t(size_) * sizeof(float);
    table.matmul[format_index(FormatId::kF32)](args);
  }

 private:
  MatmulArgs plain_args(std::vector<float>& out) {
    MatmulArgs args;
    args.length = size_, args.row_end = size_, args.columns = columns_;
    args.x = x_.data(), args.x_stride = size_;
    args.out = out.data(), args.out_stride = size_;
    args.scratch = scratch_.get<uint8_t>(1);
    return args;
  }

  const Format& format_;
  int64_t size_, padded_ = 0;
  int columns_ = 0;
  std::mt19937_64 random_;
  TensorView view_;
  std::vector<std::byte> bytes_;
  std::vector<float> x_, decoded_, scales_;
  std::vector<int8_t> codes_;
  std::vector<int16_t> sums16_, sums32_;
  AlignedBuffer scratch_;
};

// One way to multiply: an empty cell where it does not exist.
struct Way {
  const char* name;
  bool same_bits;
  std::function<void(std::vector<float>&)> run;
  double best = 0;  // seconds
};

double seconds_of(const Way& way, std::vector<float>& out, int calls) {
  way.run(out);  // brings its own data into the caches
  const auto begin = Clock::now();
  for (int i = 0; i < calls; ++i) way.run(out);
  return std::chrono::duration<double>(Clock::now() - begin).count() / calls;
}

// Samples take turns, so that what drifts, drifts for all.
void measure(std::span<Way> ways, std::vector<float> out) {
  constexpr int kSamples = 5;
  constexpr double kSample = 0.002;
  std::vector<int> calls;
  for (const Way& way : ways) calls.push_back(way.run ? std::clamp(int(kSample / seconds_of(way, out, 1)), 1, 10'000) : 0);
  for (int sample = 0; sample < kSamples; ++sample)
    for (size_t i = 0; i < ways.size(); ++i)
      if (ways[i].run) {
        const double seconds = seconds_of(ways[i], out, calls[i]);
        if (sample == 0 || seconds < ways[i].best) ways[i].best = seconds;
      }
}

class Report {
 public:
  // The table with the instruction set in use, and the widest without tiles.
  Report(const KernelTable& table, const KernelTable& narrow) : table_(table), narrow_(narrow) {}

  void rows(const Format& format, const Options& options) {
    std::printf("\n%s, GMAC/s\n\n| matrix | columns | rows | panels | tiles | default | decoded, f32 | runs as |\n|---|---:|---:|---:|---:|---:|---:|---|\n",
                format.name);
    for (const int64_t size : options.sizes) {
      if (size % format.block_values != 0) continue;
      Problem problem(format, size);
      for (const int64_t columns : options.columns) row(problem, format, size, int(columns));
    }
  }

  int finish() const {
    if (wrong_.empty()) std::printf("\nNo default is slower than another way by more than %.0f %%.\n", 100 * (kNotable - 1));
    else std::printf("\nThe default is slower than another way by more than %.0f %% in:\n%s", 100 * (kNotable - 1), wrong_.c_str());
    if (different_bits_ > 0) std::printf("\n%d rows gave different bits.\n", different_bits_);
    return different_bits_ > 0;
  }

 private:
  static constexpr size_t kDefault = 3, kDecoded = 4, kWays = 5;

  void row(Problem& problem, const Format& format, int64_t size, int columns) {
    constexpr int kFewColumns = 4;  // no instruction set has a kernel of few columns for more
    problem.set_columns(columns);
    std::vector<Way> ways(kWays);
    ways[0] = {"rows", true, nullptr};
    if (columns <= kFewColumns) ways[0].run = [&](auto& out) { problem.multiply(narrow_, false, out); };
    ways[1] = {"panels", true, [&](auto& out) { problem.multiply(narrow_, true, out); }};
    ways[2] = {"tiles", true, nullptr};
    if (&table_ != &narrow_) ways[2].run = [&](auto& out) { problem.multiply(table_, true, out); };
    ways[kDefault] = {"default", true, [&](auto& out) { problem.multiply(table_, false, out); }};
    ways[kDecoded] = {"decoded, f32", false, [&](auto& out) { problem.multiply_decoded(table_, out); }};
    check_bits(ways, problem.product(), format, size, columns);
    measure(std::span(ways).first(kDecoded), problem.product());
    measure(std::span(ways).subspan(kDecoded), problem.product());  // its floats take the caches from the others
    print(ways, format, size, columns);
  }

  void check_bits(const std::vector<Way>& ways, std::vector<float> out, const Format& format, int64_t size, int columns) {
    std::vector<float> expected = out;
    ways[kDefault].run(expected);
    for (const Way& way : ways) {
      if (!way.run || !way.same_bits) continue;
      way.run(out);
      if (std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)) == 0) continue;
      ++different_bits_;
      std::fprintf(stderr, "%s %lld x%d: %s and the default give different bits\n", format.name, static_cast<long long>(size), columns, way.name);
    }
  }

  void print(const std::vector<Way>& ways, const Format& format, int64_t size, int columns) {
    const Way& chosen = ways[kDefault];
    const Way *best = nullptr, *nearest = nullptr;  // of the ways beside the default
    const auto distance = [&](const Way& way) { return std::max(way.best, chosen.best) / std::min(way.best, chosen.best); };
    for (size_t i = 0; i < ways.size(); ++i) {
      if (!ways[i].run || i == kDefault) continue;
      if (!best || ways[i].best < best->best) best = &ways[i];
      if (ways[i].same_bits && (!nearest || distance(ways[i]) < distance(*nearest))) nearest = &ways[i];
    }
    const double macs = double(size) * double(size) * columns / 1e9;
    std::printf("| %lld | %d |", static_cast<long long>(size), columns);
    for (const Way& way : ways) {
      const char* const mark = &way == best ? "**" : "";
      if (way.run) std::printf(" %s%.1f%s |", mark, macs / way.best, mark);
      else std::printf(" |");
    }
    std::printf(" %s |\n", nearest->name);
    std::fflush(stdout);
    if (best == nearest || chosen.best <= best->best * kNotable) return;
    char line[200];
    std::snprintf(line, sizeof line, "- %s %lld x%d: %s is %.2f times as fast\n", format.name, static_cast<long long>(size), columns, best->name,
                  chosen.best / best->best);
    wrong_ += line;
  }

  const KernelTable &table_, &narrow_;
  std::string wrong_;
  int different_bits_ = 0;
};

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> found;
  while (!list.empty()) {
    found.emplace_back(list.substr(0, list.find(',')));
    list.remove_prefix(std::min(list.size(), found.back().size() + 1));
  }
  return found;
}

std::vector<int64_t> numbers(std::string_view list) {
  std::vector<int64_t> found;
  for (const std::string& word : words(list)) found.push_back(std::clamp<int64_t>(std::atoll(word.c_str()), 1, 1 << 14));
  return found;
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i += 2) {
    const std::string_view flag = arguments[i], value = i + 1 < count ? arguments[i + 1] : "";
    if (flag == "--formats") options.formats = words(value);
    else if (flag == "--sizes") options.sizes = numbers(value);
    else if (flag == "--columns") options.columns = numbers(value);
    else return std::fprintf(stderr, "usage: crossover_bench [--formats Q4_K,Q8_0] [--sizes 128,4096] [--columns 1,4,512]\n"), 2;
  }
  const KernelTable *table = &kernels(), *narrow = table;
  if (!std::strcmp(table->name, "amx"))
    for (const KernelTable* other : available_kernels())
      if (!std::strcmp(other->name, "avx512")) narrow = other;
  std::printf("One thread, %s. Bold: the fastest. \"runs as\": the way whose time the default's is nearest to.\n", table->name);
  Report report(*table, *narrow);
  for (const std::string& name : options.formats) {
    const auto* const format = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& f) { return f.name == name; });
    if (format == std::end(kFormats) || format->activation == ActivationKind::kFloat || !table->matmul[format - kFormats])
      return std::fprintf(stderr, "crossover_bench: \"%s\" is no quantized format with a kernel\n", name.c_str()), 2;
    report.rows(*format, options);
  }
  return report.finish();
}

}  // namespace
}  // namespace nibble

int main(int count, char** arguments) { return nibble::run(count, arguments); }
