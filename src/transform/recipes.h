// Recipes: which tensor of a model gets which format. One row a recipe, by the names the field uses (Q4_K_M,
// ...); a bare format name is a recipe too: every tensor that may be quantized gets it. Source:
// docs/formats.md, "Mixes by name".
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace nibble {

// What a recipe needs to know of the model.
struct RecipeFacts {
  uint32_t layers = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t experts = 0;
  bool tied_output = false;     // no output.weight: token_embd serves as the head
  bool has_importance = false;  // an importance matrix weighs the errors
};

struct TensorShape {
  std::string_view name;
  std::span<const uint64_t> dims;  // dims[0] is the row length
};

struct Recipe;

// Names of recipes are the same in any letter case.
bool same_name(std::string_view a, std::string_view b);

// By name. The error lists the recipes; names of formats serve too.
Result<const Recipe*> find_recipe(std::string_view name);
std::string_view recipe_name(const Recipe& recipe);
uint32_t recipe_file_type(const Recipe& recipe);  // value of general.file_type
std::span<const Recipe> all_recipes();

// False for tensors that stay as they are in every recipe: 1-D, norms, biases, routers, position and type
// embeddings.
bool may_quantize(const TensorShape& tensor);

// Whether the logits come from this tensor: output.weight, or the embedding that serves as the head.
bool is_head(std::string_view name, const RecipeFacts& facts);

// The format the recipe gives this tensor, whatever its row length. F32 where may_quantize() is false.
FormatId wanted_format(const Recipe& recipe, const RecipeFacts& facts, const TensorShape& tensor);

// The same with fallbacks for odd row lengths.
FormatId recipe_format(const Recipe& recipe, const RecipeFacts& facts, const TensorShape& tensor);

// The format itself, or the one that takes its place where `row_length` is not a whole number of its blocks.
FormatId format_fitting_row(FormatId wanted, uint64_t row_length);

}  // namespace nibble
