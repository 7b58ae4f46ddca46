// nibble bench from outside. Its timings decide nothing here: on a disturbed machine a row may lie above its
// ceiling, which is an error; then it is tried again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "surfaces/json_check.h"
#include "surfaces/subprocess.h"
#include "surfaces/temporary_folder.h"

namespace nibble {
namespace {

constexpr int kAboveTheCeiling = 70;

class Bench : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    made_ = run_nibble({"synth", "--shape", "llama-tiny", "--format", "Q4_K_M", "-o", model()});
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override { ASSERT_EQ(made_.code, 0) << made_.err; }
  static std::string model() { return folder_->file("tiny.gguf"); }

  static Finished bench(std::vector<std::string> more, const Subprocess::Environment& environment = {}) {
    std::vector<std::string> words = {"bench", model(), "-p", "16", "-n", "4", "-r", "2", "-t", "1"};
    words.insert(words.end(), more.begin(), more.end());
    Finished result;
    for (int attempt = 0; attempt < 8; ++attempt) {
      result = run_nibble(words, "", environment);
      if (result.code != kAboveTheCeiling) break;
    }
    return result;
  }
  static inline TemporaryFolder* folder_ = nullptr;
  static inline Finished made_;
};

TEST_F(Bench, JsonHasTheFieldsOfLlamaBenchAndOurs) {
  const Finished result = bench({"-b", "1,3", "-d", "0,70", "--json"});
  if (result.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << result.err;
  ASSERT_EQ(result.code, 0) << result.err;
  const auto wrapped = JsonCheck::object("{\"rows\":" + result.out + "}");
  ASSERT_TRUE(wrapped) << result.out;
  for (const char* field : {"n_prompt", "n_gen", "n_depth", "n_threads", "avg_ts", "stddev_ts", "samples_ts",
                            "samples_ns", "model_filename", "n_columns", "gmac_per_s", "gb_per_s",
                            "percent_of_ceiling", "limited_by", "ceiling_int8_gmac_per_s"})
    EXPECT_NE(result.out.find("\"" + std::string(field) + "\":"), std::string::npos) << field;
  for (const char* test : {"\"pp16\"", "\"tg4\"", "\"tg4 x3\"", "\"pp16 @ d70\"", "\"tg4 x3 @ d70\""})
    EXPECT_NE(result.out.find(test), std::string::npos) << test;
}

TEST_F(Bench, SaysHowKeysAndValuesAreKept) {
  for (const char* type : {"f16", "q8_0"}) {
    const Finished result = bench({"--kv", type, "--json"});
    if (result.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << result.err;
    ASSERT_EQ(result.code, 0) << result.err;
    const std::string both = std::string("\"type_k\":\"") + type + "\",\"type_v\":\"" + type + "\"";
    EXPECT_NE(result.out.find(both), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("tg4 kv q8_0") != std::string::npos, std::string(type) == "q8_0");
  }
  EXPECT_EQ(bench({"--kv", "q4_0"}).code, 2);
}

TEST_F(Bench, MarkdownAndCsvHaveARowEach) {
  const Finished csv = bench({"--output-format", "csv"});
  const Finished markdown = bench({});
  if (csv.code == kAboveTheCeiling || markdown.code == kAboveTheCeiling)
    GTEST_SKIP() << "the machine is too disturbed";
  ASSERT_EQ(csv.code, 0) << csv.err;
  const size_t columns =
      size_t(std::count(csv.out.begin(), csv.out.begin() + ptrdiff_t(csv.out.find('\n')), ','));
  EXPECT_EQ(size_t(std::count(csv.out.begin(), csv.out.end(), ',')), 3 * columns) << csv.out;
  EXPECT_NE(markdown.out.find("\n| pp16 "), std::string::npos) << markdown.out;
  EXPECT_NE(markdown.out.find("\n| tg4 "), std::string::npos) << markdown.out;
}

TEST_F(Bench, SaveAndCompare) {
  const TemporaryFolder data;
  const Subprocess::Environment environment = {{"XDG_DATA_HOME", data.file("")}};
  const Finished nothing = bench({"--against", "base"}, environment);
  if (nothing.code == 6) GTEST_SKIP() << nothing.err;
  EXPECT_EQ(nothing.code, 3) << nothing.err;
  const Finished saved = bench({"--save", "base", "-r", "6"}, environment);
  if (saved.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << saved.err;
  ASSERT_EQ(saved.code, 0) << saved.err;
  EXPECT_TRUE(std::filesystem::exists(data.file("nibble/bench.sqlite")));
  const std::vector<std::string> compare = {"--against", "base", "--threshold", "1000", "-r", "6"};
  const Finished compared = bench(compare, environment);
  if (compared.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << compared.err;
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_NE(compared.out.find("\n2 rows: 0 slower, 0 faster"), std::string::npos) << compared.out;
  const Finished other = bench({"--against", "nobody"}, environment);
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("base (1)"), std::string::npos) << other.err;
  const Finished json = bench({"--against", "base", "--threshold", "1000", "--json"}, environment);
  EXPECT_TRUE(json.code == 0 || json.code == kAboveTheCeiling) << json.err;
  EXPECT_TRUE(JsonCheck::object("{\"rows\":" + json.out + "}")) << json.out;
}

TEST_F(Bench, AKernelAtATime) {
  const std::vector<std::string> words = {"bench",      "kernels", "--isa", "scalar", "--kernel",
                                          "matmul,add", "-b",      "1,5",   "-r",     "1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return run_nibble(more);
  };
  const Finished json = with({"--format", "q4_k,Q8_0", "--json"});
  if (json.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << json.err;
  ASSERT_EQ(json.code, 0) << json.err;
  ASSERT_TRUE(JsonCheck::object("{\"rows\":" + json.out + "}")) << json.out;
  for (const char* part :
       {"\"matmul Q4_K x1\"", "\"matmul Q4_K x5\"", "\"matmul Q8_0 x5\"", "\"isa\":\"scalar\"", "\"ns\":"})
    EXPECT_NE(json.out.find(part), std::string::npos) << part;
  EXPECT_EQ(json.out.find("\"add\""), std::string::npos) << "knows no format";
  const Finished names = run_nibble({"bench", "kernels", "--kernel", "matmull"});
  EXPECT_EQ(names.code, 2);
  EXPECT_NE(names.err.find("quantize_column"), std::string::npos) << names.err;
  EXPECT_EQ(run_nibble({"bench", "kernels", "--isa", "mmx"}).code, 2);
  EXPECT_EQ(run_nibble({"bench", "kernels", "--format", "Q9"}).code, 2);
}

TEST_F(Bench, APageIsWritten) {
  const TemporaryFolder data;
  const Finished result = bench({"--html", data.file("page.html"), "--history", data.file("none")});
  if (result.code == kAboveTheCeiling) GTEST_SKIP() << "the machine is too disturbed: " << result.err;
  ASSERT_EQ(result.code, 0) << result.err;
  std::ifstream page(data.file("page.html"));
  const std::string text((std::istreambuf_iterator<char>(page)), {});
  EXPECT_TRUE(text.starts_with("<!DOCTYPE html>")) << text.substr(0, 100);
  EXPECT_NE(text.find("<svg"), std::string::npos);
}

TEST_F(Bench, MistakesAreNamed) {
  EXPECT_EQ(bench({"--output-format", "xml"}).code, 2);
  EXPECT_EQ(bench({"-p", "x"}).code, 2);
  EXPECT_EQ(bench({"--save", "x", "--history", NIBBLE_SOURCE_DIR "/README.md"}).code, 5);
  EXPECT_EQ(bench({"--save", "x", "--history", folder_->file("")}).code, 4);
}

}  // namespace
}  // namespace nibble
