#include "kernels/drive.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace nibble {

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() { std::free(data_); }

void* AlignedBuffer::reserve(size_t bytes) {
  if (bytes > capacity_) {
    // Some room to grow, and a vector's width beyond the end so that whole vectors may be read.
    const size_t wanted = (bytes + bytes / 4 + 64 + 63) / 64 * 64;
    std::free(std::exchange(data_, nullptr));
    capacity_ = 0;
    data_ = std::aligned_alloc(64, wanted);
    if (!data_) throw std::bad_alloc();
    capacity_ = wanted;
  }
  return data_;
}

size_t matmul_scratch_bytes(int64_t length, int columns) {
  const int64_t padded = padded_column(length);
  constexpr int64_t kMaxPanelRows = 32, kTileColumns = 16;
  const int64_t whole_tiles = (columns + kTileColumns - 1) / kTileColumns * kTileColumns;
  // Corrections: one int32 per 4 codes for few columns, one per 16 for many. Or, for tiles: the codes again, scales and sums, at
  // most an eighth of their bytes each. Then the running sums.
  return size_t(whole_tiles) * size_t(padded + padded / 4 + kMaxPanelRows * 4) + 256;
}

size_t attention_scratch_floats(int head_dim) {
  const int padded = (head_dim + 15) / 16 * 16, blocks = (head_dim + 31) / 32;
  const int page = padded * kKvPageTokens;  // widened
  // Products of a tile; sums and rounded weights of several; scales, starts and codes of q.
  const int q8 = kMaxAttentionRows * (kAttentionChunk + kAttentionStreams * (padded + blocks * kAttentionChunk / 2)) +
                 kAttentionBlockRows * (2 * blocks + padded / 4);
  return size_t(kAttentionBlockRows * (kAttentionChunk + padded) + std::max(page, q8));
}

void Columns::set(const float* x, int64_t length, int64_t stride, int columns) {
  x_ = x, length_ = length, stride_ = stride, columns_ = columns;
  std::fill(std::begin(quantized_), std::end(quantized_), false);
}

Driver::Driver(const KernelTable& table, ThreadPool& pool) : table_(table), pool_(pool), scratch_(size_t(pool.threads())) {}

void Driver::quantize(Columns& x, ActivationKind kind) {
  const auto index = size_t(kind);
  if (kind == ActivationKind::kFloat || x.quantized_[index]) return;
  x.quantized_[index] = true;
  const int64_t padded = padded_column(x.length_), columns = x.columns_;
  auto& storage = x.storage_[index];
  auto* codes = storage.codes.get<int8_t>(size_t(columns * padded));
  auto* scales = storage.scales.get<float>(size_t(columns * padded / 32));
  auto* sums16 = storage.sums16.get<int16_t>(size_t(columns * padded / 16));
  auto* sums32 = storage.sums32.get<int16_t>(size_t(columns * padded / 32));
  parallel_for(columns, 1, 0.1 * double(x.length_), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      table_.quantize_column(kind, x.x_ + c * x.stride_, x.length_, codes + c * padded, scales + c * (padded / 32),
                             sums16 + c * (padded / 16), sums32 + c * (padded / 32));
  });
}

QuantizedColumns Driver::quantized(const Columns& x, ActivationKind kind) const {
  const auto& storage = x.storage_[size_t(kind)];
  const auto view = [](const AlignedBuffer& buffer) { return buffer.data(); };
  return {static_cast<const int8_t*>(view(storage.codes)), static_cast<const float*>(view(storage.scales)),
          static_cast<const int16_t*>(view(storage.sums16)), static_cast<const int16_t*>(view(storage.sums32)),
          padded_column(x.length_)};
}

float Driver::tensor_scale(const TensorView& weights) {
  if (weights.format->tensor_trailer_bytes == 0) return 1.0f;
  float scale;
  std::memcpy(&scale, weights.bytes.data() + weights.rows() * weights.row_bytes(), sizeof scale);
  return scale;
}

void Driver::matmul(const TensorView& weights, Columns& x, float* out, int64_t out_stride) {
  const Output output{&weights, out, out_stride};
  matmul(&output, 1, x);
}

void Driver::matmul(const Output* outputs, int count, Columns& x) {
  constexpr int64_t kRowGrain = 32;  // whole panels
  constexpr int kMaxOutputs = 8;
  MatmulArgs args[kMaxOutputs];
  int64_t grains[kMaxOutputs + 1] = {0};
  double bytes = 0;
  for (int i = 0; i < count; ++i) {
    const TensorView& w = *outputs[i].weights;
    const ActivationKind kind = w.format->activation;
    quantize(x, kind);
    MatmulArgs& a = args[i];
    a.weights = reinterpret_cast<const uint8_t*>(w.bytes.data());
    a.row_bytes = w.row_bytes();
    a.length = int64_t(w.row_length());
    a.tensor_scale = tensor_scale(w);
    a.columns = x.columns_;
    a.x = x.x_, a.x_stride = x.stride_;
    if (kind != ActivationKind::kFloat) a.q = quantized(x, kind);
    a.out = outputs[i].out, a.out_stride = outputs[i].out_stride;
    grains[i + 1] = grains[i] + (int64_t(w.rows()) + kRowGrain - 1) / kRowGrain;
    bytes += double(w.rows()) * double(w.row_bytes());
  }
  size_t scratch_bytes = matmul_scratch_bytes(x.length_, x.columns_);
  if (fast_bf16_) scratch_bytes = std::max(scratch_bytes, fast_bf16_scratch_bytes(x.length_, x.columns_));
  for (AlignedBuffer& s : scratch_) s.reserve(scratch_bytes);
  // Threads take pieces as they finish them, ever smaller ones: a thread that shares its core does less, and nobody waits for it
  // long. Large first pieces keep streams long, and pay once for what all rows of a piece share.
  constexpr int64_t kSmallestPiece = 2;
  const int64_t total = grains[count];
  std::atomic<int64_t> next{0};
  const auto work = [&](int thread, int threads) {
    uint8_t* const scratch = static_cast<uint8_t*>(scratch_[size_t(thread)].reserve(scratch_bytes));
    const Format* filled = nullptr;
    for (int64_t begin = next.load(std::memory_order_relaxed); begin < total;) {
      const int64_t end = std::min(total, begin + std::max(kSmallestPiece, (total - begin) / (threads > 1 ? 2 * threads : 1)));
      if (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
      for (int i = 0; i < count; ++i) {
        MatmulArgs a = args[i];
        const int64_t rows = int64_t(outputs[i].weights->rows());
        a.row_begin = std::clamp((begin - grains[i]) * kRowGrain, int64_t(0), rows);
        a.row_end = std::clamp((end - grains[i]) * kRowGrain, int64_t(0), rows);
        if (a.row_begin >= a.row_end) continue;
        const Format* const format = outputs[i].weights->format;
        a.scratch = scratch;
        a.scratch_filled = filled == format;
        filled = format;
        if (fast_bf16_ && format->id == FormatId::kBF16)
          fast_bf16_->matmul(a);
        else
          table_.matmul[format - kFormats](a);
      }
      begin = next.load(std::memory_order_relaxed);
    }
  };
  if (pool_.threads() == 1 || total <= kSmallestPiece || bytes * x.columns_ * 0.05 < kSerialNs) return work(0, 1);
  pool_.run([&](int thread) { work(thread, pool_.threads()); });
}

// Whole parts (some tokens of a kv head), latest tokens first, as they see most; parts one by one in chunks where there are too few.
// Where threads have enough to do all the same, a part is as many kv heads as go together: they lie side by side in a page.
void Driver::plan_attention(std::span<const AttentionArgs> spans) {
  constexpr int64_t kItemsPerThread = 8;
  attention_items_.clear();
  attention_parts_.clear();
  const auto group_of = [](const AttentionArgs& a) { return a.heads / a.kv_heads; };
  const auto tokens_per_part = [&](const AttentionArgs& a) { return std::max(1, kAttentionBlockRows / group_of(a)); };
  int64_t parts = 0, chunks_of_parts = 0;
  for (const AttentionArgs& a : spans) {
    const int64_t count = int64_t((a.tokens + tokens_per_part(a) - 1) / tokens_per_part(a)) * a.kv_heads;
    const int64_t seen = a.window > 0 ? std::min(a.window, a.first_position + a.tokens) : a.first_position + a.tokens;
    parts += count, chunks_of_parts += count * ((seen + kAttentionChunk - 1) / kAttentionChunk);
  }
  const int64_t enough = kItemsPerThread * pool_.threads();
  const bool split = table_.attention_merge && pool_.threads() > 1 && parts < enough;
  size_t partial_floats = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    const AttentionArgs& a = spans[i];
    const int step = tokens_per_part(a), rows = std::min(step, a.tokens) * group_of(a);
    const int64_t most_heads = a.tokens <= step ? std::max(1, kAttentionBlockRows / rows) : 1;
    const auto heads = int(std::clamp((split ? chunks_of_parts : parts) / enough, int64_t(1), most_heads));
    for (int head = 0; head < a.kv_heads; head += heads)
      for (int end = a.tokens; end > 0; end -= step) {
        AttentionItem item{.span = int(i), .part = -1, .kv_head_begin = head, .kv_head_end = std::min(head + heads, a.kv_heads),
                           .token_begin = std::max(0, end - step), .token_end = end, .first_chunk = 0, .chunk = 0};
        const int64_t first = a.window > 0 ? std::max<int64_t>(0, a.first_position + item.token_begin + 1 - a.window) : 0;
        item.first_chunk = first / kAttentionChunk;
        const int64_t chunks = (a.first_position + end - 1) / kAttentionChunk + 1 - item.first_chunk;
        if (split && chunks > 1) {
          item.part = int(attention_parts_.size());
          attention_parts_.push_back({int(chunks), partial_floats});
          const int64_t part_rows = int64_t(item.kv_head_end - head) * (end - item.token_begin) * group_of(a);
          partial_floats += size_t(chunks * part_rows * attention_partial_floats(a.head_dim));
        }
        for (int64_t chunk = 0; chunk < (item.part < 0 ? 1 : chunks); ++chunk) {
          item.chunk = item.first_chunk + chunk;
          attention_items_.push_back(item);
        }
      }
  }
  partials_.get<float>(partial_floats);
}

void Driver::attention(std::span<const AttentionArgs> spans) {
  plan_attention(spans);
  double cost = 0;
  int head_dim = 1;
  for (const AttentionArgs& a : spans) {
    const double seen = double(a.window > 0 ? std::min(a.window, a.first_position + a.tokens) : a.first_position + a.tokens);
    cost += double(a.tokens) * seen * a.heads * a.head_dim * 0.05;
    head_dim = std::max(head_dim, a.head_dim);
  }
  const size_t floats = attention_scratch_floats(head_dim);
  for (AlignedBuffer& s : scratch_) s.get<float>(floats);
  std::atomic<size_t> next{0};
  const auto work = [&](int thread) {
    float* const scratch = scratch_[size_t(thread)].get<float>(floats);
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < attention_items_.size();) {
      const AttentionItem& item = attention_items_[i];
      AttentionArgs a = spans[size_t(item.span)];
      a.kv_head_begin = item.kv_head_begin, a.kv_head_end = item.kv_head_end;
      a.token_begin = item.token_begin, a.token_end = item.token_end;
      a.scratch = scratch;
      if (item.part < 0) {
        table_.attention(a);
        continue;
      }
      AttentionPart& part = attention_parts_[size_t(item.part)];
      a.partials = partials_.get<float>(0) + part.partials;
      a.first_chunk = item.first_chunk, a.chunk_begin = item.chunk, a.chunk_end = item.chunk + 1;
      table_.attention(a);
      if (std::atomic_ref(part.chunks_left).fetch_sub(1, std::memory_order_acq_rel) == 1) table_.attention_merge(a);
    }
  };
  if (pool_.threads() == 1 || cost < kSerialNs) return work(0);
  pool_.run(work);
}

void Driver::decode_row(const TensorView& weights, int64_t row, float* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(weights.bytes.data()) + size_t(row) * weights.row_bytes();
  const auto blocks = int64_t(weights.row_length() / weights.format->block_values);
  kernels().decode->f32[weights.format - kFormats](bytes, blocks, tensor_scale(weights), out);
}

}  // namespace nibble
