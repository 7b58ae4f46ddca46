#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "text/pretokenizer.h"
#include "vocabularies.h"

namespace nibble {
namespace {

using testing::random_text;
using testing::VocabularyBuilder;

std::vector<std::string> texts_of(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> out;
  for (const TokenId id : ids) out.emplace_back(tokenizer.token_text(id));
  return out;
}

using Texts = std::vector<std::string>;

// The merging as it is defined, on strings and one merge at a time: best priority first, then the leftmost.
// priority(left, right): the lower the sooner; SIZE_MAX: no merge.
template <class Priority>
Texts merge_naively(Texts symbols, const Priority& priority) {
  while (true) {
    size_t best = 0, found = SIZE_MAX;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const size_t p = priority(symbols[i], symbols[i + 1]);
      if (p < found) found = p, best = i;
    }
    if (found == SIZE_MAX) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + ptrdiff_t(best) + 1);
  }
}

Texts characters_of(const std::string& text) {
  Texts out;
  for (size_t at = 0; at < text.size(); at += out.back().size())
    out.push_back(text.substr(at, utf8_length(text[at])));
  return out;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(SpmTokenizer, MergesAsDefined) {
  auto vocabulary = testing::small_spm();
  const VocabularyData& data = vocabulary.data();
  std::map<std::string, size_t, std::less<>> priority;  // by score, here distinct, best first
  for (size_t id = 259; id < data.tokens.size(); ++id) priority[std::string(data.tokens[id])] = id;
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto scratch = tokenizer->make_scratch();
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_text(random, random() % 40, i % 2 ? 8 : 0);
    Texts want;
    const std::string marked = text.empty() ? "" : replace_all(" " + text, " ", "▁");
    for (const std::string& symbol : merge_naively(characters_of(marked), [&](const auto&a, const auto&b) {
           const auto it = priority.find(a + b);
           return it == priority.end() ? SIZE_MAX : it->second;
         })) {
      if (tokenizer->find(symbol) != kNoToken) {
        want.push_back(symbol);
        continue;
      }
      for (const char byte : symbol) want.emplace_back(tokenizer->token_text(3 + uint8_t(byte)));
    }
    std::vector<TokenId> ids;
    tokenizer->encode(text, {}, *scratch, ids);  // through the cache, from some point on
    ASSERT_EQ(texts_of(*tokenizer, ids), want) << text;
    ASSERT_EQ(tokenizer->encode(text), ids);
    // Byte tokens bring everything back; only "▁" itself reads as a space, and a broken character may swallow
    // part of the "▁" that a space after it is written as.
    if (i % 2 == 0 && text.find("▁") == text.npos) ASSERT_EQ(tokenizer->decode(ids), text);
  }
}

TEST(BpeTokenizer, MergesAsDefined) {
  auto vocabulary = testing::small_bpe();
  const VocabularyData& data = vocabulary.data();
  std::map<std::string, size_t, std::less<>> priority;
  for (size_t i = 0; i < data.merges.size(); ++i) priority[std::string(data.merges[i])] = i;
  for (const Pretokenizer& pre : pretokenizers()) {
    const auto tokenizer = vocabulary.create(std::string(pre.name));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    const auto scratch = tokenizer->make_scratch();
    std::mt19937_64 random(2);
    for (int i = 0; i < 500; ++i) {
      const std::string text = replace_all(random_text(random, random() % 40, i % 2 ? 8 : 0), "<tool>", "");
      std::string storage;
      const std::string normal(normalized_utf8(text, storage));
      std::vector<uint32_t> ends, more;
      pretokenize(pre, normal, ends, more);
      Texts want;
      size_t begin = 0;
      for (const size_t end : ends) {
        const std::string word = testing::byte_characters(normal.substr(begin, end - begin));
        begin = end;
        if (pre.whole_words && tokenizer->find(word) != kNoToken) {
          want.push_back(word);
          continue;
        }
        for (auto& symbol : merge_naively(characters_of(word), [&](const auto&a, const auto&b) {
               const auto it = priority.find(a + " " + b);
               return it == priority.end() ? SIZE_MAX : it->second;
             }))
          want.push_back(symbol);
      }
      std::vector<TokenId> ids;
      tokenizer->encode(text, {}, *scratch, ids);
      ASSERT_EQ(texts_of(*tokenizer, ids), want) << pre.name << ": " << text;
      ASSERT_EQ(tokenizer->decode(ids), normal);
    }
  }
}

TEST(WordpieceTokenizer, CoversWordsGreedily) {
  auto vocabulary = testing::small_wordpiece();
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto encode = [&](std::string_view text) { return texts_of(*tokenizer, tokenizer->encode(text)); };
  EXPECT_EQ(encode("The UNbelievables, the."),
            (Texts{"▁the", "▁un", "believ", "able", "s", "▁,", "▁the", "▁."}));
  EXPECT_EQ(encode("Café cafe\xCC\x81"), (Texts{"▁cafe", "▁cafe"})) << "accents are dropped, composed or not";
  EXPECT_EQ(encode("a中a"), (Texts{"▁a", "▁中", "▁a"})) << "ideographs are words";
  EXPECT_EQ(encode("aa aab"), (Texts{"▁a", "a", "[UNK]"}))
      << "a word that cannot be covered is unknown as a whole";
  EXPECT_EQ(encode("a\x01\xFF"
                   "a"),
            (Texts{"▁a", "a"}))
      << "control characters and invalid bytes are dropped";
  EXPECT_EQ(encode(" \n\t "), Texts{});
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("the", {.add_special = true})),
            (Texts{"[CLS]", "▁the", "[SEP]"}));
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("[CLS]the", {.parse_special = true})),
            (Texts{"[CLS]", "▁the"}));
  vocabulary.data().add_bos = false;
  const auto same = vocabulary.create();
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->encode("the", {.add_special = true}).size(), 3u) << "CLS and SEP whatever the keys say";
}

TEST(UnigramTokenizer, TakesTheBestSum) {
  auto vocabulary = testing::small_unigram();
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto encode = [&](std::string_view text) { return texts_of(*tokenizer, tokenizer->encode(text)); };
  EXPECT_EQ(encode("the cats"), (Texts{"▁the", "▁cat", "s"}));
  EXPECT_EQ(encode("  the   the "), (Texts{"▁the", "▁the"})) << "extra white space is dropped";
  EXPECT_EQ(encode("aaa"), (Texts{"▁", "aaa"})) << "of equal sums the first one found stays";
  EXPECT_EQ(encode("theqxz"), (Texts{"▁the", "<unk>"})) << "neighbouring unknowns are one";
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("the", {.add_special = true})), (Texts{"▁the", "</s>"}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("the cats")), "the cats");
}

TEST(SpecialTokens, OnlyWhenAskedFor) {
  auto vocabulary = testing::small_spm();
  const TokenId user = vocabulary.add("<user>", 0, TokenType::kUserDefined);
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_TRUE(std::ranges::count(tokenizer->encode("<s>a</s>"), 1) == 0);
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("<s>the</s>", {.parse_special = true})),
            (Texts{"<s>", "▁the", "</s>"}))
      << "text after a special token begins with the space prefix";
  EXPECT_TRUE(std::ranges::count(tokenizer->encode("a<user>a"), user) == 1) << "user-defined tokens always";
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("the", {.add_special = true})), (Texts{"<s>", "▁the"}));
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("", {.add_special = true})), (Texts{"<s>"}));
  EXPECT_EQ(tokenizer->encode(""), std::vector<TokenId>{});
  EXPECT_EQ(tokenizer->piece(1), "");
  EXPECT_EQ(tokenizer->piece(1, true), "<s>");
}

// A control token whose pieces would merge stays text unless asked for.
TEST(SpecialTokens, MergingNeverMakesControlTokens) {
  auto vocabulary = testing::small_spm();
  for (const char* text : {"<", ">", "<s", "s>"}) vocabulary.add(text, -1);
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_TRUE(std::ranges::count(tokenizer->encode("<s>"), 1) == 0);
}

TEST(SpecialTokens, TheLongestGoFirst) {
  auto vocabulary = testing::small_bpe();
  const TokenId three = vocabulary.add("xyz", 0, TokenType::kUserDefined);
  const TokenId four = vocabulary.add("zwvu", 0, TokenType::kUserDefined);
  const TokenId newlines = vocabulary.add("\n\n\n", 0, TokenType::kUserDefined);
  const auto tokenizer = vocabulary.create("gpt-2");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto x = tokenizer->encode("x")[0], y = tokenizer->encode("y")[0];
  EXPECT_EQ(tokenizer->encode("xyzwvu"), (std::vector<TokenId>{x, y, four})) << "not the leftmost";
  EXPECT_EQ(tokenizer->encode("xyzxyz"), (std::vector<TokenId>{three, three}));
  EXPECT_EQ(tokenizer->encode("\n\n\n\n\n\n\n\n").size(), 3u);
  EXPECT_EQ(tokenizer->encode("\n\n\n\n\n\n\n\n")[1], newlines);
}

TEST(SpecialTokens, SwallowWhiteSpaceWhereTheModelSaysSo) {
  auto vocabulary = testing::small_bpe();
  vocabulary.data().name = "Phi-3 mini";
  const auto tokenizer = vocabulary.create("gpt-2");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("a <tool> \n a")), (Texts{"a", "Ġ", "<tool>", "a"}));
}

TEST(Tokenizer, EndOfGeneration) {
  auto vocabulary = testing::small_bpe();
  vocabulary.add("<|im_end|>");  // a normal token in the file
  vocabulary.data().special.eos = 5;
  const auto tokenizer = vocabulary.create("gpt-2");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const TokenId im_end = tokenizer->find("<|im_end|>"), end = tokenizer->find("<|end|>");
  EXPECT_TRUE(tokenizer->is_end_of_generation(5));
  EXPECT_TRUE(tokenizer->is_end_of_generation(im_end));
  EXPECT_TRUE(tokenizer->is_control(im_end));
  EXPECT_TRUE(tokenizer->is_end_of_generation(end));
  EXPECT_FALSE(tokenizer->is_end_of_generation(6));
  EXPECT_FALSE(tokenizer->is_end_of_generation(-1));
  EXPECT_FALSE(tokenizer->is_end_of_generation(1 << 30));
  EXPECT_EQ(tokenizer->end_of_generation().size(), 3u);

  auto harmony = testing::small_bpe();
  harmony.add("<|return|>", 0, TokenType::kControl);
  harmony.add("<|call|>", 0, TokenType::kControl);
  const auto gpt_oss = harmony.create("gpt-4o");
  ASSERT_TRUE(gpt_oss) << gpt_oss.error().message;
  EXPECT_FALSE(gpt_oss->is_end_of_generation(gpt_oss->find("<|end|>")))
      << "it ends a message, not the answer";
  EXPECT_TRUE(gpt_oss->is_end_of_generation(gpt_oss->find("<|return|>")));
}

TEST(Tokenizer, UnknownNamesAreErrorsThatNameThem) {
  auto vocabulary = testing::small_bpe();
  vocabulary.data().pre = "no-such-pre";
  const auto failed = vocabulary.create();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(failed.error().message.find("'no-such-pre'"), std::string::npos) << failed.error().message;
  EXPECT_NE(failed.error().message.find("llama-bpe"), std::string::npos) << failed.error().message;
  const auto overridden = vocabulary.create("qwen2");
  ASSERT_TRUE(overridden) << overridden.error().message;
  EXPECT_EQ(overridden->pre(), "qwen2");
  vocabulary.data().pre.clear();
  const auto missing = vocabulary.create();
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(missing->pre(), "default");
  const auto other = VocabularyBuilder("rwkv").create();
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("'rwkv'"), std::string::npos) << other.error().message;
}

TEST(Tokenizer, BatchesGiveTheSameAsOneByOne) {
  auto vocabulary = testing::small_spm();
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::mt19937_64 random(3);
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i)
    texts.push_back(random_text(random, random() % 300, 9));  // enough for threads
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const TokenizeOptions options = {.add_special = true, .parse_special = true};
  for (const unsigned threads : {0u, 1u, 3u, 1000u}) {
    const auto batch = tokenizer->encode_batch(views, options, threads);
    ASSERT_EQ(batch.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(batch[i], tokenizer->encode(texts[i], options));
  }
  EXPECT_TRUE(tokenizer->encode_batch({}).empty());
}

// A scratch remembers words; it must forget those of another tokenizer.
TEST(Tokenizer, AScratchServesSeveralTokenizers) {
  auto spm = testing::small_spm();
  auto bpe = testing::small_bpe();
  const auto one = spm.create(), two = bpe.create("gpt-2");
  ASSERT_TRUE(one && two);
  const auto scratch = one->make_scratch();
  std::string text;
  for (int i = 0; i < 2000; ++i) text += " the hello";
  for (int i = 0; i < 2; ++i) {
    for (const Tokenizer* tokenizer : {&*one, &*two}) {
      std::vector<TokenId> ids;
      tokenizer->encode(text, {}, *scratch, ids);
      ASSERT_EQ(ids, tokenizer->encode(text));
      ASSERT_EQ(tokenizer->decode(ids), text);
    }
  }
}

}  // namespace
}  // namespace nibble
