#include "transform/recipes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "base/quote.h"

namespace nibble {

// Exceptions to the base format. Every field is the format of the named tensors in the layers of a condition.
struct Recipe {
  using F = FormatId;
  enum class Layers : uint8_t { kNone, kAll, kMore, kFirst2, kFirst4, kFirst8th, kFirst16th };
  struct Exception {
    Layers layers = Layers::kNone;
    F format = F::kF32;
    Layers otherwise_layers = Layers::kNone;  // a second condition, tried when the first does not hold
    F otherwise = F::kF32;
  };

  const char* name;
  F base;
  uint32_t file_type;
  Exception attn_v = {};  // and a fused attn_qkv
  Exception ffn_down = {};
  Exception attn_output = {};
  std::optional<F> attn_v_grouped = {};  // attn_v where heads / kv_heads >= 4, before `attn_v`
  bool attn_output_q5k_with_8_experts = false;
  bool without_importance_only = false;            // ffn_down exception
  std::optional<F> ffn_down_with_importance = {};  // of the first eighth of the layers
  std::optional<F> untied_embedding = {};
  std::optional<F> output = F::kQ6_K;  // the head, tied or not; absent: the base
  std::optional<F> dense = {};  // tensors of fewer than three dimensions, where they differ from the base
};

namespace {

using F = FormatId;
using L = Recipe::Layers;

// clang-format off
constexpr Recipe kRecipes[] = {
    {.name = "F32", .base = F::kF32, .file_type = 0, .output = {}},
    {.name = "F16", .base = F::kF16, .file_type = 1, .output = {}},
    {.name = "BF16", .base = F::kBF16, .file_type = 32, .output = {}},
    {.name = "Q4_0", .base = F::kQ4_0, .file_type = 2, .ffn_down_with_importance = F::kQ4_1},
    {.name = "Q4_1", .base = F::kQ4_1, .file_type = 3},
    {.name = "Q5_0", .base = F::kQ5_0, .file_type = 8, .ffn_down_with_importance = F::kQ5_1},
    {.name = "Q5_1", .base = F::kQ5_1, .file_type = 9},
    {.name = "Q8_0", .base = F::kQ8_0, .file_type = 7, .output = F::kQ8_0},
    {.name = "Q2_K", .base = F::kQ2_K, .file_type = 10, .attn_v = {L::kAll, F::kQ3_K}, .ffn_down = {L::kAll, F::kQ3_K},
     .attn_output = {L::kAll, F::kQ3_K}, .attn_v_grouped = F::kQ4_K, .attn_output_q5k_with_8_experts = true},
    {.name = "Q3_K_S", .base = F::kQ3_K, .file_type = 11, .attn_output_q5k_with_8_experts = true},
    {.name = "Q3_K_M", .base = F::kQ3_K, .file_type = 12, .attn_v = {L::kFirst2, F::kQ5_K, L::kAll, F::kQ4_K},
     .ffn_down = {L::kFirst16th, F::kQ5_K, L::kAll, F::kQ4_K}, .attn_output = {L::kAll, F::kQ4_K},
     .attn_output_q5k_with_8_experts = true},
    {.name = "Q3_K_L", .base = F::kQ3_K, .file_type = 13, .attn_v = {L::kAll, F::kQ5_K}, .ffn_down = {L::kAll, F::kQ5_K},
     .attn_output = {L::kAll, F::kQ5_K}},
    {.name = "Q4_K_S", .base = F::kQ4_K, .file_type = 14, .attn_v = {L::kFirst4, F::kQ5_K},
     .ffn_down = {L::kFirst8th, F::kQ5_K}, .attn_output_q5k_with_8_experts = true},
    {.name = "Q4_K_M", .base = F::kQ4_K, .file_type = 15, .attn_v = {L::kMore, F::kQ6_K}, .ffn_down = {L::kMore, F::kQ6_K},
     .attn_output_q5k_with_8_experts = true},
    {.name = "Q5_K_S", .base = F::kQ5_K, .file_type = 16},
    {.name = "Q5_K_M", .base = F::kQ5_K, .file_type = 17, .attn_v = {L::kMore, F::kQ6_K}, .ffn_down = {L::kMore, F::kQ6_K}},
    {.name = "Q6_K", .base = F::kQ6_K, .file_type = 18},
    {.name = "IQ4_NL", .base = F::kIQ4_NL, .file_type = 25, .ffn_down = {L::kFirst8th, F::kQ5_K},
     .attn_v_grouped = F::kQ5_K, .attn_output_q5k_with_8_experts = true, .without_importance_only = true},
    {.name = "IQ4_XS", .base = F::kIQ4_XS, .file_type = 30, .ffn_down = {L::kFirst8th, F::kQ5_K},
     .attn_v_grouped = F::kQ5_K, .attn_output_q5k_with_8_experts = true, .without_importance_only = true},
    {.name = "MXFP4_MOE", .base = F::kMXFP4, .file_type = 38, .output = F::kQ8_0, .dense = F::kQ8_0},
    {.name = "TQ1_0", .base = F::kTQ1_0, .file_type = 36, .untied_embedding = F::kQ4_K},
    {.name = "TQ2_0", .base = F::kTQ2_0, .file_type = 37, .untied_embedding = F::kQ4_K},
    {.name = "I2_S", .base = F::kI2_S, .file_type = 40, .untied_embedding = F::kF16, .output = F::kF16},
    // Bare formats: the head as everything else. general.file_type is that of the nearest recipe.
    {.name = "Q3_K", .base = F::kQ3_K, .file_type = 11, .output = {}},
    {.name = "Q4_K", .base = F::kQ4_K, .file_type = 14, .output = {}},
    {.name = "Q5_K", .base = F::kQ5_K, .file_type = 16, .output = {}},
    {.name = "MXFP4", .base = F::kMXFP4, .file_type = 38, .output = {}},
};
// clang-format on

// Mixes of the field whose names are not those of their formats.
struct CodebookMix {
  std::string_view name;
  uint32_t format;
};
constexpr CodebookMix kCodebookMixes[] = {{"IQ2_M", 22}, {"IQ3_XS", 21}, {"IQ3_M", 21}};

bool more_bits(uint32_t layer, uint32_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 ||
         (layer >= layers / 8 && (layer - layers / 8) % 3 == 2);
}

bool holds(L condition, uint32_t layer, uint32_t layers) {
  switch (condition) {
    case L::kNone:
      return false;
    case L::kAll:
      return true;
    case L::kMore:
      return more_bits(layer, layers);
    case L::kFirst2:
      return layer < 2;
    case L::kFirst4:
      return layer < 4;
    case L::kFirst8th:
      return layer < layers / 8;
    case L::kFirst16th:
      return layer < layers / 16;
  }
  return false;
}

F apply(const Recipe::Exception& exception, F base, uint32_t layer, uint32_t layers) {
  if (holds(exception.layers, layer, layers)) return exception.format;
  if (holds(exception.otherwise_layers, layer, layers)) return exception.otherwise;
  return base;
}

// The number in "blk.<number>.", 0 where there is none.
uint32_t layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return 0;
  uint32_t layer = 0;
  const char* begin = name.data() + 4;
  std::from_chars(begin, name.data() + name.size(), layer);
  return layer;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

F attn_v_format(const Recipe& recipe, const RecipeFacts& facts, uint32_t layer) {
  F format = apply(recipe.attn_v, recipe.base, layer, facts.layers);
  if (recipe.attn_v_grouped && facts.kv_heads > 0 && facts.heads / facts.kv_heads >= 4)
    format = *recipe.attn_v_grouped;
  const bool seventy_billion = facts.layers == 80 && facts.kv_heads == 8 && facts.heads != facts.kv_heads;
  if (seventy_billion && (format == F::kQ3_K || format == F::kQ4_K)) format = F::kQ5_K;
  return facts.experts == 8 ? F::kQ8_0 : format;
}

F ffn_down_format(const Recipe& recipe, const RecipeFacts& facts, uint32_t layer) {
  if (recipe.ffn_down_with_importance && facts.has_importance && layer < facts.layers / 8)
    return *recipe.ffn_down_with_importance;
  if (recipe.without_importance_only && facts.has_importance) return recipe.base;
  return apply(recipe.ffn_down, recipe.base, layer, facts.layers);
}

bool is_float(F format) { return format == F::kF32 || format == F::kF16 || format == F::kBF16; }

F format_by_role(const Recipe& recipe, const RecipeFacts& facts, const TensorShape& tensor) {
  const std::string_view name = tensor.name;
  const bool embedding = name == "token_embd.weight";
  if (is_head(name, facts)) return recipe.output.value_or(recipe.base);
  if (embedding) return recipe.untied_embedding.value_or(recipe.dense.value_or(recipe.base));
  if (recipe.dense && (tensor.dims.size() < 3 || tensor.dims[2] == 1)) return *recipe.dense;
  // A bare format is uniform; so is a recipe without a rule for its head.
  if (!recipe.output || is_float(recipe.base)) return recipe.base;

  const uint32_t layer = layer_of(name);
  if (contains(name, "attn_v.weight") || contains(name, "attn_qkv.weight"))
    return attn_v_format(recipe, facts, layer);
  if (contains(name, "attn_k.weight")) return facts.experts == 8 ? F::kQ8_0 : recipe.base;
  if (contains(name, "ffn_down")) return ffn_down_format(recipe, facts, layer);
  if (contains(name, "attn_output.weight")) {
    if (facts.experts == 8) return recipe.attn_output_q5k_with_8_experts ? F::kQ5_K : recipe.base;
    return apply(recipe.attn_output, recipe.base, layer, facts.layers);
  }
  return recipe.base;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}

Result<const Recipe*> find_recipe(std::string_view name) {
  std::string known;
  for (const Recipe& recipe : kRecipes) {
    if (same_name(recipe.name, name)) return &recipe;
    known += concat(known.empty() ? "" : " ", recipe.name);
  }
  // Formats of the field that nibble cannot write, and mixes around them, say more by their own error.
  for (const CodebookMix& mix : kCodebookMixes)
    if (same_name(mix.name, name)) {
      const auto format = find_format(mix.format);
      return fail(format.error().kind, "recipe ", mix.name, ": ", format.error().message);
    }
  const auto format = find_format(name);
  if (!format && format.error().kind == ErrorKind::kUnsupported) return forward_error(format.error());
  return fail(ErrorKind::kInvalidArgument, "recipe ", quoted(name), "; wanted one of ", known);
}

std::string_view recipe_name(const Recipe& recipe) { return recipe.name; }
uint32_t recipe_file_type(const Recipe& recipe) { return recipe.file_type; }
std::span<const Recipe> all_recipes() { return kRecipes; }

bool may_quantize(const TensorShape& tensor) {
  const std::string_view name = tensor.name;
  const auto beyond_row = tensor.dims.empty() ? tensor.dims : tensor.dims.subspan(1);
  if (std::ranges::all_of(beyond_row, [](uint64_t n) { return n == 1; })) return false;
  if (!name.ends_with("weight") || name.ends_with("_norm.weight")) return false;
  return !contains(name, "ffn_gate_inp.weight") && name != "position_embd.weight" &&
         name != "token_types.weight";
}

FormatId format_fitting_row(FormatId wanted, uint64_t row_length) {
  const auto fits = [row_length](F format) { return row_length % format_of(format).block_values == 0; };
  if (fits(wanted)) return wanted;
  F smaller = F::kF16;
  switch (wanted) {
    case F::kQ2_K:
    case F::kQ3_K:
    case F::kTQ1_0:
    case F::kTQ2_0:
      smaller = F::kQ4_0;
      break;
    case F::kQ4_K:
      smaller = F::kQ5_0;
      break;
    case F::kQ5_K:
      smaller = F::kQ5_1;
      break;
    case F::kQ6_K:
      smaller = F::kQ8_0;
      break;
    case F::kIQ4_XS:
      smaller = F::kIQ4_NL;
      break;
    default:
      break;
  }
  return fits(smaller) ? smaller : F::kF16;
}

bool is_head(std::string_view name, const RecipeFacts& facts) {
  return name == "output.weight" || (facts.tied_output && name == "token_embd.weight");
}

FormatId wanted_format(const Recipe& recipe, const RecipeFacts& facts, const TensorShape& tensor) {
  return may_quantize(tensor) ? format_by_role(recipe, facts, tensor) : F::kF32;
}

FormatId recipe_format(const Recipe& recipe, const RecipeFacts& facts, const TensorShape& tensor) {
  return format_fitting_row(wanted_format(recipe, facts, tensor), tensor.dims[0]);
}

}  // namespace nibble
