// A recipe by name gives every tensor of a file the format that the peer's quantizer gives it.
#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "peer_fixture.h"
#include "transform/recipes.h"
#include "transform/synth.h"

namespace nibble::peer {
namespace {

struct Case {
  std::string model;  // a synthetic shape, or a tiny model where it starts with '@'
  std::vector<std::string> recipes;
};

RecipeFacts facts_of(const GgufFile& file) {
  const std::string prefix = std::string(file.get_string("general.architecture").value().value()) + ".";
  const auto number = [&](const char* key) {
    return static_cast<uint32_t>(file.get_uint(prefix + key).value().value_or(0));
  };
  return {.layers = number("block_count"),
          .heads = number("attention.head_count"),
          .kv_heads = number("attention.head_count_kv"),
          .experts = number("expert_count"),
          .tied_output = file.find_tensor("output.weight") == nullptr};
}

class Recipes : public testing::TestWithParam<Case> {};

TEST_P(Recipes, ChooseThePeersFormats) {
  PEER_OR_SKIP(api);
  const std::string& name = GetParam().model;
  std::string source = testing::TempDir() + "recipe-" + name + ".gguf";
  const bool made = name.front() != '@';
  if (made) {
    ThreadPool pool(2);
    const auto report = write_synthetic_model({.shape = name, .format = "F32"}, source, pool);
    ASSERT_TRUE(report) << report.error().message;
  } else {
    source = tiny_model(name.substr(1));
    NEED_FILE(source);
  }
  const auto original = GgufFile::open(source);
  ASSERT_TRUE(original) << original.error().message;
  const RecipeFacts facts = facts_of(*original);
  for (const std::string& type : GetParam().recipes) {
    const std::string out = testing::TempDir() + "recipe-" + name.substr(!made) + "-" + type + ".gguf";
    const auto seconds = quantize_model(api, source, out, type, 2, false, false);
    ASSERT_TRUE(seconds) << seconds.error().message;
    const auto theirs = GgufFile::open(out);
    ASSERT_TRUE(theirs) << theirs.error().message;
    const auto recipe = find_recipe(type);
    ASSERT_TRUE(recipe) << recipe.error().message;
    EXPECT_EQ(theirs->get_uint("general.file_type").value(), recipe_file_type(**recipe)) << type;
    for (const TensorView& tensor : original->tensors()) {
      const TensorView* quantized = theirs->find_tensor(tensor.name);
      ASSERT_TRUE(quantized) << type << " " << tensor.name;
      const FormatId ours = recipe_format(
          **recipe, facts, {tensor.name, std::span(tensor.dims, static_cast<size_t>(tensor.rank))});
      EXPECT_STREQ(format_of(ours).name, quantized->format->name)
          << name << " " << type << " " << tensor.name;
    }
    std::filesystem::remove(out);
  }
  if (made) std::filesystem::remove(source);
}

std::vector<Case> cases() {
  const std::vector<std::string> all = {"F16",    "BF16",   "Q4_0",   "Q4_1",   "Q5_0",   "Q5_1",   "Q8_0",
                                        "Q2_K",   "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S",
                                        "Q5_K_M", "Q6_K",   "IQ4_NL", "IQ4_XS", "TQ1_0",  "TQ2_0"};
  std::vector<Case> cases = {{"llama-tiny", all}};
  for (const char* shape : {"mistral-tiny", "mixtral-tiny", "qwen2-tiny", "phi3-tiny", "gemma2-tiny",
                            "bert-tiny", "nomic-bert-tiny", "gpt-oss-tiny"})
    cases.push_back({shape, {"Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q8_0"}});
  cases.push_back({"mixtral-tiny", {"IQ4_NL", "IQ4_XS", "Q3_K_L", "Q6_K", "MXFP4_MOE", "TQ2_0"}});
  cases.push_back({"mistral-tiny", {"IQ4_NL", "IQ4_XS"}});
  cases.push_back({"gpt-oss-tiny", {"MXFP4_MOE"}});
  // Rows of 64 and 96: fallbacks. Rows of 80: no block fits. 80 layers: the rule for 70B.
  cases.push_back({"@llama", all});
  cases.push_back({"@llama-odd-rows", {"Q4_0", "Q8_0", "Q4_K_M", "Q6_K", "TQ2_0"}});
  cases.push_back({"@llama-70b-depth", {"Q3_K_M", "Q4_K_M"}});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, Recipes, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = std::to_string(test.index) + test.param.model;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace nibble::peer
