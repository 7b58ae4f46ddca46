#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/kernels.h"

namespace nibble {
namespace {

ModelConfig small_config() {
  return make_model_config(**find_architecture("llama"), {.vocabulary = 32,
                                                          .context = 1000,
                                                          .width = 32,
                                                          .ffn_length = 32,
                                                          .layers = 3,
                                                          .heads = 4,
                                                          .kv_heads = 2,
                                                          .head_dim = 8});
}

constexpr size_t kPageBytes =
    3 * 2 * (2 * 8 * kKvPageTokens) * sizeof(uint16_t);  // layers, K and V, heads * dim

TEST(KvLayout, PartsOfLayersDoNotOverlapAndFillThePage) {
  ModelConfig config = small_config();
  config.layers[1].kv_heads = 4;
  const KvLayout layout(config);
  std::set<size_t> starts;
  for (const KvLayout::Layer& layer : layout.layers) starts.insert({layer.k, layer.v});
  EXPECT_EQ(starts.size(), 6u);
  EXPECT_EQ(layout.layers[1].v - layout.layers[1].k, 2 * size_t(4 * 8 * kKvPageTokens));
  EXPECT_EQ(layout.page_bytes, kPageBytes + 2 * 2 * 8 * kKvPageTokens * sizeof(uint16_t));
}

// Codes of a byte and an f16 scale per 32 values (and at least one a head); heads are rounded up to 16 values.
TEST(KvLayout, EightBitsTakeWhatTheirCodesAndScalesTake) {
  for (const auto& [head_dim, bytes] : {std::pair(8, 18), {32, 34}, {64, 68}, {80, 86}, {96, 102}, {128, 136}}) {
    ModelConfig config = small_config();
    config.head_dim = head_dim;
    const KvLayout layout(config, KvType::kQ8_0);
    EXPECT_EQ(layout.page_bytes, size_t(3 * 2 * 2 * bytes * kKvPageTokens)) << head_dim;
    EXPECT_EQ(layout.bytes_for(65), 2 * layout.page_bytes);
    EXPECT_NE(layout, KvLayout(config));
  }
}

TEST(KvPool, TakesPagesAsPositionsAreReservedAndNoSooner) {
  KvPool pool(KvLayout(small_config()), 10 * kPageBytes + 1);
  EXPECT_EQ(pool.max_pages(), 10u);
  KvSequence sequence(pool);
  EXPECT_EQ(pool.allocated_bytes(), 0u);
  ASSERT_TRUE(sequence.reserve(1).has_value());
  EXPECT_EQ(pool.used_pages(), 1u);
  ASSERT_TRUE(sequence.reserve(kKvPageTokens).has_value());
  EXPECT_EQ(pool.used_pages(), 1u);
  ASSERT_TRUE(sequence.reserve(kKvPageTokens + 1).has_value());
  EXPECT_EQ(pool.used_pages(), 2u);
  EXPECT_EQ(pool.allocated_bytes(), 2 * kPageBytes);
}

TEST(KvPool, RefusesBeyondItsLimitAndLeavesTheSequenceAsItWas) {
  KvPool pool(KvLayout(small_config()), 3 * kPageBytes);
  KvSequence first(pool), second(pool);
  ASSERT_TRUE(first.reserve(2 * kKvPageTokens).has_value());
  const Status refused = second.reserve(2 * kKvPageTokens);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kLimit);
  EXPECT_EQ(second.pages(), 0u);
  EXPECT_EQ(pool.used_pages(), 2u);
  first.truncate(0);
  EXPECT_TRUE(second.reserve(3 * kKvPageTokens).has_value());
}

TEST(KvPool, PagesGoBackOnTruncateMoveAndDestruction) {
  KvPool pool(KvLayout(small_config()), 8 * kPageBytes);
  {
    KvSequence sequence(pool);
    ASSERT_TRUE(sequence.reserve(300).has_value());
    sequence.extend(300);
    sequence.truncate(129);
    EXPECT_EQ(sequence.length(), 129);
    EXPECT_EQ(pool.used_pages(), 3u);
    sequence.truncate(128);
    EXPECT_EQ(pool.used_pages(), 2u);
    sequence.truncate(1000);  // never grows
    EXPECT_EQ(sequence.length(), 128);
    KvSequence moved = std::move(sequence);
    EXPECT_EQ(moved.length(), 128);
    EXPECT_EQ(pool.used_pages(), 2u);
    KvSequence assigned(pool);
    ASSERT_TRUE(assigned.reserve(1).has_value());
    assigned = std::move(moved);
    EXPECT_EQ(assigned.length(), 128);
  }
  EXPECT_EQ(pool.used_pages(), 0u);
  EXPECT_EQ(pool.available_pages(), 8u);
}

TEST(KvPool, ReusedPagesAreZero) {
  KvPool pool(KvLayout(small_config()), kPageBytes);
  for (int round = 0; round < 2; ++round) {
    KvSequence sequence(pool);
    ASSERT_TRUE(sequence.reserve(1).has_value());
    uint8_t* page = sequence.k_page(0, 0);
    for (size_t i = 0; i < kPageBytes; ++i) {
      ASSERT_EQ(page[i], 0) << i;
      page[i] = 0x7E;  // NaN
    }
  }
}

TEST(KvSequence, PageTablesPointIntoThePages) {
  KvPool pool(KvLayout(small_config()), 4 * kPageBytes);
  KvSequence sequence(pool);
  ASSERT_TRUE(sequence.reserve(3 * kKvPageTokens).has_value());
  for (int layer = 0; layer < 3; ++layer)
    for (int page = 0; page < 3; ++page) {
      EXPECT_EQ(sequence.k_pages(layer)[page], sequence.k_page(layer, page * kKvPageTokens + 5));
      EXPECT_EQ(sequence.v_pages(layer)[page], sequence.v_page(layer, page * kKvPageTokens + 63));
      EXPECT_EQ(uintptr_t(sequence.k_pages(layer)[page]) % 64, 0u);
    }
}

TEST(DefaultContext, IsTheModelsOrWhatFits) {
  const ModelConfig config = small_config();  // made for 1000 positions: 16 pages
  const KvLayout layout(config);
  EXPECT_EQ(*default_context(layout, config.context, 100 * kPageBytes), 1000);
  EXPECT_EQ(*default_context(layout, config.context, 16 * kPageBytes), 1000);
  EXPECT_EQ(*default_context(layout, config.context, 16 * kPageBytes - 1), 15 * kKvPageTokens);
  EXPECT_EQ(*default_context(layout, config.context, 16 * kPageBytes, 4), 4 * kKvPageTokens);
  const Result<int64_t> none = default_context(layout, config.context, kPageBytes - 1);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, ErrorKind::kLimit);
}

}  // namespace
}  // namespace nibble
