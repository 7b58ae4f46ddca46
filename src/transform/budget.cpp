#include "transform/budget.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "transform/decode.h"
#include "transform/encode.h"

namespace nibble {
namespace {

// From small to large. Ternary formats are for models that were trained so.
constexpr FormatId kCandidates[] = {FormatId::kQ2_K,   FormatId::kQ3_K, FormatId::kIQ4_XS, FormatId::kQ4_K,
                                    FormatId::kIQ4_NL, FormatId::kQ5_0, FormatId::kQ5_K,   FormatId::kQ6_K,
                                    FormatId::kQ8_0,   FormatId::kF16};
constexpr uint64_t kSampleValues = 1 << 17;

Result<std::vector<float>> sample_rows(const TensorView& tensor) {
  const uint64_t length = tensor.row_length(), rows = tensor.rows();
  const uint64_t wanted = std::clamp<uint64_t>(kSampleValues / length, 1, rows);
  std::vector<float> values(wanted * length);
  for (uint64_t i = 0; i < wanted; ++i)
    NIBBLE_CHECK_OK(decode_rows(tensor, i * rows / wanted, std::span(values).subspan(i * length, length)));
  for (float& x : values)
    if (!(x * 0.0f == 0.0f)) x = 0;  // reported when the tensor is written
  return values;
}

// The lower convex hull of (bytes, error): only these are worth a choice.
void keep_hull(std::vector<FormatChoice>& choices) {
  std::ranges::sort(choices, [](const FormatChoice& a, const FormatChoice& b) {
    return a.bytes < b.bytes || (a.bytes == b.bytes && a.error < b.error);
  });
  std::vector<FormatChoice> hull;
  for (const FormatChoice& choice : choices) {
    if (!hull.empty() && choice.error >= hull.back().error) continue;
    const auto slope = [](const FormatChoice& a, const FormatChoice& b) {
      return (a.error - b.error) / double(b.bytes - a.bytes);
    };
    while (hull.size() >= 2 && slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), choice))
      hull.pop_back();
    hull.push_back(choice);
  }
  choices = std::move(hull);
}

Result<std::vector<FormatChoice>> measure_tensor(const PlannedTensor& planned, ThreadPool& pool) {
  const TensorView& tensor = *planned.tensor;
  NIBBLE_TRY(const std::vector<float> values, sample_rows(tensor));
  // Of stacked experts the first one's importance stands for all.
  const auto importance = planned.importance.first(planned.importance.empty() ? 0 : tensor.row_length());
  const auto weight = [&](size_t i) {
    return importance.empty() ? 1.0 : double(importance[i % importance.size()]);
  };
  double size = 0;
  for (size_t i = 0; i < values.size(); ++i) size += weight(i) * double(values[i]) * values[i];
  std::vector<FormatChoice> choices;
  std::vector<std::byte> bytes;
  std::vector<float> back(values.size());
  for (const FormatId id : kCandidates) {
    const Format& format = format_of(id);
    if (format_fitting_row(id, tensor.row_length()) != id) continue;
    NIBBLE_TRY(const uint64_t sample_bytes, format_bytes(format, values.size()));
    bytes.resize(sample_bytes);
    NIBBLE_CHECK_OK(encode_rows(pool, id, tensor.row_length(), values, bytes, importance));
    const TensorView sample{.name = tensor.name, .format = &format, .rank = 2,
                            .dims = {tensor.row_length(), values.size() / tensor.row_length(), 1, 1}, .bytes = bytes};
    NIBBLE_CHECK_OK(decode_rows(sample, 0, back));
    double error = 0;
    for (size_t i = 0; i < values.size(); ++i)
      error += weight(i) * (double(values[i]) - back[i]) * (double(values[i]) - back[i]);
    NIBBLE_TRY(const uint64_t all_bytes, format_bytes(format, tensor.values()));
    choices.push_back({&format, all_bytes, size > 0 ? error / size : 0});
  }
  // Nothing gains by a format larger than the input.
  std::erase_if(choices, [&](const FormatChoice& choice) { return choice.bytes >= tensor.bytes.size(); });
  choices.push_back({tensor.format, tensor.bytes.size(), 0});
  keep_hull(choices);
  return choices;
}

}  // namespace

Result<FormatChoices> FormatChoices::measure(std::span<const PlannedTensor> tensors,
                                             std::span<const size_t> open, const RecipeFacts& facts,
                                             ThreadPool& pool) {
  FormatChoices all;
  for (const PlannedTensor& planned : tensors) all.fixed_ += planned.bytes;
  for (const size_t index : open) {
    NIBBLE_TRY(auto choices, measure_tensor(tensors[index], pool));
    if (is_head(tensors[index].tensor->name, facts))
      for (FormatChoice& choice : choices) choice.error *= 2 * double(facts.layers) + 1;
    all.fixed_ -= tensors[index].bytes;
    all.open_.push_back({index, std::move(choices)});
  }
  return all;
}

uint64_t FormatChoices::smallest() const {
  uint64_t bytes = fixed_;
  for (const Open& open : open_) bytes += open.choices[0].bytes;
  return bytes;
}

uint64_t FormatChoices::choose(std::vector<PlannedTensor>& tensors, uint64_t bytes) const {
  struct Step {
    double gain;  // error taken off per byte
    size_t open;
    bool operator<(const Step& other) const {
      return gain < other.gain || (gain == other.gain && open > other.open);
    }
  };
  std::vector<size_t> at(open_.size(), 0);
  std::priority_queue<Step> steps;
  const auto offer = [&](size_t i) {
    const auto& choices = open_[i].choices;
    if (at[i] + 1 >= choices.size()) return;
    const FormatChoice &from = choices[at[i]], &to = choices[at[i] + 1];
    steps.push({(from.error - to.error) / double(to.bytes - from.bytes), i});
  };
  for (size_t i = 0; i < open_.size(); ++i) offer(i);
  uint64_t total = smallest();
  while (!steps.empty()) {
    const size_t i = steps.top().open;
    steps.pop();
    const uint64_t more = open_[i].choices[at[i] + 1].bytes - open_[i].choices[at[i]].bytes;
    if (total > bytes || more > bytes - total) continue;  // smaller tensors may still fit
    total += more;
    ++at[i];
    offer(i);
  }
  for (size_t i = 0; i < open_.size(); ++i) {
    PlannedTensor& planned = tensors[open_[i].tensor];
    planned.format = open_[i].choices[at[i]].format;
    planned.bytes = open_[i].choices[at[i]].bytes;
  }
  return total;
}

}  // namespace nibble
