// Inputs and vocabularies made to hurt: the time stays near linear, nothing crashes, and what cannot be is an
// error.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "text/detokenizer.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "vocabularies.h"

namespace nibble {
namespace {

using testing::VocabularyBuilder;

constexpr size_t kMegabyte = 1 << 20;

std::string repeated(std::string_view unit, size_t bytes = kMegabyte) {
  std::string out;
  while (out.size() < bytes) out += unit;
  return out;
}

// A quadratic method would take hours here and fail by the test's time limit.
const char* const kUnits[] = {"a",         "A",  "é",  " ",        "\n",   " \n",    "\xCC\x81", "'",
                              "'s",        "1",  "中", "\xFF",     "\xE2", "aaaa ",  "th",       "▁",
                              "e\xCC\x81", "!",  "/",  "\t ",      "<s>",  "<|end|", "<tool>",   "\xC2\xA0",
                              "aA",        "éA", "é1", "\xF0\x9F", "."};

TEST(TokenizerLimits, AMegabyteOfAnything) {
  auto spm = testing::small_spm();
  auto wordpiece = testing::small_wordpiece();
  auto unigram = testing::small_unigram();
  for (VocabularyBuilder* vocabulary : {&spm, &wordpiece, &unigram}) {
    const auto tokenizer = vocabulary->create();
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (const char* unit : kUnits) {
      const std::string text = repeated(unit);
      const auto ids = tokenizer->encode(text, {.add_special = true, .parse_special = true});
      EXPECT_LE(ids.size(), 3 * text.size() + 4);
      if (vocabulary == &spm && std::string_view(unit) != "▁")
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    }
  }
}

TEST(TokenizerLimits, AMegabyteOfAnythingForEveryPretokenizer) {
  auto vocabulary = testing::small_bpe();
  for (const char* pre : {"default", "llama-bpe", "gpt-2", "qwen2", "deepseek-llm", "deepseek-coder",
                          "falcon", "starcoder", "tekken", "gpt-4o"}) {
    const auto tokenizer = vocabulary.create(pre);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (const char* unit : kUnits) {
      const std::string text = repeated(unit, kMegabyte / 4);
      std::string storage;
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), normalized_utf8(text, storage))
          << pre << ": " << unit;
    }
  }
}

// The longest texts of one merge chain: every level merges everything, then one symbol is left.
TEST(TokenizerLimits, DeepMergeChains) {
  VocabularyBuilder vocabulary("llama");
  vocabulary.add("<unk>", 0, TokenType::kUnknown);
  std::string text = "a";
  for (float score = 0; text.size() <= 4096; text += text) vocabulary.add(text, score -= 1);
  vocabulary.data().add_space_prefix = false;
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode(std::string(kMegabyte, 'a')).size(), kMegabyte / 4096);
}

TEST(TokenizerLimits, ManySpecialTokensInOneText) {
  auto vocabulary = testing::small_bpe();
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    const std::string token = concat("<extra_", i, ">");
    vocabulary.add(token, 0, TokenType::kUserDefined);
    vocabulary.add(std::string(size_t(i) % 60 + 2, '\n') + concat(i), 0, TokenType::kUserDefined);
    text += token;
  }
  const auto tokenizer = vocabulary.create("llama-bpe");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode(repeated(text)).size() % 3000, 0u);
  EXPECT_GT(tokenizer->encode(std::string(kMegabyte, '\n')).size(), 0u);
}

TEST(HostileVocabulary, EmptyOnes) {
  for (const char* model : {"llama", "gpt2", "bert", "t5"}) {
    VocabularyBuilder vocabulary(model);
    const auto tokenizer = vocabulary.create();
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->encode("some text é \xFF", {.add_special = true, .parse_special = true}),
              std::vector<TokenId>{})
        << model;
    EXPECT_EQ(tokenizer->size(), 0u);
    EXPECT_EQ(tokenizer->piece(0), "");
    EXPECT_EQ(tokenizer->token_text(0), "");
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, -1, 5, 2147483647, -2147483647 - 1}), "");
  }
}

TEST(HostileVocabulary, MissingBytesBecomeTheUnknownToken) {
  VocabularyBuilder spm("llama");
  spm.add("<unk>", 0, TokenType::kUnknown);
  spm.add("<s>", 0, TokenType::kControl);
  spm.add("a", -1);
  const auto tokenizer = spm.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("ab"), (std::vector<TokenId>{0, 0, 0, 2, 0}))
      << "three bytes of the space mark, a, b";
  VocabularyBuilder bpe("gpt2");
  bpe.data().special.unknown = bpe.add("<unk>", 0, TokenType::kUnknown);
  bpe.add("a");
  const auto bytes = bpe.create("gpt-2");
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(bytes->encode("ab"), (std::vector<TokenId>{1, 0}));
}

TEST(HostileVocabulary, DuplicatesEmptyTextsAndOddScores) {
  VocabularyBuilder vocabulary("llama");
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  vocabulary.add("<unk>", nan, TokenType::kUnknown);
  vocabulary.add("", infinity);
  vocabulary.add("", nan);
  vocabulary.add("a", nan);
  vocabulary.add("a", 5);
  vocabulary.add("aa", nan);
  vocabulary.add("aa", 7);
  vocabulary.add("aaa", infinity);
  vocabulary.add("aaaa", -infinity);
  vocabulary.data().types[3] = 99;
  vocabulary.data().types[4] = -5;
  vocabulary.data().add_space_prefix = false;
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->find("a"), 3) << "the first of two";
  EXPECT_EQ(tokenizer->encode("aaaa"), (std::vector<TokenId>{8}));
  auto unigram = testing::small_unigram();
  for (float& score : unigram.data().scores) score = nan;
  const auto best = unigram.create();
  ASSERT_TRUE(best) << best.error().message;
  best->encode("the cats and dogs");
}

TEST(HostileVocabulary, MergesOfTextsThatAreNoTokens) {
  auto vocabulary = testing::small_bpe();
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"x", "y"}, {"xy", "z"}, {"nowhere", "else"}, {"", ""}, {"x", ""}, {"", "x"}, {"\xFF", "\xFE"}})
    vocabulary.merge(left, right);
  vocabulary.data().merges.push_back("");
  vocabulary.data().merges.push_back(" ");
  vocabulary.data().merges.push_back("nospace");
  const auto tokenizer = vocabulary.create("gpt-2");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("xyz xy")), "xyz xy")
      << "what merges into no token falls back to its bytes";
}

TEST(HostileVocabulary, SpecialIdsOutsideIt) {
  auto vocabulary = testing::small_spm();
  vocabulary.data().special = {.bos = 1 << 30, .eos = -7, .unknown = 2147483647};
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->special().bos, 1) << "the default of the kind";
  auto bpe = testing::small_bpe();
  bpe.data().special.bos = 1 << 30;
  bpe.data().add_bos = true;
  const auto failed = bpe.create("gpt-2");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kBadFile);
  EXPECT_NE(failed.error().message.find("bos_token_id"), std::string::npos) << failed.error().message;
}

TEST(HostileVocabulary, ArraysThatDisagreeAndLimits) {
  auto scores = testing::small_spm();
  scores.data().scores.pop_back();
  ASSERT_FALSE(scores.create());
  EXPECT_NE(scores.create().error().message.find("tokenizer.ggml.scores"), std::string::npos);
  auto types = testing::small_spm();
  types.data().types.resize(3);
  ASSERT_FALSE(types.create());
  EXPECT_NE(types.create().error().message.find("token_type"), std::string::npos);
  auto neither = testing::small_spm();
  neither.data().scores.clear();
  neither.data().types.clear();
  ASSERT_TRUE(neither.create());
  VocabularyBuilder longest("llama");
  longest.add(std::string(4097, 'x'));
  ASSERT_FALSE(longest.create());
  EXPECT_EQ(longest.create().error().kind, ErrorKind::kLimit);
}

TEST(HostileVocabulary, TokensThatAreNoUtf8) {
  std::mt19937_64 random(5);
  for (const char* model : {"llama", "gpt2", "bert", "t5"}) {
    VocabularyBuilder vocabulary(model);
    for (int i = 0; i < 300; ++i) {
      std::string text;
      for (uint64_t n = random() % 5; n > 0; --n)
        text += char(random() % 4 ? 0x80 + random() % 128 : 'a' + random() % 3);
      vocabulary.add(text, float(random() % 10), TokenType(1 + random() % 6));
      vocabulary.merge(text, text.substr(0, random() % 3));
    }
    const auto tokenizer = vocabulary.create("llama-bpe");
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (int i = 0; i < 300; ++i) {
      std::string text;
      for (uint64_t n = random() % 50; n > 0; --n)
        text += char(random() % 3 ? 0x80 + random() % 128 : 'a' + random() % 3);
      const auto ids = tokenizer->encode(text, {.add_special = true, .parse_special = true});
      Detokenizer detokenizer(*tokenizer, true);
      for (const TokenId id : ids) {
        ASSERT_LT(size_t(id), tokenizer->size());
        detokenizer.push(id);
      }
    }
  }
}

TEST(HostileVocabulary, PrefixMapsThatPointAnywhere) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 2000; ++i) {
    auto vocabulary = testing::small_unigram();
    std::string map(random() % 64, '\0');
    for (char& c : map) c = char(random());
    if (map.size() > 4 && i % 2) {  // an array that fits
      const uint32_t size = uint32_t(map.size() / 2);
      for (int b = 0; b < 4; ++b) map[size_t(b)] = char(size >> (8 * b));
    }
    vocabulary.data().precompiled_charsmap = map;
    const auto tokenizer = vocabulary.create();
    if (!tokenizer) {
      EXPECT_EQ(tokenizer.error().kind, ErrorKind::kBadFile);
      continue;
    }
    for (unsigned byte = 1; byte < 256; ++byte) tokenizer->encode(std::string(3, char(byte)));
  }
}

}  // namespace
}  // namespace nibble
