#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/checked.h"
#include "base/quote.h"
#include "model/config_keys.h"
#include "transform/budget.h"
#include "transform/quantize.h"
#include "transform/quantize_output.h"

namespace nibble {
namespace {

struct Override {
  std::string_view pattern;
  const Format* format;
};

Result<std::vector<Override>> parse_overrides(const QuantizeOptions& options) {
  std::vector<Override> overrides;
  for (const std::string& text : options.overrides) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorKind::kInvalidArgument, "tensor override ", quoted(text), "; wanted PATTERN=FORMAT");
    const auto known = find_format(std::string_view(text).substr(equals + 1));
    if (!known) return fail(known.error().kind, "tensor override ", quoted(text), ": ", known.error().message);
    const Format* format = *known;
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

// The format, or where its blocks do not fit the rows the next that fits.
Status set_format(PlannedTensor& planned, FormatId wanted) {
  const FormatId fitting = format_fitting_row(wanted, planned.tensor->row_length());
  planned.format = &format_of(fitting);
  if (fitting != wanted) planned.unfit = &format_of(wanted);
  NIBBLE_TRY(planned.bytes, format_bytes(*planned.format, planned.tensor->values()));
  return {};
}

void add_totals(QuantizePlan& plan) {
  for (const PlannedTensor& planned : plan.tensors) {
    plan.values += planned.tensor->values();
    plan.input_bytes += planned.tensor->bytes.size();
    plan.output_bytes += planned.bytes;
    plan.unfit += planned.unfit != nullptr;
    if (!planned.copied() && !is_float(*planned.tensor->format)) ++plan.requantized;
  }
}

bool has_target(const QuantizeOptions& options) {
  return options.bits_per_weight > 0 || !options.size.empty();
}

std::string two_decimals(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", x);
  return text;
}

// Formats of the tensors at `open` for the target, and the parts that come of them. kInvalidArgument, with the
// smallest size possible, when that is too large.
Status meet_target(const GgufFile& file, const QuantizeOptions& options, std::span<const size_t> open,
                   const RecipeFacts& facts, ThreadPool& pool, QuantizePlan& plan) {
  uint64_t size = 0;
  if (!options.size.empty()) {
    NIBBLE_TRY(size, parse_size(options.size));
  }
  NIBBLE_TRY(const FormatChoices choices, FormatChoices::measure(plan.tensors, open, facts, pool));
  const uint64_t smallest = choices.smallest();
  double values = 0;
  for (const TensorView& tensor : file.tensors()) values += double(tensor.values());
  // Rounded up: what is said to be possible is.
  const std::string bits = two_decimals(std::ceil(800 * double(smallest) / values) / 100);
  if (options.size.empty()) {
    const auto target = uint64_t(values * options.bits_per_weight / 8);
    if (smallest > target)
      return fail(ErrorKind::kInvalidArgument, "target of ", two_decimals(options.bits_per_weight),
                  " bits per weight; the smallest possible is ", bits);
    choices.choose(plan.tensors, target);
    return lay_out_parts(file, options, plan);
  }
  // Headers and padding are part of the size, and of several parts each has its own: the layout tells.
  uint64_t tensors = choices.choose(plan.tensors, smallest);
  NIBBLE_CHECK_OK(lay_out_parts(file, options, plan));
  const uint64_t smallest_files = plan.file_bytes();
  if (smallest_files > size)
    return fail(ErrorKind::kInvalidArgument, "target of ", size, " bytes; the smallest possible is ", smallest_files,
                " (", two_decimals(std::ceil(100 * double(smallest_files) / (1 << 20)) / 100), " MiB, ", bits,
                " bits per weight)");
  for (uint64_t budget = size - (smallest_files - smallest);;) {
    tensors = choices.choose(plan.tensors, budget);
    NIBBLE_CHECK_OK(lay_out_parts(file, options, plan));
    if (plan.file_bytes() <= size) return {};
    budget = std::max(smallest, tensors - std::min(tensors, plan.file_bytes() - size));
  }
}

Result<const Recipe*> recipe_of(const QuantizeOptions& options) {
  auto recipe = find_recipe(options.recipe);
  if (recipe || recipe.error().kind != ErrorKind::kInvalidArgument) return recipe;
  return fail(recipe.error().kind, recipe.error().message, ", or ", kCopyRecipe);
}

// Patterns given with an option, and which of them match a tensor, if only one that stays as it is.
class Patterns {
 public:
  void add(std::string_view pattern) { rules_.push_back({pattern}); }
  // Position of the first that matches, counting all that do.
  std::optional<size_t> match(const TensorView& tensor, bool applies) {
    std::optional<size_t> first;
    for (size_t i = 0; i < rules_.size(); ++i) {
      if (!name_matches(rules_[i].pattern, tensor.name)) continue;
      (applies ? rules_[i].applied : rules_[i].seen) = true;
      if (!first) first = i;
    }
    return applies ? first : std::nullopt;
  }
  Status check(const GgufFile& file) const {
    for (const Rule& rule : rules_)
      if (!rule.applied)
        return fail(ErrorKind::kNotFound, file.path(), ": ",
                    rule.seen ? "tensors of one dimension only match " : "no tensor matches ", quoted(rule.pattern),
                    rule.seen ? ", and those stay as they are" : "");
    return {};
  }

 private:
  struct Rule {
    std::string_view pattern;
    bool applied = false, seen = false;
  };
  std::vector<Rule> rules_;
};

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
    if (error == std::errc() && unit == known.name && number > 0 && number * known.bytes <= 1e18)
      return uint64_t(number * known.bytes);
  return fail(ErrorKind::kInvalidArgument, "size ", quoted(text),
              "; wanted a positive number, at most 10^18 bytes, and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB");
}

Result<QuantizePlan> plan_quantize(const GgufFile& file, const QuantizeOptions& options, ThreadPool& pool) {
  NIBBLE_TRY(const std::vector<Override> overrides, parse_overrides(options));
  const bool target = has_target(options);
  if (options.recipe.empty() && !target)
    return fail(ErrorKind::kInvalidArgument, "no recipe; wanted one (Q4_K_M, ...) or a target: --size, or --bpw above 0");
  if (!options.recipe.empty() && target)
    return fail(ErrorKind::kInvalidArgument, "recipe ", options.recipe,
                " and a target size: wanted one of them");
  if (options.bits_per_weight > 0 && !options.size.empty())
    return fail(ErrorKind::kInvalidArgument, "--size ", options.size, " and --bpw ", options.bits_per_weight,
                ": wanted one of them");
  QuantizePlan plan;
  plan.copy = same_name(options.recipe, kCopyRecipe);
  if (!target && !plan.copy) {
    NIBBLE_TRY(plan.recipe, recipe_of(options));
  }
  if (!options.importance.empty()) {
    NIBBLE_TRY(ImportanceMatrix matrix, ImportanceMatrix::load(options.importance));
    NIBBLE_CHECK_OK(matrix.check_belongs_to(file, options.importance));
    plan.importance = std::make_shared<const ImportanceMatrix>(std::move(matrix));
  }
  RecipeFacts facts = facts_of(file);
  facts.has_importance = plan.importance != nullptr;
  Patterns keep, rules;
  for (const std::string& pattern : options.keep) {
    if (pattern.empty()) return fail(ErrorKind::kInvalidArgument, "pattern to keep \"\"; wanted part of a name");
    keep.add(pattern);
  }
  for (const Override& rule : overrides) rules.add(rule.pattern);
  std::vector<size_t> open;  // tensors whose format the target decides
  for (const TensorView& tensor : file.tensors()) {
    PlannedTensor planned{.tensor = &tensor, .format = tensor.format, .bytes = tensor.bytes.size()};
    if (plan.importance) {
      NIBBLE_TRY(planned.importance, plan.importance->weights(tensor));
    }
    const bool kept = keep.match(tensor, true).has_value();
    const std::optional<size_t> rule = rules.match(tensor, tensor.rank >= 2);
    if (rule && !kept) {
      NIBBLE_CHECK_OK(set_format(planned, overrides[*rule].format->id));
    } else if (!kept && !plan.copy && may_quantize(shape_of(tensor))) {
      if (target) {
        open.push_back(plan.tensors.size());
      } else {
        NIBBLE_CHECK_OK(set_format(planned, wanted_format(*plan.recipe, facts, shape_of(tensor))));
      }
    }
    plan.tensors.push_back(planned);
  }
  NIBBLE_CHECK_OK(rules.check(file));
  NIBBLE_CHECK_OK(keep.check(file));
  if (target) {
    NIBBLE_CHECK_OK(meet_target(file, options, open, facts, pool, plan));
  } else {
    NIBBLE_CHECK_OK(lay_out_parts(file, options, plan));
  }
  add_totals(plan);
  return plan;
}

}  // namespace nibble
