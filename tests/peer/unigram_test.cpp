// Unigram vocabularies: there is none in ../shared, so the SentencePiece one's tokens are written as one,
// with scores that fall with the id and a small character map, in every combination of the keys that matter.
#include <cmath>

#include "../formats/gguf_bytes.h"
#include "peer_fixture.h"
#include "random_text.h"
#include "text/tokenizer.h"
#include "text/vocabulary_reader.h"

namespace nibble::peer {
namespace {

// A precompiled map of single bytes, as an XOR-compressed double array: the root's base is 256, so byte b is
// node 256 ^ b, and the replacement of the n-th pair is found through node 1024 + n.
std::string character_map(const std::vector<std::pair<char, std::string>>& pairs) {
  constexpr uint32_t kRootBase = 256, kLeaf = 1u << 8, kValue = 1u << 31;
  std::vector<uint32_t> nodes(2048);
  nodes[0] = kRootBase << 10;
  std::string replacements;
  for (size_t n = 0; n < pairs.size(); ++n) {
    const uint32_t node = kRootBase ^ uint8_t(pairs[n].first), leaf = uint32_t(1024 + n);
    nodes[node] = (node ^ leaf) << 10 | kLeaf | uint8_t(pairs[n].first);
    nodes[leaf] = kValue | uint32_t(replacements.size());
    replacements += pairs[n].second + '\0';
  }
  const uint32_t bytes = uint32_t(nodes.size() * sizeof(uint32_t));
  std::string out(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  out.append(reinterpret_cast<const char*>(nodes.data()), bytes);
  return out + replacements;
}

std::string vocabulary_file(const VocabularyData& source, bool prefix, bool merge_spaces,
                            std::string_view map) {
  GgufBytes file;
  const std::vector<std::string> sizes = {"context_length",
                                          "embedding_length",
                                          "block_count",
                                          "feed_forward_length",
                                          "attention.head_count",
                                          "attention.key_length",
                                          "attention.value_length",
                                          "attention.relative_buckets_count"};
  file.header(0, sizes.size() + 11);
  for (const std::string& key : sizes) file.key_u32(concat("t5.", key), 1);
  file.key_string("general.architecture", "t5").key_string("tokenizer.ggml.model", "t5");
  file.key("t5.attention.layer_norm_epsilon", GgufType::kFloat32).number(1e-6f);
  file.key_u32("tokenizer.ggml.eos_token_id", 2).key_u32("tokenizer.ggml.unknown_token_id", 0);
  file.key("tokenizer.ggml.add_space_prefix", GgufType::kBool).number(uint8_t(prefix));
  file.key("tokenizer.ggml.remove_extra_whitespaces", GgufType::kBool).number(uint8_t(merge_spaces));
  const size_t count = source.tokens.size();
  file.key("tokenizer.ggml.tokens", GgufType::kArray).array(GgufType::kString, count);
  for (const std::string_view token : source.tokens) file.string(token);
  file.key("tokenizer.ggml.scores", GgufType::kArray).array(GgufType::kFloat32, count);
  for (size_t id = 0; id < count; ++id) file.number(source.types[id] == 1 ? -std::log(float(id + 2)) : 0.0f);
  file.key("tokenizer.ggml.token_type", GgufType::kArray).array(GgufType::kInt32, count);
  for (size_t id = 0; id < count; ++id) {
    const bool user_defined = source.tokens[id] == "http" || source.tokens[id] == "the";
    file.number(user_defined ? int32_t(TokenType::kUserDefined) : source.types[id]);
  }
  file.key("tokenizer.ggml.precompiled_charsmap", GgufType::kArray)
      .array(GgufType::kUint8, map.size())
      .raw(map);
  return file.pad().str();
}

class Unigram : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(Unigram, SameIdsAsThePeer) {
  PEER_OR_SKIP(api);
  const std::string source_path = shared_file("tokenizers/ggml-vocab-llama-spm.gguf");
  NEED_FILE(source_path);
  const auto source = GgufFile::open(source_path);
  ASSERT_TRUE(source) << source.error().message;
  const auto [prefix, merge_spaces] = GetParam();
  const std::string path = concat(testing::TempDir(), "unigram-", prefix, merge_spaces, ".gguf");
  const std::string map =
      character_map({{'A', "a"}, {'\t', " "}, {'\n', " "}, {'\r', ""}, {'1', "one "}, {'\xC2', "?"}});
  const std::string bytes = vocabulary_file(*read_vocabulary(*source), prefix, merge_spaces, map);
  ASSERT_TRUE(write_file(path, bytes.data(), bytes.size()));

  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto data = read_vocabulary(*file);
  ASSERT_TRUE(data) << data.error().message;
  const auto ours = Tokenizer::create(*data);
  ASSERT_TRUE(ours) << ours.error().message;
  const auto theirs = Model::load(api, {.path = path, .vocab_only = true});
  ASSERT_TRUE(theirs) << theirs.error().message;
  RandomText texts(11, {"the", "http://", "<unk>", "</s>", " the"});
  std::vector<Token> wanted;
  for (int i = 0; i < 10000; ++i) {
    const std::string text = texts.next();
    const bool special = i % 2 != 0;
    if (!tokenize_one(*theirs, text, {.special = special, .bos = special}, wanted)) continue;
    ASSERT_EQ(ours->encode(text, {.add_special = special, .parse_special = special}), wanted)
        << escaped(text);
  }
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Unigram, testing::Combine(testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace nibble::peer
