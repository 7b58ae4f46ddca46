#include <algorithm>
#include <charconv>

#include "base/checked.h"
#include "base/quote.h"
#include "model/config_keys.h"
#include "transform/budget.h"
#include "transform/quantize.h"

namespace nibble {
namespace {

struct Override {
  std::string_view pattern;
  const Format* format;
  bool used = false;
};

Result<std::vector<Override>> parse_overrides(const QuantizeOptions& options) {
  std::vector<Override> overrides;
  for (const std::string& text : options.overrides) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorKind::kInvalidArgument, "tensor override ", quoted(text), "; wanted PATTERN=FORMAT");
    NIBBLE_TRY(const Format* format, find_format(std::string_view(text).substr(equals + 1)));
    if (!format->stores_weights)
      return fail(ErrorKind::kInvalidArgument, "tensor override ", quoted(text), ": ", format->name,
                  " holds activations only");
    overrides.push_back({std::string_view(text).substr(0, equals), format});
  }
  return overrides;
}

// A count that may be one number for all layers or an array of one a layer.
uint32_t count_key(const GgufFile& file, std::string_view architecture, std::string_view key) {
  const auto value = file.find(concat(architecture, ".", key));
  if (!value) return 0;
  uint64_t most = 0;
  if (value->is_array()) {
    for (const uint64_t n : value->as_uints().value_or(std::vector<uint64_t>())) most = std::max(most, n);
  } else {
    most = value->as_uint().value_or(0);
  }
  return most > UINT32_MAX ? 0 : uint32_t(most);
}

RecipeFacts facts_of(const GgufFile& file) {
  const auto name = file.find("general.architecture");
  const std::string_view architecture = name ? name->as_string().value_or("") : "";
  RecipeFacts facts;
  facts.layers = count_key(file, architecture, config_keys::kLayerCount);
  facts.heads = count_key(file, architecture, config_keys::kHeads);
  facts.kv_heads = count_key(file, architecture, config_keys::kKvHeads);
  if (facts.kv_heads == 0) facts.kv_heads = facts.heads;
  facts.experts = count_key(file, architecture, config_keys::kExperts);
  facts.tied_output = file.find_tensor("output.weight") == nullptr;
  return facts;
}

TensorShape shape_of(const TensorView& tensor) { return {tensor.name, {tensor.dims, size_t(tensor.rank)}}; }

bool is_float(const Format& format) { return format.activation == ActivationKind::kFloat; }

Status set_format(PlannedTensor& planned, const Format& format) {
  planned.format = &format;
  NIBBLE_TRY(planned.bytes, format_bytes(format, planned.tensor->values()));
  return {};
}

void add_totals(QuantizePlan& plan) {
  for (const PlannedTensor& planned : plan.tensors) {
    plan.values += planned.tensor->values();
    plan.input_bytes += planned.tensor->bytes.size();
    plan.output_bytes += planned.bytes;
    if (!planned.copied() && !is_float(*planned.tensor->format)) ++plan.requantized;
  }
}

// Bytes that the tensors may take, or nothing where no target is set.
Result<std::optional<uint64_t>> target_bytes(const GgufFile& file, const QuantizeOptions& options) {
  uint64_t values = 0, tensor_bytes = 0;
  for (const TensorView& tensor : file.tensors())
    values += tensor.values(), tensor_bytes += tensor.bytes.size();
  if (options.bits_per_weight > 0) return uint64_t(double(values) * options.bits_per_weight / 8);
  if (options.size.empty()) return std::nullopt;
  NIBBLE_TRY(const uint64_t size, parse_size(options.size));
  // Keys and tensor infos stay about as large as they are.
  const uint64_t rest = file.file_bytes() - std::min(file.file_bytes(), tensor_bytes);
  if (size <= rest)
    return fail(ErrorKind::kInvalidArgument, "size ", options.size, ": the metadata alone takes ", rest,
                " bytes");
  return size - rest;
}

}  // namespace

bool name_matches(std::string_view pattern, std::string_view name) {
  // Greedy matching with one point to fall back to: linear in practice, never exponential.
  const std::string anywhere = concat("*", pattern, "*");
  size_t p = 0, n = 0, star = std::string::npos, mark = 0;
  while (n < name.size()) {
    if (p < anywhere.size() && (anywhere[p] == '?' || (anywhere[p] == name[n] && anywhere[p] != '*'))) {
      ++p, ++n;
    } else if (p < anywhere.size() && anywhere[p] == '*') {
      star = p++, mark = n;
    } else if (star != std::string::npos) {
      p = star + 1, n = ++mark;
    } else {
      return false;
    }
  }
  while (p < anywhere.size() && anywhere[p] == '*') ++p;
  return p == anywhere.size();
}

Result<uint64_t> parse_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr Unit kUnits[] = {{"", 1},
                             {"B", 1},
                             {"KB", 1e3},
                             {"MB", 1e6},
                             {"GB", 1e9},
                             {"TB", 1e12},
                             {"K", 1 << 10},
                             {"M", 1 << 20},
                             {"G", 1 << 30},
                             {"KiB", 1 << 10},
                             {"MiB", 1 << 20},
                             {"GiB", 1 << 30},
                             {"TiB", 1099511627776.0}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(size_t(end - text.data()));
  for (const Unit& known : kUnits)
    if (error == std::errc() && unit == known.name && number > 0 && number * known.bytes < 1e18)
      return uint64_t(number * known.bytes);
  return fail(ErrorKind::kInvalidArgument, "size ", quoted(text),
              "; wanted a number and B, KB, MB, GB, KiB, MiB or GiB");
}

Result<QuantizePlan> plan_quantize(const GgufFile& file, const QuantizeOptions& options, ThreadPool& pool) {
  NIBBLE_TRY(std::vector<Override> overrides, parse_overrides(options));
  NIBBLE_TRY(const std::optional<uint64_t> target, target_bytes(file, options));
  if (options.recipe.empty() && !target)
    return fail(ErrorKind::kInvalidArgument, "no recipe; wanted one (Q4_K_M, ...) or a target size");
  if (!options.recipe.empty() && target)
    return fail(ErrorKind::kInvalidArgument, "recipe ", options.recipe,
                " and a target size: wanted one of them");
  QuantizePlan plan;
  if (!target) {
    NIBBLE_TRY(plan.recipe, find_recipe(options.recipe));
  }
  if (!options.importance.empty()) {
    NIBBLE_TRY(ImportanceMatrix matrix, ImportanceMatrix::load(options.importance));
    NIBBLE_CHECK_OK(matrix.check_belongs_to(file, options.importance));
    plan.importance = std::make_shared<const ImportanceMatrix>(std::move(matrix));
  }
  RecipeFacts facts = facts_of(file);
  facts.has_importance = plan.importance != nullptr;
  std::vector<bool> keep_used(options.keep.size(), false);
  std::vector<size_t> open;  // tensors whose format the target decides
  for (const TensorView& tensor : file.tensors()) {
    PlannedTensor planned{&tensor, tensor.format, tensor.bytes.size()};
    if (plan.importance) {
      NIBBLE_TRY(planned.importance, plan.importance->weights(tensor));
    }
    bool decided = false;
    for (size_t i = 0; i < options.keep.size(); ++i)
      if (name_matches(options.keep[i], tensor.name)) keep_used[i] = decided = true;
    for (Override& rule : overrides) {
      if (decided || tensor.rank < 2 || !name_matches(rule.pattern, tensor.name)) continue;
      rule.used = decided = true;
      NIBBLE_CHECK_OK(
          set_format(planned, format_of(format_fitting_row(rule.format->id, tensor.row_length()))));
    }
    if (!decided && may_quantize(shape_of(tensor))) {
      if (target) {
        open.push_back(plan.tensors.size());
      } else {
        NIBBLE_CHECK_OK(set_format(planned, format_of(recipe_format(*plan.recipe, facts, shape_of(tensor)))));
      }
    }
    plan.tensors.push_back(planned);
  }
  for (const Override& rule : overrides)
    if (!rule.used)
      return fail(ErrorKind::kNotFound, file.path(), ": no tensor matches ", quoted(rule.pattern));
  for (size_t i = 0; i < keep_used.size(); ++i)
    if (!keep_used[i])
      return fail(ErrorKind::kNotFound, file.path(), ": no tensor matches ", quoted(options.keep[i]));
  if (target) NIBBLE_CHECK_OK(choose_formats(plan.tensors, open, facts, *target, pool));
  add_totals(plan);
  return plan;
}

}  // namespace nibble
