#include "transform/recipes.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace nibble {
namespace {

using F = FormatId;

F format_in(const char* recipe, const RecipeFacts& facts, const std::string& name,
            std::vector<uint64_t> dims = {4096, 4096}) {
  return recipe_format(**find_recipe(recipe), facts, {name, dims});
}
std::string block(int layer, const char* rest) {
  return "blk." + std::to_string(layer) + "." + rest + ".weight";
}

constexpr RecipeFacts kLlama8b{.layers = 32, .heads = 32, .kv_heads = 8};

// Layers with more bits of a 32-layer model, written out: the first and last eighth and every third between.
TEST(Recipes, MoreBitsOfFourKMedium) {
  const std::string wanted = "MMMM..M..M..M..M..M..M..M..MMMMM";
  ASSERT_EQ(wanted.size(), 32u);
  for (int i = 0; i < 32; ++i) {
    const F format = wanted[size_t(i)] == 'M' ? F::kQ6_K : F::kQ4_K;
    EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(i, "ffn_down")), format) << i;
    EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(i, "attn_v")), format) << i;
    EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(i, "attn_qkv")), format) << i;
    EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(i, "ffn_up")), F::kQ4_K) << i;
  }
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "output.weight"), F::kQ6_K);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "token_embd.weight"), F::kQ4_K);
}

TEST(Recipes, HeadAndEmbedding) {
  RecipeFacts tied = kLlama8b;
  tied.tied_output = true;
  EXPECT_EQ(format_in("Q4_K_S", tied, "token_embd.weight"), F::kQ6_K);
  EXPECT_EQ(format_in("Q8_0", tied, "token_embd.weight"), F::kQ8_0);
  EXPECT_EQ(format_in("Q8_0", kLlama8b, "output.weight"), F::kQ8_0);
  EXPECT_EQ(format_in("Q4_0", kLlama8b, "output.weight"), F::kQ6_K);
  EXPECT_EQ(format_in("TQ2_0", kLlama8b, "token_embd.weight"), F::kQ4_K);
  EXPECT_EQ(format_in("TQ2_0", tied, "token_embd.weight"), F::kQ6_K);
  EXPECT_EQ(format_in("F16", kLlama8b, "output.weight"), F::kF16);
  EXPECT_EQ(format_in("Q4_K", kLlama8b, "output.weight"), F::kQ4_K);
}

TEST(Recipes, SmallMixes) {
  EXPECT_EQ(format_in("Q4_K_S", kLlama8b, block(3, "attn_v")), F::kQ5_K);
  EXPECT_EQ(format_in("Q4_K_S", kLlama8b, block(4, "attn_v")), F::kQ4_K);
  EXPECT_EQ(format_in("Q4_K_S", kLlama8b, block(3, "ffn_down")), F::kQ5_K);
  EXPECT_EQ(format_in("Q4_K_S", kLlama8b, block(4, "ffn_down")), F::kQ4_K);
  EXPECT_EQ(format_in("Q3_K_M", kLlama8b, block(1, "attn_v")), F::kQ5_K);
  EXPECT_EQ(format_in("Q3_K_M", kLlama8b, block(2, "attn_v")), F::kQ4_K);
  EXPECT_EQ(format_in("Q3_K_M", kLlama8b, block(1, "ffn_down")), F::kQ5_K);
  EXPECT_EQ(format_in("Q3_K_M", kLlama8b, block(2, "ffn_down")), F::kQ4_K);
  EXPECT_EQ(format_in("Q3_K_M", kLlama8b, block(9, "attn_output")), F::kQ4_K);
  EXPECT_EQ(format_in("Q3_K_L", kLlama8b, block(9, "attn_output")), F::kQ5_K);
  EXPECT_EQ(format_in("Q3_K_L", kLlama8b, block(9, "attn_q")), F::kQ3_K);
  EXPECT_EQ(format_in("Q2_K", kLlama8b, block(9, "attn_v")), F::kQ4_K);
  EXPECT_EQ(format_in("Q2_K", {.layers = 32, .heads = 32, .kv_heads = 32}, block(9, "attn_v")), F::kQ3_K);
  EXPECT_EQ(format_in("Q2_K", kLlama8b, block(9, "ffn_down")), F::kQ3_K);
}

TEST(Recipes, ImportanceChangesTheFirstLayers) {
  RecipeFacts weighted = kLlama8b;
  weighted.has_importance = true;
  EXPECT_EQ(format_in("Q4_0", kLlama8b, block(0, "ffn_down")), F::kQ4_0);
  EXPECT_EQ(format_in("Q4_0", weighted, block(0, "ffn_down")), F::kQ4_1);
  EXPECT_EQ(format_in("Q5_0", weighted, block(3, "ffn_down")), F::kQ5_1);
  EXPECT_EQ(format_in("Q5_0", weighted, block(4, "ffn_down")), F::kQ5_0);
  EXPECT_EQ(format_in("IQ4_XS", kLlama8b, block(0, "ffn_down")), F::kQ5_K);
  EXPECT_EQ(format_in("IQ4_XS", weighted, block(0, "ffn_down")), F::kIQ4_XS);
  EXPECT_EQ(format_in("IQ4_NL", weighted, block(20, "attn_v")), F::kQ5_K);
}

TEST(Recipes, ExpertsAndSeventyBillion) {
  const RecipeFacts mixtral{.layers = 32, .heads = 32, .kv_heads = 8, .experts = 8};
  EXPECT_EQ(format_in("Q4_K_M", mixtral, block(9, "attn_k")), F::kQ8_0);
  EXPECT_EQ(format_in("Q4_K_M", mixtral, block(9, "attn_v")), F::kQ8_0);
  EXPECT_EQ(format_in("Q4_K_M", mixtral, block(9, "attn_output")), F::kQ5_K);
  EXPECT_EQ(format_in("Q5_K_M", mixtral, block(9, "attn_output")), F::kQ5_K);
  EXPECT_EQ(format_in("Q3_K_L", mixtral, block(9, "attn_output")), F::kQ3_K);
  EXPECT_EQ(format_in("Q4_K_M", mixtral, block(0, "ffn_down_exps"), {4096, 4096, 8}), F::kQ6_K);
  const RecipeFacts large{.layers = 80, .heads = 64, .kv_heads = 8};
  EXPECT_EQ(format_in("Q4_K_S", large, block(50, "attn_v")), F::kQ5_K);
  EXPECT_EQ(format_in("Q3_K_S", large, block(50, "attn_v")), F::kQ5_K);
  EXPECT_EQ(format_in("MXFP4_MOE", mixtral, block(1, "ffn_up_exps"), {4096, 4096, 8}), F::kMXFP4);
  EXPECT_EQ(format_in("MXFP4_MOE", mixtral, block(1, "attn_q")), F::kQ8_0);
}

TEST(Recipes, SomeTensorsStayFloats) {
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(0, "attn_norm"), {4096}), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(0, "attn_q_norm"), {128, 32}), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, block(0, "ffn_gate_inp"), {4096, 8}), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "position_embd.weight"), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "token_types.weight"), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "blk.0.ffn_up_exps.bias", {4096, 8}), F::kF32);
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "rope_freqs.weight", {64}), F::kF32);
}

TEST(Recipes, OddRowsFallBack) {
  const std::map<F, std::pair<F, F>> by_format = {
      // rows of 96 (blocks of 32 fit), rows of 48 (nothing fits)
      {F::kQ2_K, {F::kQ4_0, F::kF16}},  {F::kQ3_K, {F::kQ4_0, F::kF16}},     {F::kTQ1_0, {F::kQ4_0, F::kF16}},
      {F::kTQ2_0, {F::kQ4_0, F::kF16}}, {F::kQ4_K, {F::kQ5_0, F::kF16}},     {F::kQ5_K, {F::kQ5_1, F::kF16}},
      {F::kQ6_K, {F::kQ8_0, F::kF16}},  {F::kIQ4_XS, {F::kIQ4_NL, F::kF16}}, {F::kQ8_0, {F::kQ8_0, F::kF16}},
      {F::kQ4_0, {F::kQ4_0, F::kF16}},  {F::kF16, {F::kF16, F::kF16}},       {F::kF32, {F::kF32, F::kF32}},
  };
  for (const auto& [wanted, fallback] : by_format) {
    EXPECT_EQ(format_fitting_row(wanted, 512), wanted);
    EXPECT_EQ(format_fitting_row(wanted, 96), fallback.first) << int(wanted);
    EXPECT_EQ(format_fitting_row(wanted, 48), fallback.second) << int(wanted);
  }
  EXPECT_EQ(format_in("Q4_K_M", kLlama8b, "output.weight", {96, 100}), F::kQ8_0);
}

TEST(Recipes, NamesAreFoundInAnyCase) {
  EXPECT_EQ(recipe_name(**find_recipe("q4_k_m")), "Q4_K_M");
  const auto unknown = find_recipe("Q4_K_XL");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(unknown.error().message.find("Q4_K_XL"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("IQ4_XS"), std::string::npos);
}

}  // namespace
}  // namespace nibble
