// nibble quantize that splits, joins and copies, from outside.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "formats/gguf.h"
#include "surfaces/file_text.h"
#include "surfaces/json_check.h"
#include "surfaces/subprocess.h"
#include "surfaces/temporary_folder.h"

namespace nibble {
namespace {

namespace fs = std::filesystem;

class QuantizeSplit : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    made_ = run_nibble({"synth", "--shape", "llama-tiny", "--format", "F16", "-o", model()});
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override { ASSERT_EQ(made_.code, 0) << made_.err; }
  void TearDown() override {
    for (const auto& entry : fs::directory_iterator(fs::path(model()).parent_path()))
      if (entry.path() != model()) fs::remove_all(entry.path());
  }
  static std::string path(const std::string& name) { return folder_->file(name); }
  static std::string model() { return path("model.gguf"); }
  static Finished quantize(const std::string& in, const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words = {"quantize", in, out};
    words.insert(words.end(), more.begin(), more.end());
    return run_nibble(words);
  }
  // Name and contents of all files but the model.
  static std::map<std::string, std::string> files() {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator(fs::path(model()).parent_path()))
      if (entry.path() != model()) all[entry.path().filename()] = read_file(entry.path());
    return all;
  }
  static inline TemporaryFolder* folder_ = nullptr;
  static inline Finished made_;
};

TEST_F(QuantizeSplit, PartsKeepToTheBoundAndJoinToTheSameFile) {
  const std::string whole = path("whole.gguf"), out = path("out.gguf"), joined = path("joined.gguf");
  ASSERT_EQ(quantize(model(), whole, {"Q4_K_M", "-q"}).code, 0);
  const Finished planned = quantize(model(), out, {"Q4_K_M", "--split-size", "1MiB", "--dry-run", "--json"});
  const Finished result = quantize(model(), out, {"Q4_K_M", "--split-size", "1MiB"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(holds(result.err, "out-00001-of-0000")) << result.err;
  uint64_t bytes = 0, parts = 0;
  std::string first;
  for (const auto& [name, contents] : files()) {
    if (!name.starts_with("out-")) continue;
    if (first.empty()) first = path(name);
    EXPECT_LE(contents.size(), 1u << 20) << name;
    bytes += contents.size(), ++parts;
  }
  EXPECT_GE(parts, 3u);
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(JsonCheck::object(planned.out)->at("file_bytes"), std::to_string(bytes));
  const auto file = GgufFile::open(first);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->part_paths().size(), parts);
  ASSERT_EQ(quantize(first, joined, {"copy", "-q"}).code, 0);
  EXPECT_TRUE(read_file(joined) == read_file(whole)) << "joining takes nothing away and adds nothing";
  // A split file is an input like any other.
  const Finished again = quantize(first, path("q8.gguf"), {"Q8_0", "-q"});
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(QuantizeSplit, ByTensorsAndUnderTheNameOfAPart) {
  const Finished result =
      quantize(model(), path("out-00001-of-00009.gguf"), {"COPY", "--split-tensors", "30", "-q"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto file = GgufFile::open(path("out-00001-of-00003.gguf"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 75u);
  EXPECT_EQ(files().size(), 3u);
  ASSERT_EQ(quantize(model(), path("one.gguf"), {"COPY", "--split-size", "1GiB", "-q"}).code, 0);
  EXPECT_TRUE(GgufFile::open(path("one-00001-of-00001.gguf")));
}

TEST_F(QuantizeSplit, ACopyIsTheSameFile) {
  const std::string out = path("copy.gguf");
  ASSERT_EQ(quantize(model(), out, {"COPY", "-q"}).code, 0);
  EXPECT_TRUE(read_file(out) == read_file(model()));
  ASSERT_EQ(quantize(model(), out, {"COPY", "--tensor", "attn_v=Q8_0", "-q"}).code, 0);
  const auto file = GgufFile::open(out);
  ASSERT_TRUE(file);
  EXPECT_STREQ(file->find_tensor("blk.0.attn_v.weight")->format->name, "Q8_0");
  EXPECT_STREQ(file->find_tensor("blk.0.attn_k.weight")->format->name, "F16");
}

TEST_F(QuantizeSplit, ATensorLargerThanTheBoundIsWarnedOf) {
  const Finished result = quantize(model(), path("out.gguf"), {"COPY", "--split-size", "64KiB"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(holds(result.err, "larger than --split-size 64KiB")) << result.err;
}

TEST_F(QuantizeSplit, NoPartOfTheInputIsReplaced) {
  ASSERT_EQ(quantize(model(), path("in.gguf"), {"COPY", "--split-tensors", "30", "-q"}).code, 0);
  const auto before = files();
  const std::string in = path("in-00001-of-00003.gguf");
  fs::create_symlink(path("in-00003-of-00003.gguf"), path("link.gguf"));
  for (const char* out : {"in-00002-of-00003.gguf", "link.gguf"}) {
    const Finished result = quantize(in, path(out), {"Q8_0"});
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_TRUE(holds(result.err, "is the input")) << result.err;
  }
  EXPECT_EQ(quantize(in, path("in.gguf"), {"Q8_0", "--split-tensors", "30"}).code, 2);
  fs::remove(path("link.gguf"));
  EXPECT_TRUE(files() == before);
  const Finished middle = quantize(path("in-00002-of-00003.gguf"), path("out.gguf"), {"COPY"});
  EXPECT_EQ(middle.code, 2);
  EXPECT_TRUE(holds(middle.err, "wanted the first")) << middle.err;
}

TEST_F(QuantizeSplit, ATargetSizeIsOfAllParts) {
  const auto written = [](const std::string& size) -> uint64_t {
    const Finished result = quantize(model(), path("out.gguf"), {"--size", size, "--split-tensors", "1", "-q"});
    if (result.code != 0) return 0;
    uint64_t bytes = 0;
    for (const auto& [name, contents] : files()) bytes += contents.size();
    return bytes;
  };
  const Finished refused = quantize(model(), path("out.gguf"), {"--size", "1", "--split-tensors", "1"});
  const std::string marker = "smallest possible is ";
  const size_t at = refused.err.find(marker);
  ASSERT_NE(at, std::string::npos) << refused.err;
  const uint64_t smallest = std::stoull(refused.err.substr(at + marker.size()));
  EXPECT_EQ(written(std::to_string(smallest)), smallest);
  EXPECT_EQ(written(std::to_string(smallest - 1)), 0u);
  for (const uint64_t wanted : {smallest + 30000, smallest * 3 / 2}) {
    const uint64_t bytes = written(std::to_string(wanted));
    EXPECT_LE(bytes, wanted);
    EXPECT_GT(bytes, wanted - wanted / 50);
  }
}

TEST_F(QuantizeSplit, KilledAtAnyMomentNoMixtureOpens) {
  const std::vector<std::string> bounds = {"--split-tensors", "8", "-q"};
  const auto with = [&](const char* recipe) {
    std::vector<std::string> words = bounds;
    words.insert(words.begin(), recipe);
    return words;
  };
  const std::string first = path("out-00001-of-00010.gguf");
  for (int milliseconds = 0; milliseconds < 300; milliseconds = milliseconds * 3 / 2 + 5) {
    ASSERT_EQ(quantize(model(), path("out.gguf"), with("Q8_0")).code, 0);
    std::vector<std::string> words = {"quantize", model(), path("out.gguf")};
    for (const std::string& word : with("Q4_0")) words.push_back(word);
    Subprocess process(words);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    process.end_at_once();
    process.finish();
    if (!fs::exists(first)) continue;  // between the sets
    const auto file = GgufFile::open(first);
    ASSERT_TRUE(file) << "after " << milliseconds << " ms: " << file.error().message;
    const std::string format = file->find_tensor("blk.0.attn_q.weight")->format->name;
    for (const TensorView& tensor : file->tensors()) {
      if (tensor.rank < 2 || std::string_view(tensor.name).starts_with("output")) continue;
      ASSERT_EQ(tensor.format->name, format) << tensor.name << " after " << milliseconds << " ms";
    }
  }
}

TEST_F(QuantizeSplit, APartThatDoesNotFitLeavesNothing) {
  Subprocess process({"quantize", model(), path("out.gguf"), "COPY", "--split-tensors", "30"}, {}, 3 << 20);
  const Finished result = process.finish();
  EXPECT_EQ(result.code, 4) << result.err;
  EXPECT_EQ(files().size(), 0u);
}

TEST_F(QuantizeSplit, ControlCLeavesNothing) {
  const std::string large = path("large.gguf");
  ASSERT_EQ(quantize(model(), large, {"F32", "-q"}).code, 0);
  bool interrupted = false;
  for (int milliseconds = 2; milliseconds < 500 && !interrupted; milliseconds *= 2) {
    fs::remove(path("out.gguf"));
    Subprocess process({"quantize", large, path("out.gguf"), "Q3_K_M", "-q", "-t", "1"});
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    process.interrupt();
    const int code = process.finish().code;
    if (code == 130) {
      interrupted = true;
      EXPECT_EQ(files().size(), 1u);
    }
  }
  EXPECT_TRUE(interrupted);
}

}  // namespace
}  // namespace nibble
