#include "text/vocabulary_reader.h"

#include <limits>

namespace nibble {
namespace {

struct IdKey {
  std::string_view key;
  TokenId SpecialTokens::*field;
};
// Of two spellings the later one wins.
constexpr IdKey kIdKeys[] = {
    {"tokenizer.ggml.bos_token_id", &SpecialTokens::bos},
    {"tokenizer.ggml.eos_token_id", &SpecialTokens::eos},
    {"tokenizer.ggml.eot_token_id", &SpecialTokens::eot},
    {"tokenizer.ggml.eom_token_id", &SpecialTokens::eom},
    {"tokenizer.ggml.unknown_token_id", &SpecialTokens::unknown},
    {"tokenizer.ggml.seperator_token_id",
     &SpecialTokens::separator},  // as converters have always misspelled it
    {"tokenizer.ggml.separator_token_id", &SpecialTokens::separator},
    {"tokenizer.ggml.padding_token_id", &SpecialTokens::padding},
    {"tokenizer.ggml.cls_token_id", &SpecialTokens::cls},
    {"tokenizer.ggml.mask_token_id", &SpecialTokens::mask},
};

struct FlagKey {
  std::string_view key;
  std::optional<bool> VocabularyData::*field;
};
constexpr FlagKey kFlagKeys[] = {
    {"tokenizer.ggml.add_bos_token", &VocabularyData::add_bos},
    {"tokenizer.ggml.add_eos_token", &VocabularyData::add_eos},
    {"tokenizer.ggml.add_space_prefix", &VocabularyData::add_space_prefix},
    {"tokenizer.ggml.remove_extra_whitespaces", &VocabularyData::remove_extra_whitespaces},
    {"tokenizer.ggml.normalizer.lowercase", &VocabularyData::lowercase},
    {"tokenizer.ggml.normalizer.strip_accents", &VocabularyData::strip_accents},
};

std::unexpected<Error> wrong_type(const GgufFile& file, std::string_view key, std::string_view wanted) {
  return fail(ErrorKind::kBadFile, file.path(), ": ", key, " is not ", wanted);
}

Result<std::vector<std::string_view>> strings(const GgufFile& file, std::string_view key) {
  const auto value = file.find(key);
  if (!value) return std::vector<std::string_view>();
  auto list = value->as_strings();
  if (!list) return wrong_type(file, key, "an array of strings");
  return *std::move(list);
}

Status read_numbers(const GgufFile& file, VocabularyData& out) {
  if (const auto scores = file.find("tokenizer.ggml.scores")) {
    auto list = scores->as_floats();
    if (!list) return wrong_type(file, "tokenizer.ggml.scores", "an array of numbers");
    out.scores = *std::move(list);
  }
  if (const auto types = file.find("tokenizer.ggml.token_type")) {
    const auto list = types->as_ints();
    if (!list) return wrong_type(file, "tokenizer.ggml.token_type", "an array of integers");
    for (const int64_t type : *list) out.types.push_back(type >= 0 && type <= 6 ? int32_t(type) : 0);
  }
  for (const IdKey& row : kIdKeys) {
    NIBBLE_TRY(const auto id, file.get_uint(row.key));
    // 4294967295 and whatever else no vocabulary has says that there is none.
    if (id)
      out.special.*row.field = *id <= uint64_t(std::numeric_limits<TokenId>::max()) ? TokenId(*id) : kNoToken;
  }
  for (const FlagKey& row : kFlagKeys) {
    NIBBLE_TRY(out.*row.field, file.get_bool(row.key));
  }
  return {};
}

}  // namespace

Result<VocabularyData> read_vocabulary(const GgufFile& file) {
  VocabularyData out;
  NIBBLE_TRY(const auto model, file.get_string("tokenizer.ggml.model"));
  if (!model) return fail(ErrorKind::kNotFound, file.path(), ": no tokenizer.ggml.model, so no vocabulary");
  out.model = *model;
  NIBBLE_TRY(const auto pre, file.get_string("tokenizer.ggml.pre"));
  out.pre = pre.value_or("");
  NIBBLE_TRY(const auto name, file.get_string("general.name"));
  out.name = name.value_or("");
  NIBBLE_TRY(const auto architecture, file.get_string("general.architecture"));
  out.architecture = architecture.value_or("");
  // BitNet's files leave the name out that they mean.
  if (!pre && (out.architecture == "bitnet-b1.58" || out.architecture == "bitnet-25")) out.pre = "llama-bpe";
  if (!file.find("tokenizer.ggml.tokens"))
    return fail(ErrorKind::kNotFound, file.path(), ": no tokenizer.ggml.tokens, so no vocabulary");
  NIBBLE_TRY(out.tokens, strings(file, "tokenizer.ggml.tokens"));
  NIBBLE_TRY(out.merges, strings(file, "tokenizer.ggml.merges"));
  if (out.model == "gpt2" && !file.find("tokenizer.ggml.merges"))
    return fail(ErrorKind::kNotFound, file.path(), ": no tokenizer.ggml.merges, which model gpt2 needs");
  if (const auto map = file.find("tokenizer.ggml.precompiled_charsmap")) {
    const GgufType type = map->element_type();
    if (!map->is_array() || (type != GgufType::kUint8 && type != GgufType::kInt8))
      return wrong_type(file, "tokenizer.ggml.precompiled_charsmap", "an array of bytes");
    const auto bytes = map->as_ints();
    if (!bytes) return wrong_type(file, "tokenizer.ggml.precompiled_charsmap", "an array of bytes");
    for (const int64_t byte : *bytes) out.precompiled_charsmap += char(byte);
  }
  NIBBLE_CHECK_OK(read_numbers(file, out));
  return out;
}

}  // namespace nibble
