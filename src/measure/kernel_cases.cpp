#include "measure/kernel_cases.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <span>

#include "formats/tensor_view.h"
#include "kernels/drive.h"
#include "kernels/encode.h"
#include "model/kv_cache.h"

namespace nibble {
namespace {

constexpr int64_t kLength = 2048;           // of rows and of vectors
constexpr int64_t kArena = 16 * kLength;    // floats of each operand: 128 KiB
constexpr size_t kWeightBytes = 256 << 10;  // about
constexpr int64_t kMostRows = 2048;         // of a matmul with one column
constexpr int64_t kFewRows = 128;  // of a matmul with several columns: the smallest piece a thread takes
constexpr int64_t kDecodedBlocks[] = {32, 128, 512, 4096};
constexpr int64_t kTernaryValues[] = {1 << 10, 1 << 14, 1 << 18, 1 << 20};  // encoded at once
constexpr int64_t kHalvesBlocks = 128;                                      // decoded to f16 and bf16
constexpr int kHeads = 8, kKvHeads = 2;                                     // attention, RoPE, KV

}  // namespace

// What kernels read and write: inputs are made once and shared.
class KernelData {
 public:
  KernelData() {
    for (std::vector<float>* values : {&a, &b, &out}) {
      values->resize(size_t(kArena));
      for (float& v : *values) v = uniform();
    }
  }
  const std::vector<float>& columns(int64_t count) {
    while (int64_t(x_.size()) < count * kLength) x_.push_back(uniform());
    return x_;
  }
  // Random bits whose half floats are finite, `bytes` of them; the address stays.
  const uint8_t* weights(const Format& format, size_t bytes) {
    std::vector<uint8_t>& words = weights_[format.id];
    bytes = std::max(bytes, size_t(std::end(kDecodedBlocks)[-1]) * format.block_bytes);
    // Plain floats must not be tiny: sums of subnormals are slow.
    const uint64_t ones = format.activation == ActivationKind::kFloat ? 0x3800380038003800ull : 0;
    while (words.size() < bytes) {
      const uint64_t word = (random_() & 0x3BFF3BFF3BFF3BFFull) | ones;
      const auto* first = reinterpret_cast<const uint8_t*>(&word);
      words.insert(words.end(), first, first + 8);
    }
    // Powers of two that weights have: processors are slow at numbers below the normal ones.
    if (format.id == FormatId::kMXFP4)
      for (size_t i = 0; i < bytes; i += sizeof(BlockMXFP4)) words[i] = uint8_t(112 + words[i] % 16);
    return words.data();
  }
  template <class T>
  T* buffer(const std::string& name, size_t count) {
    return buffers_[name].template get<T>(count);
  }

  std::vector<float> a, b, out;

 private:
  float uniform() { return float(int64_t(random_() >> 40) - (1 << 23)) / float(1 << 23); }
  std::mt19937_64 random_{1};
  std::vector<float> x_;
  std::map<FormatId, std::vector<uint8_t>> weights_;
  std::map<std::string, AlignedBuffer> buffers_;
};

std::shared_ptr<KernelData> make_kernel_data() { return std::make_shared<KernelData>(); }

bool is_chosen(const std::vector<std::string>& chosen, std::string_view name) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  const auto same = [&](const std::string& one) {
    return std::equal(one.begin(), one.end(), name.begin(), name.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
  };
  return chosen.empty() || std::any_of(chosen.begin(), chosen.end(), same);
}

namespace {

struct Work {
  double integer_macs = 0, float_macs = 0, read = 0, written = 0;  // multiply-adds, bytes
};

class Builder {
 public:
  Builder(const KernelTable& table, const KernelBenchOptions& options, std::shared_ptr<KernelData> data)
      : table_(table), options_(options), data_(std::move(data)) {}
  std::vector<KernelCase> cases;

  void matmuls() {
    for (int i = 0; i < kFormatCount; ++i)
      if (table_.matmul[i] && wanted(kFormats[i]))
        for (const int64_t columns : options_.columns) matmul(kFormats[i], columns);
  }

  void fast_bf16_matmuls() {
    const Format& format = kFormats[format_index(FormatId::kBF16)];
    const FastBf16* const unit = fast_bf16(table_);
    if (!unit || !wanted(format)) return;
    for (const int64_t columns : options_.columns) matmul(format, columns, unit);
  }

  void encoders() {
    for (const Format& format : kFormats) {
      if (!wanted(format) || format.block_values == 1) continue;
      if (format.id == FormatId::kI2_S || format.id == FormatId::kTQ2_0 || format.id == FormatId::kTQ1_0) {
        for (const int64_t values : kTernaryValues) ternary_encoder(format, values);
        continue;
      }
      const int64_t values = 4 * kLength, blocks = values / format.block_values;
      auto* const out = data_->buffer<uint8_t>("encoded", size_t(blocks * format.block_bytes));
      const EncodeBlocks encode = encoder_of(table_);
      if (!encode(format.id, data_->a.data(), nullptr, 1, out)) continue;
      add("encode", format.name, "",
          {.read = 4.0 * double(values), .written = double(blocks * format.block_bytes)},
          [data = data_, encode, blocks, out, id = format.id] {
            encode(id, data->a.data(), nullptr, blocks, out);
          });
    }
  }

  void ternary_encoder(const Format& format, int64_t values) {
    auto* const in = data_->buffer<float>("ternary", size_t(std::end(kTernaryValues)[-1]));
    auto* const out = data_->buffer<uint8_t>("ternary codes", size_t(std::end(kTernaryValues)[-1]));
    for (int64_t i = 0; i < values; ++i) in[i] = data_->a[size_t(i % kArena)];
    const int64_t blocks = values / format.block_values;
    add("encode", format.name, concat("x", values),
        {.read = 4.0 * double(values), .written = double(blocks * format.block_bytes)},
        [=, data = data_, encode = encoder_of(table_), id = format.id] {
          encode(id, in, nullptr, blocks, out);
        });
  }

  void decoders() {
    auto* const out = data_->buffer<float>("decoded", size_t(std::end(kDecodedBlocks)[-1]) * 256);
    for (int i = 0; i < kFormatCount; ++i) {
      if (!wanted(kFormats[i]) || kFormats[i].block_values == 1) continue;
      for (const int64_t blocks : kDecodedBlocks)
        decoder(kFormats[i], table_.decode->f32[i], blocks, "f32", 4, out);
      decoder(kFormats[i], table_.decode->f16[i], kHalvesBlocks, "f16", 2, out);
      decoder(kFormats[i], table_.decode->bf16[i], kHalvesBlocks, "bf16", 2, out);
    }
  }

  void quantizers() {
    constexpr struct {
      const char* name;
      ActivationKind kind;
    } kKinds[] = {{"per 32", ActivationKind::kPer32},
                  {"per 256", ActivationKind::kPer256},
                  {"per row", ActivationKind::kPerRow}};
    for (const auto& [name, kind] : kKinds) {
      auto* const codes = data_->buffer<int8_t>("codes", size_t(kArena));
      auto* const scales = data_->buffer<float>("scales", size_t(kLength / 32));
      auto* const sums16 = data_->buffer<int16_t>("sums16", size_t(kLength / 16));
      auto* const sums32 = data_->buffer<int16_t>("sums32", size_t(kLength / 32));
      vectors("quantize_column", name, {.read = 4, .written = 1 + 4.0 / 32 + 2.0 / 16 + 2.0 / 32},
              [&table = table_, data = data_, kind, codes, scales, sums16, sums32](int64_t at) {
                table.quantize_column(kind, data->a.data() + at, kLength, codes + at, scales, sums16, sums32);
              });
    }
  }

  // Bytes of `work` are a value's; body(offset of a vector).
  template <class Body>
  void vectors(const char* kernel, const char* detail, Work work, const Body& body) {
    for (double* part : {&work.integer_macs, &work.float_macs, &work.read, &work.written})
      *part *= double(kLength);
    add(kernel, "", detail, work, [body, at = int64_t(0)]() mutable {
      body(at);
      at = at + kLength < kArena ? at + kLength : 0;
    });
  }

  void elementwise() {
    const KernelTable& t = table_;
    const std::shared_ptr<KernelData> d = data_;
    const Work in_place = {.read = 4, .written = 4}, two = {.read = 8, .written = 4};
    vectors("rms_norm", "", in_place, [&t, d](int64_t i) {
      t.rms_norm(&d->out[size_t(i)], &d->a[size_t(i)], d->b.data(), kLength, 1e-5f);
    });
    vectors("layer_norm", "", in_place, [&t, d](int64_t i) {
      t.layer_norm(&d->out[size_t(i)], &d->a[size_t(i)], d->b.data(), d->b.data(), kLength, 1e-5f);
    });
    vectors("add", "", two,
            [&t, d](int64_t i) { t.add(&d->out[size_t(i)], &d->a[size_t(i)], &d->b[size_t(i)], kLength); });
    vectors("scale", "", in_place, [&t, d](int64_t i) { t.scale(&d->out[size_t(i)], 1.0f, kLength); });
    vectors("scale_add", "", two, [&t, d](int64_t i) {
      t.scale_add(&d->out[size_t(i)], &d->a[size_t(i)], &d->b[size_t(i)], 0.5f, kLength);
    });
    vectors("softcap", "", in_place, [&t, d](int64_t i) { t.softcap(&d->out[size_t(i)], 30, kLength); });
    constexpr struct {
      const char* name;
      Activation activation;
    } kActivations[] = {
        {"silu", Activation::kSilu}, {"gelu", Activation::kGelu}, {"relu squared", Activation::kReluSquared}};
    for (const auto& [name, activation] : kActivations)
      vectors("gated", name, two, [&t, d, activation](int64_t i) {
        t.gated(activation, &d->out[size_t(i)], &d->a[size_t(i)], &d->b[size_t(i)], kLength);
      });
    vectors("softmax", "", in_place, [&t, d](int64_t i) { t.softmax(&d->out[size_t(i)], kLength); });
    vectors("max", "", {.read = 4}, [&t, d](int64_t i) { d->out[0] = t.max(&d->a[size_t(i)], kLength); });
  }

  void ropes() {
    constexpr int kHeadDim = int(kLength) / 32;
    auto* const angles = data_->buffer<float>("angles", kHeadDim);
    for (int i = 0; i < kHeadDim / 2; ++i)
      angles[i] = std::cos(float(i)), angles[kHeadDim / 2 + i] = std::sin(float(i));
    constexpr struct {
      const char* name;
      RopeKind kind;
    } kKinds[] = {{"adjacent pairs", RopeKind::kAdjacentPairs}, {"halves", RopeKind::kHalves}};
    for (const auto& [name, kind] : kKinds)
      vectors(
          "rope", name, {.read = 4, .written = 4}, [&table = table_, data = data_, kind, angles](int64_t i) {
            table.rope(kind, &data->out[size_t(i)], 32, kHeadDim, kHeadDim, angles, angles + kHeadDim / 2);
          });
  }

  // One token after 1024 positions (decode), and 16 tokens that end there (prefill).
  void attention() {
    for (const int head_dim : {64, 128})
      for (const int tokens : {1, 16})
        for (const KvType type : kKvTypes) attention_case(type, head_dim, tokens, 1024 - tokens);
  }

 private:
  void decoder(const Format& format, DecodeKernels::Decode decode, int64_t blocks, const char* type,
               int width, float* out) {
    const uint8_t* const in = data_->weights(format, 0);
    add("decode", format.name, concat(type, " x", blocks),
        {.read = double(blocks * format.block_bytes),
         .written = double(blocks * format.block_values * width)},
        [=, data = data_] { decode(in, blocks, 0.25f, out); });
    cases.back().stores_to = out;
  }

  bool wanted(const Format& format) const {
    return format.stores_weights && is_chosen(options_.formats, format.name);
  }

  template <class Call>
  void add(const char* kernel, const char* format, const std::string& detail, const Work& work, Call call) {
    KernelCase& added = cases.emplace_back();
    BenchRow& row = added.row;
    row.name = concat(kernel, *format ? " " : "", format, detail.empty() ? "" : " ", detail);
    row.kernel = kernel, row.format = format, row.isa = table_.name;
    row.integer_macs = work.integer_macs, row.float_macs = work.float_macs;
    row.bytes = work.read, row.bytes_written = work.written;
    row.cached = true;
    added.table = &table_;
    added.call = std::move(call);
  }

  QuantizedColumns quantized(ActivationKind kind, int64_t columns) {
    const std::string kept = concat(int(kind), " x", columns);
    auto* const codes = data_->buffer<int8_t>("codes " + kept, size_t(columns * kLength));
    auto* const scales = data_->buffer<float>("scales " + kept, size_t(columns * kLength / 32));
    auto* const sums16 = data_->buffer<int16_t>("sums16 " + kept, size_t(columns * kLength / 16));
    auto* const sums32 = data_->buffer<int16_t>("sums32 " + kept, size_t(columns * kLength / 32));
    for (int64_t c = 0; c < columns; ++c)
      table_.quantize_column(kind, data_->columns(columns).data() + c * kLength, kLength, codes + c * kLength,
                             scales + c * kLength / 32, sums16 + c * kLength / 16, sums32 + c * kLength / 32);
    return {codes, scales, sums16, sums32, kLength};
  }

  // unit: instead of the table's kernel.
  void matmul(const Format& format, int64_t columns, const FastBf16* unit = nullptr) {
    MatmulArgs args;
    args.row_bytes = size_t(kLength / format.block_values * format.block_bytes);
    args.length = kLength;
    const int64_t most_rows =
        std::clamp(int64_t(kWeightBytes / args.row_bytes) / 32 * 32, kFewRows, kMostRows);
    args.row_end = columns == 1 ? most_rows : kFewRows;
    args.columns = int(columns);
    const bool integer = format.activation != ActivationKind::kFloat;
    if (integer) args.q = quantized(format.activation, columns);
    // Buffers have room for the largest case: their addresses stay.
    const int64_t most_columns = *std::max_element(options_.columns.begin(), options_.columns.end());
    args.weights = data_->weights(format, size_t(most_rows) * args.row_bytes);
    args.x = data_->columns(most_columns).data(), args.x_stride = kLength;
    args.scratch = data_->buffer<uint8_t>("scratch", std::max(matmul_scratch_bytes(kLength, int(most_columns)),
                                                              fast_bf16_scratch_bytes(kLength, int(most_columns))));
    args.out = data_->buffer<float>("products", size_t(most_columns * kFewRows + kMostRows)),
    args.out_stride = args.row_end;
    const double macs = double(args.row_end) * double(kLength) * double(columns);
    add(unit ? "fast_bf16" : "matmul", format.name, concat("x", columns),
        {.integer_macs = integer ? macs : 0,
         .float_macs = integer ? 0 : macs,
         .read = double(args.row_end) * double(args.row_bytes)},
        [args, matmul = unit ? unit->matmul : table_.matmul[&format - kFormats], data = data_] { matmul(args); });
    cases.back().row.columns = columns;
    if (unit) cases.back().row.bf16_macs = macs;
  }

  struct AttentionData {
    ThreadPool pool{1};
    Driver driver;
    AttentionArgs args;
    std::vector<std::vector<uint8_t>> pages;
    std::vector<const uint8_t*> k_table, v_table;
    std::vector<float> q, out;
    explicit AttentionData(const KernelTable& table) : driver(table, pool) {}
  };

  void attention_case(KvType type, int head_dim, int tokens, int64_t past) {
    const auto d = std::make_shared<AttentionData>(table_);
    const int width = kHeads * head_dim;
    for (int64_t page = 0; page * kKvPageTokens < past + tokens; ++page) {
      for (auto* list : {&d->k_table, &d->v_table}) {
        d->pages.emplace_back(size_t(kKvHeads * kv_head_bytes(type, head_dim)), uint8_t(0x3C));
        list->push_back(d->pages.back().data());
      }
    }
    d->q.assign(size_t(tokens * width), 0.01f), d->out.resize(size_t(tokens * width));
    AttentionArgs& args = d->args;
    args.q = d->q.data(), args.q_stride = width, args.out = d->out.data(), args.out_stride = width;
    args.first_position = past, args.heads = kHeads, args.kv_heads = kKvHeads, args.head_dim = head_dim;
    args.k_pages = d->k_table.data(), args.v_pages = d->v_table.data();
    args.scale = 1 / std::sqrt(float(head_dim)), args.kv_type = type, args.tokens = tokens;
    const double positions = double(tokens) * (double(past) + double(tokens + 1) / 2);
    const bool halves = type == KvType::kF16;
    const double macs = 2 * positions * width, tokens_read = double(past + tokens);
    add("attention", "", concat("d", head_dim, " x", tokens, " @ ", past, halves ? "" : " q8_0"),
        {.integer_macs = halves ? 0 : macs,
         .float_macs = halves ? macs : 0,
         .read = 2.0 * tokens_read * kKvHeads * double(kv_head_bytes(type, head_dim)) / kKvPageTokens},
        [d] { d->driver.attention(std::span(&d->args, 1)); });
    cases.back().row.columns = tokens;
  }

  const KernelTable& table_;
  const KernelBenchOptions& options_;
  std::shared_ptr<KernelData> data_;
};

}  // namespace

std::vector<std::string_view> kernel_names() {
  return {"matmul", "fast_bf16", "encode", "decode",  "quantize_column", "rms_norm", "layer_norm", "add",
          "scale",  "scale_add", "softcap", "gated", "softmax",         "max",      "rope",       "attention"};
}

std::vector<KernelCase> kernel_cases(const KernelTable& table, const KernelBenchOptions& options,
                                     std::shared_ptr<KernelData> data) {
  Builder builder(table, options, std::move(data));
  builder.matmuls();
  builder.fast_bf16_matmuls();
  builder.encoders();
  builder.decoders();
  if (options.formats.empty()) {  // kernels that know no format
    builder.quantizers();
    builder.elementwise();
    builder.ropes();
    builder.attention();
  }
  std::erase_if(builder.cases,
                [&](const KernelCase& kernel) { return !is_chosen(options.kernels, kernel.row.kernel); });
  return std::move(builder.cases);
}

}  // namespace nibble
