// Threads over kernels: splits the work of one operation among a pool, gives every thread its scratch. Built with ordinary
// flags. Nothing here changes a result: the bits do not depend on the number of threads.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "formats/tensor_view.h"
#include "kernels/fast_bf16.h"
#include "kernels/kernels.h"

namespace nibble {

// 64-byte aligned memory that grows and is reused: no allocation per token.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();
  // At least `bytes` bytes; contents are lost when it grows.
  void* reserve(size_t bytes);
  const void* data() const { return data_; }
  template <class T>
  T* get(size_t count) { return static_cast<T*>(reserve(count * sizeof(T))); }

 private:
  void* data_ = nullptr;
  size_t capacity_ = 0;
};

// Columns of floats and, made on demand once each, their quantized forms: q, k and v share one quantization.
class Columns {
 public:
  // x: (columns, stride) floats, `length` of each used; must stay unchanged until the next set().
  void set(const float* x, int64_t length, int64_t stride, int columns);
  int64_t length() const { return length_; }
  int columns() const { return columns_; }

 private:
  friend class Driver;
  const float* x_ = nullptr;
  int64_t length_ = 0, stride_ = 0;
  int columns_ = 0;
  bool quantized_[4] = {};
  struct Quantized { AlignedBuffer codes, scales, sums16, sums32; } storage_[4];
};

class Driver {
 public:
  Driver(const KernelTable& table, ThreadPool& pool);
  const KernelTable& table() const { return table_; }
  ThreadPool& pool() const { return pool_; }
  // From now on BF16 weights are multiplied by `unit` (fast_bf16.h), with other bits; null: by the table.
  void set_fast_bf16(const FastBf16* unit) { fast_bf16_ = unit; }
  const FastBf16* fast_bf16() const { return fast_bf16_; }

  // out: (columns, out_stride); one matrix.
  void matmul(const TensorView& weights, Columns& x, float* out, int64_t out_stride);
  // Several matrices that read the same columns (q, k, v; gate, up), in one parallel region.
  struct Output { const TensorView* weights; float* out; int64_t out_stride; };
  void matmul(const Output* outputs, int count, Columns& x);
  // All tokens and kv heads of all spans, in one parallel region; what names a part of the work, and scratch, are set here.
  void attention(std::span<const AttentionArgs> spans);
  // body(begin, end) over [0, count) in multiples of grain; serial when count * cost_ns is small or one grain holds all.
  template <class Body>
  void parallel_for(int64_t count, int64_t grain, double cost_ns, const Body& body) {
    if (pool_.threads() == 1 || count <= grain || double(count) * cost_ns < kSerialNs) { if (count > 0) body(int64_t(0), count); return; }
    pool_.run([&](int thread) {
      const WorkRange range = split_range(count, grain, thread, pool_.threads());
      if (range.begin < range.end) body(range.begin, range.end);
    });
  }
  // One row of any format as floats (embedding lookup). `row` < weights.rows().
  static void decode_row(const TensorView& weights, int64_t row, float* out);
  // The tensor's trailing scale (I2_S), else 1.
  static float tensor_scale(const TensorView& weights);

 private:
  static constexpr double kSerialNs = 5000;  // below this, waking workers costs more than it gains
  void quantize(Columns& x, ActivationKind kind);
  QuantizedColumns quantized(const Columns& x, ActivationKind kind) const;
  // What a thread takes at once: a part, or one chunk of it.
  struct AttentionItem {
    int span, part;  // part: -1 where it is not cut in chunks
    int kv_head_begin, kv_head_end, token_begin, token_end;
    int64_t first_chunk, chunk;
  };
  struct AttentionPart {
    int chunks_left;
    size_t partials;  // where they begin in partials_
  };
  void plan_attention(std::span<const AttentionArgs> spans);
  const KernelTable& table_;
  ThreadPool& pool_;
  const FastBf16* fast_bf16_ = nullptr;
  std::vector<AlignedBuffer> scratch_;  // one a thread
  std::vector<AttentionItem> attention_items_;
  std::vector<AttentionPart> attention_parts_;
  AlignedBuffer partials_;
};

}  // namespace nibble
