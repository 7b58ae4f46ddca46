#include "formats/tensor_view.h"

#include <cassert>

#include "base/checked.h"
#include "base/quote.h"

namespace nibble {

namespace {

// Ids that occur in files of the field and that nibble names but does not read. Of several names of an id the first
// is the one for files.
struct KnownId {
  uint32_t id;
  std::string_view name;
  std::string_view remark;
};
constexpr std::string_view kCodebook = "codebook formats are not supported yet";
constexpr std::string_view kRemoved = "a repacked type that GGUF has dropped: quantize the model again";
constexpr std::string_view kRecent = "not supported yet";
constexpr std::string_view kNotWeights = "a plain number type that holds no weights";
constexpr std::string_view kOtherBitNet =
    "arranged for one model's shapes; I2_S is the BitNet format that is supported";
constexpr KnownId kKnownIds[] = {
    {4, "Q4_2", "dropped from GGUF in 2023"},
    {5, "Q4_3", "dropped from GGUF in 2023"},
    {9, "Q8_1", "exists for activations only"},
    {16, "IQ2_XXS", kCodebook},
    {17, "IQ2_XS", kCodebook},
    {18, "IQ3_XXS", kCodebook},
    {19, "IQ1_S", kCodebook},
    {21, "IQ3_S", kCodebook},
    {22, "IQ2_S", kCodebook},
    {24, "I8", kNotWeights},
    {25, "I16", kNotWeights},
    {26, "I32", kNotWeights},
    {27, "I64", kNotWeights},
    {28, "F64", kNotWeights},
    {29, "IQ1_M", kCodebook},
    {31, "Q4_0_4_4", kRemoved},
    {32, "Q4_0_4_8", kRemoved},
    {33, "Q4_0_8_8", kRemoved},
    {37, "IQ4_NL_4_8", kRemoved},
    {38, "IQ4_NL_8_8 (or TL1 in a BitNet file)",
     "a repacked type; I2_S is the BitNet format that is supported"},
    {38, "TL1", kOtherBitNet},
    {40, "NVFP4", kRecent},
    {41, "Q1_0", kRecent},
    {42, "Q2_0 (or TL2 in a BitNet file)", "not supported yet; I2_S is the BitNet format that is supported"},
    {42, "TL2", kOtherBitNet},
};

std::unexpected<Error> refuse(const KnownId& known) {
  return fail(ErrorKind::kUnsupported, "tensor format ", known.id, " is ", known.name, ": ", known.remark);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace

Result<const Format*> find_format(uint32_t id) {
  for (const Format& format : kFormats)
    if (static_cast<uint32_t>(format.id) == id) return &format;
  for (const KnownId& known : kKnownIds)
    if (known.id == id) return refuse(known);
  return fail(ErrorKind::kUnsupported, "tensor format ", id, " is unknown to nibble (ids known: 0 to 42)");
}

Result<const Format*> find_format(std::string_view name) {
  for (const Format& format : kFormats)
    if (same_ignoring_case(format.name, name)) return &format;
  for (const KnownId& known : kKnownIds)
    if (same_ignoring_case(known.name.substr(0, known.name.find(' ')), name)) return refuse(known);
  std::string names;
  for (const Format& format : kFormats) names += concat(names.empty() ? "" : " ", format.name);
  return fail(ErrorKind::kInvalidArgument, "no tensor format is called ", quoted(name),
              "; there are: ", names);
}

const Format& format_of(FormatId id) {
  const int index = format_index(id);
  assert(index >= 0);
  return kFormats[index];
}

Result<uint64_t> format_bytes(const Format& format, uint64_t values) {
  if (values % format.block_values != 0)
    return fail(ErrorKind::kInvalidArgument, format.name, " holds blocks of ", format.block_values,
                " values; ", values, " values are no whole number of blocks");
  const auto blocks = checked_mul<uint64_t>(values / format.block_values, format.block_bytes);
  const auto total = blocks ? checked_add<uint64_t>(*blocks, format.tensor_trailer_bytes) : std::nullopt;
  if (!total)
    return fail(ErrorKind::kLimit, values, " values of ", format.name, " need more than 2^64 bytes");
  return *total;
}

}  // namespace nibble
