// The kernel table: every arithmetic routine that exists once per ISA, as plain function pointers over plain buffers.
// kernels/target.cpp fills one table per ISA; kernels.cpp picks the best one at start-up. Kernels compute the range they
// are given on the calling thread; splitting among threads is in kernels/drive.h. Results are the same bits on every
// ISA, thread count, chunking and batch (docs/bit-rules.md).
#pragma once
#include <cstddef>
#include <cstdint>

#include "formats/quant_formats.h"

namespace nibble {

// Activations of several tokens ("columns"), quantized for the formats of one ActivationKind.
// P is the row length rounded up to whole kColumnPadding; codes and sums beyond the length are zero.
inline constexpr int kColumnPadding = 1024;
__attribute__((always_inline)) inline constexpr int64_t padded_column(int64_t length) {
  return (length + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
}
struct QuantizedColumns {
  const int8_t* codes = nullptr;     // (columns, P): in [-127, 127]
  const float* scales = nullptr;     // (columns, P / 32): one per 32, per 256 or per column, the rest unused
  const int16_t* sums16 = nullptr;   // (columns, P / 16): sum of each 16 codes
  const int16_t* sums32 = nullptr;   // (columns, P / 32): sum of each 32 codes
  int64_t padded_length = 0;         // P
};

// out[c * out_stride + r] = dot(weights row r, column c) for r in [row_begin, row_end), c in [0, columns).
struct MatmulArgs {
  const uint8_t* weights = nullptr;  // row 0 of the tensor, in file order
  size_t row_bytes = 0;
  int64_t length = 0;                // values per row (K), whole blocks of the format
  float tensor_scale = 1;            // I2_S only
  int64_t row_begin = 0, row_end = 0;
  int columns = 0;
  const float* x = nullptr;          // float formats: (columns, x_stride)
  int64_t x_stride = 0;
  QuantizedColumns q;                // integer formats
  float* out = nullptr;
  int64_t out_stride = 0;
  uint8_t* scratch = nullptr;        // matmul_scratch_bytes(length, columns), 64-byte aligned, this thread's own
  bool interleave = false;           // as for many columns, however few there are: slower or faster, never other bits
  bool scratch_filled = false;       // holds what an earlier call left there for the same format, columns and length
};
size_t matmul_scratch_bytes(int64_t length, int columns);

// A page of the KV cache holds kKvPageTokens consecutive positions of one sequence, for all layers. One layer's K, and its V, is
// (kv_heads) parts of kv_head_bytes each, which hold for
//   kF16: K (head_dim, kKvPageTokens): transposed, so that scores vectorise over positions; V (kKvPageTokens, head_dim);
//   kQ8_0: int8 codes in blocks of 32 values, head_dim rounded up to 16 (so the last block has 16 or 32), then f16 scales
//     (blocks, kKvPageTokens). Codes of a block of w values: K (w / 4, kKvPageTokens, 4); V (kKvPageTokens / 2, w, 2).
inline constexpr int kKvPageTokens = 64;
enum class KvType : uint8_t { kF16, kQ8_0 };
__attribute__((always_inline)) inline constexpr int64_t kv_head_bytes(KvType type, int head_dim) {
  return kKvPageTokens * (type == KvType::kF16 ? 2 * head_dim : (head_dim + 15) / 16 * 16 + (head_dim + 31) / 32 * 2);
}
// Attention over a long KV is cut at absolute multiples of this many positions; partial results merge in order.
inline constexpr int kAttentionChunk = 512;

struct AttentionArgs {
  const float* q = nullptr;  // (tokens, q_stride): (heads, head_dim) each, RoPE applied
  int64_t q_stride = 0;
  float* out = nullptr;      // (tokens, out_stride): (heads, head_dim) each
  int64_t out_stride = 0;
  int tokens = 0;
  int64_t first_position = 0;  // of token 0; token t sees positions [max(0, p - window + 1), p], p = first_position + t
  int heads = 0, kv_heads = 0, head_dim = 0;  // head_dim a multiple of 8, at most kMaxHeadDim
  KvType kv_type = KvType::kF16;
  const uint8_t* const* k_pages = nullptr;   // page i: positions [i, i+1) * kKvPageTokens, this layer's K
  const uint8_t* const* v_pages = nullptr;
  float scale = 1;
  float softcap = 0;            // 0: none; else cap * tanh(s / cap)
  int64_t window = 0;           // 0: none
  const float* sinks = nullptr; // (heads): an extra logit per head that takes weight and adds no value, or null
  // The part of the work: tokens [token_begin, token_end) of kv heads [kv_head_begin, kv_head_end). Several heads only where all rows of
  // the part fit kAttentionBlockRows. Rows of a part are in the order (kv head, token, head of the group).
  int token_begin = 0, token_end = 0, kv_head_begin = 0, kv_head_end = 0;
  float* scratch = nullptr;     // attention_scratch_floats(head_dim) floats, 64-byte aligned, this thread's own
  // Not null: only chunks [chunk_begin, chunk_end), whose results stay here until attention_merge: (chunks from first_chunk on, rows of
  // the part) of attention_partial_floats each. Then no row sees anything before first_chunk.
  float* partials = nullptr;
  int64_t first_chunk = 0, chunk_begin = 0, chunk_end = 0;
};
inline constexpr int kMaxHeadDim = 512;
// Query rows (heads of a kv head times tokens) that share what is read and widened of the cache.
inline constexpr int kAttentionBlockRows = 32;
inline constexpr int kAttentionStreams = 4;  // kv heads that are read side by side where each has few rows
inline constexpr int kMaxAttentionRows = 4;  // of them that an ISA computes together
size_t attention_scratch_floats(int head_dim);
__attribute__((always_inline)) inline constexpr int64_t attention_partial_floats(int head_dim) { return head_dim + 2; }

enum class RopeKind : uint8_t { kNone, kAdjacentPairs, kHalves };  // NORM and NEOX in the field's terms
enum class Activation : uint8_t { kSilu, kGelu, kReluSquared };    // gelu is the tanh form

// Blocks of a format as numbers. `out` has the values of `blocks` blocks, of the type in the member's name, of any alignment: f32 is
// bit-equal to decode_reference (formats/quant_reference.h; of NaN only that it is one), f16 and bf16 are that rounded to nearest even.
// tensor_scale: I2_S. `in` is aligned to 4 bytes, as tensors of a file are.
struct DecodeKernels {
  using Decode = void (*)(const uint8_t* in, int64_t blocks, float tensor_scale, void* out);
  Decode f32[kFormatCount], f16[kFormatCount], bf16[kFormatCount];  // by format_index(), for every format
};

struct KernelTable {
  const char* name;  // "scalar", "avx2", "avxvnni", "avx512", "amx", "neon_dot", "neon_i8mm"

  // By format_index(); null where a format has no kernel (activation-only formats).
  void (*matmul[kFormatCount])(const MatmulArgs&);

  const DecodeKernels* decode;

  // Quantizes one column of `length` values: s = amax / 127 per group, code = round_to_even(x / s). kPerRow uses
  // s = max(amax, 1e-5) / 127. Non-finite values must not reach it.
  void (*quantize_column)(ActivationKind kind, const float* x, int64_t length, int8_t* codes, float* scales, int16_t* sums16,
                          int16_t* sums32);

  // Elementwise, n values each unless stated.
  void (*rms_norm)(float* out, const float* x, const float* weight, int64_t n, float eps);  // weight may be null: ones
  void (*layer_norm)(float* out, const float* x, const float* weight, const float* bias, int64_t n, float eps);
  void (*add)(float* out, const float* a, const float* b, int64_t n);
  void (*scale)(float* x, float factor, int64_t n);
  void (*scale_add)(float* out, const float* a, const float* b, float factor, int64_t n);  // out = a + factor * b
  void (*softcap)(float* x, float cap, int64_t n);
  // out = activation(gate) * up
  void (*gated)(Activation activation, float* out, const float* gate, const float* up, int64_t n);
  // In place on (heads, head_dim); cos and sin hold rotated_dim / 2 values each for this token's position; values beyond
  // rotated_dim stay.
  void (*rope)(RopeKind kind, float* x, int heads, int head_dim, int rotated_dim, const float* cos, const float* sin);
  // Stores one token's K and V, (kv_heads, head_dim) floats each, into slot [0, kKvPageTokens) of its page.
  void (*kv_store)(KvType type, uint8_t* k_page, uint8_t* v_page, const float* k, const float* v, int kv_heads, int head_dim, int slot);
  void (*attention)(const AttentionArgs&);
  void (*attention_merge)(const AttentionArgs&);  // what attention left in partials, to out; null: attention knows no partials
  // x = exp(x - max) / sum over n values, in place; returns log(sum(exp(x - max))) + max.
  float (*softmax)(float* x, int64_t n);
  float (*max)(const float* x, int64_t n);

  // Ceilings of the machine, for measure/: reads all bytes (a multiple of 1024) once, in 1 or 4 streams, or in 0: from
  // caches, without prefetching, and returns something of them; stores `count` values (a multiple of 16), as vectors in order;
  // `iterations` rounds of independent integer dots or fmas, returning the multiply-adds done.
  uint64_t (*stream_read)(const uint8_t* bytes, size_t count, int streams);
  void (*stream_store)(float* out, size_t count);
  double (*peak_dot)(int64_t iterations);
  double (*peak_fma)(int64_t iterations);
};

// The table in use: the best the CPU has, or the one NIBBLE_FORCE_ISA names (an unknown or unavailable name is reported by
// kernel_selection_error() and the best is used).
const KernelTable& kernels();
const char* kernel_selection_error();
// Every table this binary holds that this CPU can run, worst first; tests and benchmarks iterate over it.
struct KernelTables {
  const KernelTable* const* begin_;
  const KernelTable* const* end_;
  const KernelTable* const* begin() const { return begin_; }
  const KernelTable* const* end() const { return end_; }
};
KernelTables available_kernels();

}  // namespace nibble
