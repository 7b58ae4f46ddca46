// What keys and token types of a file change: prefix blanks, BOS and EOS, user-defined and control tokens
// among ordinary text, unigram in place of merging, end-of-generation texts. The vocabularies of ../shared
// with such changes.
#include <functional>
#include <random>

#include "formats/gguf_writer.h"
#include "tokenizer_pair.h"

namespace nibble::peer {
namespace {

struct Variant {
  const char* name;
  const char* vocabulary;
  std::function<void(GgufWriter&, const GgufFile&)> change;
  const char* pre = "";
};

constexpr char kTypes[] = "tokenizer.ggml.token_type", kTokens[] = "tokenizer.ggml.tokens";

// One token of every length becomes user-defined: of two that overlap, the longer wins in both programs;
// which of equally long ones wins is left to a sort in the peer that keeps no order.
void sprinkle_types(GgufWriter& writer, const GgufFile& file) {
  const GgufValue tokens = file.find(kTokens).value();
  std::vector<int32_t> types(tokens.size(), 1);
  if (const auto given = file.find(kTypes))
    for (size_t i = 0; i < types.size(); ++i) types[i] = static_cast<int32_t>(given->at(i).as_int().value());
  std::vector<bool> seen(20);
  for (size_t i = 300; i < types.size(); i += 7) {
    const size_t length = tokens.at(i).as_string().value().size();
    if (types[i] != 1 || length >= seen.size() || seen[length]) continue;
    seen[length] = true;
    types[i] = 4;
  }
  writer.set_int32s(kTypes, types);
}

// The last tokens take these texts, as control tokens.
void set_texts(GgufWriter& writer, const GgufFile& file, const std::vector<std::string>& texts) {
  std::vector<std::string> tokens;
  const GgufValue given = file.find(kTokens).value();
  for (uint64_t i = 0; i < given.size(); ++i) tokens.emplace_back(given.at(i).as_string().value());
  std::vector<int32_t> types(tokens.size(), 1);
  if (const auto had = file.find(kTypes))
    for (size_t i = 0; i < types.size(); ++i) types[i] = static_cast<int32_t>(had->at(i).as_int().value());
  for (size_t i = 0; i < texts.size(); ++i) {
    tokens[tokens.size() - 1 - i] = texts[i];
    types[types.size() - 1 - i] = 3;
  }
  writer.set_strings(kTokens, tokens);
  writer.set_int32s(kTypes, types);
}

const std::vector<Variant>& variants() {
  static const char kSpm[] = "llama-spm", kBpe[] = "gpt-2", kWpm[] = "bert-bge";
  static const std::vector<Variant> all = {
      {"spm_no_prefix", kSpm, [](auto& w, auto&) { w.set_bool("tokenizer.ggml.add_space_prefix", false); }},
      {"spm_eos", kSpm,
       [](auto& w, auto&) {
         w.set_bool("tokenizer.ggml.add_bos_token", false);
         w.set_bool("tokenizer.ggml.add_eos_token", true);
       }},
      {"spm_types", kSpm, sprinkle_types},
      {"spm_types_no_prefix", kSpm,
       [](auto& w, auto& f) {
         sprinkle_types(w, f);
         w.set_bool("tokenizer.ggml.add_space_prefix", false);
       }},
      {"spm_phi3_name", kSpm,
       [](auto& w, auto& f) {
         set_texts(w, f, {"<|user|>", "<|end|>", "<|endoftext|>", "<|assistant|>"});
         w.set_string("general.name", "Phi-3-mini");
       }},
      {"bpe_bos_eos", kBpe,
       [](auto& w, auto&) {
         w.set_bool("tokenizer.ggml.add_bos_token", true);
         w.set_bool("tokenizer.ggml.add_eos_token", true);
       }},
      {"bpe_types", kBpe, sprinkle_types},
      {"bpe_types_qwen2", kBpe, sprinkle_types, "qwen2"},
      {"bpe_types_llama3", kBpe, sprinkle_types, "llama-bpe"},
      {"bpe_chatml", kBpe,
       [](auto& w, auto& f) {
         set_texts(w, f, {"<|im_start|>", "<|im_end|>", "<|im", "<think>", "</think>"});
       },
       "qwen2"},
      {"bpe_harmony", kBpe,
       [](auto& w, auto& f) {
         set_texts(w, f, {"<|return|>", "<|end|>", "<|call|>", "<|start|>", "<|channel|>"});
       },
       "gpt-4o"},
      {"bpe_llama3_texts", kBpe,
       [](auto& w, auto& f) {
         set_texts(w, f, {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>"});
       },
       "llama-bpe"},
      {"wpm_types", kWpm, sprinkle_types},
      {"wpm_cased", kWpm, [](auto& w, auto&) { w.set_bool("tokenizer.ggml.normalizer.lowercase", false); }},
      {"unigram", kSpm, [](auto& w, auto&) { w.set_string("tokenizer.ggml.model", "t5"); }},
      {"unigram_keeps_blanks", kSpm,
       [](auto& w, auto&) {
         w.set_string("tokenizer.ggml.model", "t5");
         w.set_bool("tokenizer.ggml.remove_extra_whitespaces", false);
         w.set_bool("tokenizer.ggml.add_space_prefix", false);
       }},
      {"unigram_types", kSpm,
       [](auto& w, auto& f) {
         sprinkle_types(w, f);
         w.set_string("tokenizer.ggml.model", "t5");
       }},
  };
  return all;
}

Status write_variant(const Variant& variant, const std::string& from, const std::string& to) {
  NIBBLE_TRY(const GgufFile file, GgufFile::open(from));
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(to));
  for (const GgufKey& key : file.keys()) writer.set_value(key.name, key.value);
  variant.change(writer, file);
  return writer.finish();
}

class TokenizerVariants : public testing::TestWithParam<Variant> {};

TEST_P(TokenizerVariants, GiveTheSameIdsAndEnds) {
  PEER_OR_SKIP(api);
  const Variant& variant = GetParam();
  const std::string source =
      shared_file(std::string("tokenizers/ggml-vocab-") + variant.vocabulary + ".gguf");
  NEED_FILE(source);
  const TempFile file(std::string("variant-") + variant.name + ".gguf");
  const Status written = write_variant(variant, source, file.path);
  ASSERT_TRUE(written) << written.error().message;
  const auto pair = open_pair(api, file.path, variant.pre);
  ASSERT_TRUE(pair) << pair.error().message;
  const size_t count = std::string(variant.pre) == "gpt-4o" ? 1000 : 10000;
  for (const bool special : {false, true}) expect_same_ids(*pair, special, count);
  for (Token id = 0; id < static_cast<Token>(pair->ours.size()); ++id)
    if (pair->ours.token_text(id) !=
        "[PAD]")  // which the peer takes for a fill-in-the-middle token of some model
      EXPECT_EQ(pair->ours.is_end_of_generation(id), api.vocab_is_eog(pair->theirs.vocab(), id))
          << "token " << id << " " << escaped(std::string(pair->ours.token_text(id)));
}

INSTANTIATE_TEST_SUITE_P(Files, TokenizerVariants, testing::ValuesIn(variants()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace nibble::peer
