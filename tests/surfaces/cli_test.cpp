// The program from outside: what people and scripts see.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "kernels/kernels.h"
#include "surfaces/file_text.h"
#include "surfaces/json_check.h"
#include "surfaces/subprocess.h"
#include "surfaces/temporary_folder.h"

namespace nibble {
namespace {

const std::string kStories = NIBBLE_SHARED_DIR "/models/stories260K.gguf";
const std::string kBeginning = "Once upon a time";
const std::string kStory =
    ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, "
    "red ball. She "
    "wanted to play with it, but it was too h";

// Tests of the real model; a synthetic one serves the rest.
class Stories : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kStories)) GTEST_SKIP() << "no " << kStories << ": get the shared test data";
  }
  static Finished story(std::vector<std::string> more, const Subprocess::Environment& environment = {}) {
    std::vector<std::string> words = {"run", kStories, "-p", kBeginning};
    words.insert(words.end(), more.begin(), more.end());
    return run_nibble(words, "", environment);
  }
};

TEST(Cli, VersionAndHelp) {
  const Finished version = run_nibble({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("nibble 0.")) << version.out;
  EXPECT_NE(version.out.find("kernels: "), std::string::npos);
  const Finished help = run_nibble({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* command : {"run", "chat", "inspect", "tokenize", "detokenize", "synth"})
    EXPECT_NE(help.out.find(command), std::string::npos) << command;
  const Finished run = run_nibble({"run", "--help"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("--top-k N"), std::string::npos);
  EXPECT_EQ(run.out, run_nibble({"help", "run"}).out);
}

TEST(Cli, WithoutWordsHelpGoesToStderr) {
  const Finished result = run_nibble({});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("usage"), std::string::npos);
}

TEST(Cli, TheDocumentedOptionsAreTheRealOnes) {
  const Finished result = run_nibble({"--help-markdown"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, read_file(NIBBLE_SOURCE_DIR "/docs/cli.md"))
      << "write it anew: build/nibble --help-markdown > docs/cli.md";
}

TEST(Cli, MistakesAreNamedAndHelped) {
  const auto expect = [](const std::vector<std::string>& words, int code, const std::string& message) {
    const Finished result = run_nibble(words);
    EXPECT_EQ(result.code, code) << message;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
  };
  expect({"rum"}, 2, "did you mean run?");
  expect({"run", "--tempp", "1"}, 2, "did you mean --temp?");
  expect({"run", "--shape", "x"}, 2, "--shape is an option of synth, not of run");
  expect({"run", "--top-k", "many"}, 2, "--top-k is \"many\", wanted a whole number from 0 to 16777216");
  expect({"run", "--top-p=1.5"}, 2, "--top-p is \"1.5\", wanted a number from 0 to 1");
  expect({"run", "--temp"}, 2, "--temp wants a value");
  expect({"run", "--temp", "nan"}, 2, "--temp is \"nan\"");
  expect({"run", "--logit-bias", "five"}, 2, "wanted ID+X or ID-X");
  expect({"run", "a.gguf", "b.gguf"}, 2, "\"b.gguf\" is too much");
  expect({"run", "missing.gguf", "-p", "x"}, 3, "missing.gguf");
  expect({"tokenize", "missing.gguf", "-p", "x"}, 3, "missing.gguf");
  expect({"run", "-m", NIBBLE_SOURCE_DIR "/CMakeLists.txt", "-p", "x"}, 5, "CMakeLists.txt");
  expect({"synth", "--shape", "x"}, 2, "--output");
}

TEST(Cli, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string command = std::string(NIBBLE_PROGRAM) + " --help > /dev/full 2> /dev/null";
  const int status = system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

// A model small enough to make on the spot.
class Synthetic : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    model_ = folder_->file("tiny.gguf");
    made_ = run_nibble({"synth", "--shape", "llama-tiny", "--format", "Q4_K_M", "-o", model_});
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override { ASSERT_EQ(made_.code, 0) << made_.err; }
  static Finished run(std::vector<std::string> more, const Subprocess::Environment& environment = {}) {
    std::vector<std::string> words = {"run", model_, "-p", "Hello", "--seed", "7"};
    words.insert(words.end(), more.begin(), more.end());
    return run_nibble(words, "", environment);
  }
  static inline TemporaryFolder* folder_ = nullptr;
  static inline std::string model_;
  static inline Finished made_;
};

TEST_F(Synthetic, TheSameSeedGivesTheSameTextOnEveryIsaAndThreadCount) {
  const Finished reference = run({"-n", "40", "--ignore-eos", "--json"});
  ASSERT_EQ(reference.code, 0) << reference.err;
  const auto expected = JsonCheck::object(reference.out);
  ASSERT_TRUE(expected) << reference.out;
  EXPECT_EQ(expected->at("answer_tokens"), "40");
  std::set<std::string> seen;
  struct Way {
    const char *threads, *batch;
  };
  for (const KernelTable* table : available_kernels())
    for (const Way& way : {Way{"1", "512"}, Way{"2", "1"}, Way{"3", "3"}}) {
      const Finished result = run({"-n", "40", "--ignore-eos", "--json", "-t", way.threads, "-b", way.batch},
                                  {{"NIBBLE_FORCE_ISA", table->name}});
      ASSERT_EQ(result.code, 0) << result.err;
      const auto members = JsonCheck::object(result.out);
      ASSERT_TRUE(members);
      EXPECT_EQ(members->at("tokens"), expected->at("tokens"))
          << table->name << ", threads " << way.threads << ", batch " << way.batch;
      EXPECT_EQ(members->at("kernels"), "\"" + std::string(table->name) + "\"");
      seen.insert(members->at("kernels"));
    }
  EXPECT_GE(seen.size(), 1u) << "scalar kernels run everywhere";
}

TEST_F(Synthetic, AnUnknownIsaIsAnError) {
  const Finished result = run({"-n", "1"}, {{"NIBBLE_FORCE_ISA", "mmx"}});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("mmx"), std::string::npos);
}

TEST_F(Synthetic, FastBf16WhereTheProcessorLacksItIsAnError) {
  const Finished result = run({"-n", "1", "--fast-bf16"}, {{"NIBBLE_FORCE_ISA", "scalar"}});
  EXPECT_EQ(result.code, 6);
  EXPECT_NE(result.err.find("BF16"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("scalar"), std::string::npos) << result.err;
}

TEST_F(Synthetic, TokenizeAndBack) {
  const std::string text = "Grüße, 世界! \t tabs\n\nand  spaces 🙂 end";
  const Finished ids = run_nibble({"tokenize", model_}, text);
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(ids.out.find_first_not_of("0123456789 \n"), std::string::npos);
  EXPECT_TRUE(ids.out.ends_with("\n"));
  const Finished back = run_nibble({"detokenize", model_}, ids.out);
  EXPECT_EQ(back.code, 0);
  EXPECT_EQ(back.out, text);
  const Finished json = run_nibble({"tokenize", model_, "--json", "-p", "ab"});
  const auto members = JsonCheck::object(json.out);
  ASSERT_TRUE(members) << json.out;
  EXPECT_EQ(run_nibble({"detokenize", model_}, members->at("ids")).out, "ab");
  EXPECT_EQ(run_nibble({"detokenize", model_}, "1 x").code, 2);
  EXPECT_EQ(run_nibble({"detokenize", model_}, "99999999").code, 2);
  EXPECT_EQ(run_nibble({"tokenize", model_}, "").out, "\n");
  EXPECT_EQ(run_nibble({"tokenize", model_}, "no \xff\xfe UTF-8").code, 0);
}

TEST_F(Synthetic, LimitsOfContextAndAnswer) {
  const Finished none = run({"-n", "0", "--json"});
  EXPECT_EQ(JsonCheck::object(none.out)->at("tokens"), "[]");
  const Finished full = run({"--context", "20", "--ignore-eos", "--json"});
  ASSERT_EQ(full.code, 0) << full.err;
  EXPECT_EQ(JsonCheck::object(full.out)->at("finish_reason"), "\"context_full\"");
  const Finished tooLong = run({"--context", "3"});
  EXPECT_EQ(tooLong.code, 7);
  EXPECT_NE(tooLong.err.find("context of 3"), std::string::npos) << tooLong.err;
}

TEST_F(Synthetic, InspectTellsWhatIsThere) {
  const Finished text = run_nibble({"inspect", model_, "--tensors", "--keys"});
  ASSERT_EQ(text.code, 0) << text.err;
  for (const char* part : {"Q4_K", "token_embd.weight", "general.architecture", "run        yes"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part;
  const Finished json = run_nibble({"inspect", model_, "--json", "--context", "128"});
  const auto members = JsonCheck::object(json.out);
  ASSERT_TRUE(members) << json.out;
  EXPECT_NE(members->at("can").find("\"run\":true"), std::string::npos);
  EXPECT_NE(members->at("memory").find("\"context\":128"), std::string::npos);
}

TEST_F(Synthetic, KeysAndValuesInEightBitsTakeHalfAndTheAnswerSaysNothingElse) {
  const auto kv_bytes = [&](const char* type) {
    const Finished json = run_nibble({"inspect", model_, "--json", "--context", "128", "--kv", type});
    const size_t at = json.out.find("\"kv_bytes\":");
    EXPECT_NE(at, std::string::npos) << json.out << json.err;
    EXPECT_NE(json.out.find(std::string("\"kv_type\":\"") + type), std::string::npos) << json.out;
    return at == std::string::npos ? 0.0 : std::stod(json.out.substr(at + 11));
  };
  EXPECT_DOUBLE_EQ(kv_bytes("q8_0") / kv_bytes("f16"), 34.0 / 64.0);  // a byte a value, two a scale of 32
  const std::vector<std::string> words = {"run", model_, "-p", "Hello", "--ignore-eos", "-n", "20", "--temp", "0", "--kv", "q8_0"};
  const Finished one = run_nibble(words), scalar = run_nibble(words, "", {{"NIBBLE_FORCE_ISA", "scalar"}});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out, scalar.out);
  EXPECT_EQ(run_nibble({"run", model_, "-p", "Hello", "--kv", "q5_1"}).code, 2);
}

TEST_F(Synthetic, CtrlCEndsRunWithWhatThereIs) {
  Subprocess process({"run", model_, "-p", "Hello", "--ignore-eos", "-n", "-1", "--seed", "1"});
  process.close_input();
  ASSERT_TRUE(process.wait_for_output(10));  // the handler is in place then
  process.interrupt();
  const Finished result = process.finish();
  EXPECT_EQ(result.code, 130) << result.err;
}

TEST_F(Synthetic, AReaderThatGoesAwayEndsTheProgram) {
  Subprocess process({"run", model_, "-p", "Hello", "--ignore-eos", "-n", "-1"});
  process.close_output();
  const Finished result = process.finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_EQ(result.err, "");
}

constexpr const char* kTemplate =
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}\n{% endfor %}[assistant]";

TEST_F(Synthetic, ChatOverPipes) {
  const std::string file = folder_->file("template.jinja");
  std::ofstream(file) << kTemplate;
  const std::string saved = folder_->file("saved.json");
  const Finished result = run_nibble(
      {"chat", model_, "--chat-template-file", file, "-n", "5", "--seed", "3", "--system", "Be \"brief\""},
      "/help\nHello\n\nsecond \\\nline\n/history\n/save " + saved + "\n/clear\n/nonsense\nlast");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("/clear"), std::string::npos);
  EXPECT_NE(result.err.find("no such command: /nonsense"), std::string::npos);
  EXPECT_NE(result.err.find("user: second \nline"), std::string::npos) << result.err;
  const auto wrapped = JsonCheck::object("{\"m\":" + read_file(saved) + "}");
  ASSERT_TRUE(wrapped) << read_file(saved);
  EXPECT_TRUE(wrapped->at("m").starts_with(
      "[{\"role\":\"system\",\"content\":\"Be \\\"brief\\\"\"},{\"role\":\"user\",\"content\":\"Hello\"}"));
  // Three answers, each ended by a line end.
  EXPECT_GE(std::count(result.out.begin(), result.out.end(), '\n'), 3);
  EXPECT_EQ(result.out, run_nibble({"chat", model_, "--chat-template-file", file, "-n", "5", "--seed", "3",
                                    "--system", "Be \"brief\"", "-q"},
                                   "Hello\nsecond \\\nline\n/clear\nlast")
                            .out);
}

TEST_F(Synthetic, CtrlCStopsTheAnswerAndNotTheChat) {
  const std::string file = folder_->file("endless.jinja");
  std::ofstream(file) << kTemplate;
  Subprocess process({"chat", model_, "--chat-template-file", file, "--ignore-eos"});
  process.write("Hello\n");
  ASSERT_TRUE(process.wait_for_output(10));
  process.interrupt();
  ASSERT_TRUE(process.wait_for_error("(stopped)"));
  process.write("/history\n/exit\n");
  const Finished result = process.finish();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("user: Hello"), std::string::npos);
}

TEST_F(Stories, ChatNeedsATemplate) {
  const Finished result = run_nibble({"chat", kStories}, "Hello\n");
  EXPECT_EQ(result.code, 6);
  EXPECT_NE(result.err.find("chat template"), std::string::npos);
}

TEST_F(Stories, GreedyTextIsTheModels) {
  const Finished result = story({"--temp", "0", "-n", "100"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.substr(0, kStory.size()), kStory);
  EXPECT_NE(result.err.find("tokens"), std::string::npos);
  EXPECT_EQ(story({"--temp", "0", "-n", "100", "-q"}).err, "");
}

TEST_F(Stories, PromptFromFileAndStdin) {
  const std::vector<std::string> options = {"--temp", "0", "-n", "20"};
  const std::string expected = story(options).out;
  const TemporaryFolder folder;
  std::ofstream(folder.file("prompt")) << kBeginning;
  EXPECT_EQ(run_nibble({"run", kStories, "-f", folder.file("prompt"), "--temp", "0", "-n", "20"}).out,
            expected);
  EXPECT_EQ(run_nibble({"run", kStories, "--temp", "0", "-n", "20"}, kBeginning).out, expected);
  EXPECT_EQ(run_nibble({"run", "-m", kStories, "-f", "-", "--temp", "0", "-n", "20"}, kBeginning).out,
            expected);
  EXPECT_EQ(run_nibble({"run", kStories, "--temp", "0", "-n", "20", "--echo"}, kBeginning).out,
            kBeginning + expected);
  EXPECT_EQ(run_nibble({"run", kStories}, "").code, 2);
}

TEST_F(Stories, StopStringsNeverShow) {
  const Finished result =
      story({"--temp", "0", "-n", "100", "--stop", "in the park", "--stop", "zebra", "--json"});
  const auto members = JsonCheck::object(result.out);
  ASSERT_TRUE(members) << result.out;
  EXPECT_EQ(members->at("finish_reason"), "\"stop\"");
  EXPECT_EQ(members->at("text"), "\", there was a little girl named Lily. She loved to play outside \"");
  const Finished plain = story({"--temp", "0", "-n", "100", "--stop", "in the park"});
  EXPECT_EQ(plain.out, ", there was a little girl named Lily. She loved to play outside ");
}

TEST_F(Stories, MaxTokensCounts) {
  const Finished result = story({"-n", "7", "--seed", "5", "--json"});
  const auto members = JsonCheck::object(result.out);
  ASSERT_TRUE(members);
  EXPECT_EQ(members->at("answer_tokens"), "7");
  EXPECT_EQ(members->at("finish_reason"), "\"max_tokens\"");
  EXPECT_EQ(members->at("seed"), "5");
}

TEST_F(Stories, TheStoryEnds) {
  const Finished result = story({"--temp", "0", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto members = JsonCheck::object(result.out);
  ASSERT_TRUE(members);
  const std::string reason = members->at("finish_reason");
  EXPECT_TRUE(reason == "\"end\"" || reason == "\"context_full\"") << reason;
}

TEST_F(Stories, SeedsRepeatAndDiffer) {
  const std::string first = story({"-n", "60", "--seed", "1"}).out;
  EXPECT_EQ(first, story({"-n", "60", "--seed", "1", "-t", "1"}).out);
  EXPECT_EQ(first, story({"-n", "60", "--seed", "1"}, {{"NIBBLE_FORCE_ISA", "scalar"}}).out);
  EXPECT_NE(first, story({"-n", "60", "--seed", "2"}).out);
}

}  // namespace
}  // namespace nibble
