// quantize, perplexity and imatrix from outside: what people and scripts see.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
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

class QuantizeCli : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    made_ = run_nibble({"synth", "--shape", "llama-tiny", "--format", "F16", "-o", model()});
    std::string words;
    for (int i = 0; words.size() < 3000; ++i) words += "some words " + std::to_string(i * i) + ", ";
    std::ofstream(text()) << words;
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override { ASSERT_EQ(made_.code, 0) << made_.err; }
  void TearDown() override {
    for (const auto& entry : fs::directory_iterator(fs::path(model()).parent_path()))
      if (entry.path() != model() && entry.path() != text()) fs::remove_all(entry.path());
  }
  static std::string path(const std::string& name) { return folder_->file(name); }
  static std::string model() { return path("model.gguf"); }
  static std::string text() { return path("text.txt"); }
  static Finished quantize(const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words = {"quantize", model(), out};
    words.insert(words.end(), more.begin(), more.end());
    return run_nibble(words);
  }
  // The model with one F16 value of a tensor replaced by two bytes.
  static void copy_with(const std::string& to, const char* tensor, int64_t index, std::string_view value) {
    fs::copy_file(model(), to);
    size_t offset = 0;
    {
      const auto file = GgufFile::open(to);
      ASSERT_TRUE(file);
      const TensorView& view = *file->find_tensor(tensor);
      offset = read_file(to).find(std::string_view(reinterpret_cast<const char*>(view.bytes.data()), 64));
    }
    ASSERT_NE(offset, std::string::npos);
    std::fstream(to, std::ios::in | std::ios::out | std::ios::binary).seekp(int64_t(offset) + 2 * index).write(value.data(), 2);
  }
  static size_t files() {
    return size_t(std::distance(fs::directory_iterator(fs::path(model()).parent_path()), {}));
  }
  static inline TemporaryFolder* folder_ = nullptr;
  static inline Finished made_;
};

std::string format_in(const std::string& path, const char* tensor) {
  const auto file = GgufFile::open(path);
  EXPECT_TRUE(file) << file.error().message;
  return file ? file->find_tensor(tensor)->format->name : "";
}

TEST_F(QuantizeCli, WritesAFileThatRuns) {
  const std::string out = path("q4.gguf");
  const Finished result = quantize(out, {"Q4_K_M"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(holds(result.err, "bits per weight")) << result.err;
  EXPECT_FALSE(holds(result.err, "\r")) << "progress is for terminals";
  EXPECT_EQ(format_in(out, "blk.3.attn_q.weight"), "Q4_K");
  EXPECT_LT(fs::file_size(out), fs::file_size(model()) / 2);
  EXPECT_EQ(run_nibble({"run", out, "-p", "Hello", "-n", "4", "--temp", "0", "--ignore-eos"}).code, 0);
  const Finished quiet = quantize(out, {"Q8_0", "-q"});
  EXPECT_EQ(quiet.code, 0);
  EXPECT_EQ(quiet.err, "");
  EXPECT_EQ(format_in(out, "blk.3.attn_q.weight"), "Q8_0");
}

TEST_F(QuantizeCli, ADryRunOnlyTells) {
  const std::string out = path("dry.gguf");
  for (const auto& words : {std::vector<std::string>{"quantize", model(), out, "Q4_K_M", "--dry-run"},
                            std::vector<std::string>{"quantize", model(), "Q4_K_M", "--dry-run"}}) {
    const Finished result = run_nibble(words);
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(holds(result.out, "blk.3.attn_q.weight")) << result.out;
    EXPECT_TRUE(holds(result.out, "F16 -> Q4_K"));
  }
  EXPECT_FALSE(fs::exists(out));
  const Finished json = run_nibble({"quantize", model(), "Q4_K_M", "--dry-run", "--json"});
  const auto planned = JsonCheck::object(json.out);
  ASSERT_TRUE(planned) << json.out;
  ASSERT_EQ(quantize(out, {"Q4_K_M", "-q"}).code, 0);
  const auto file = GgufFile::open(out);
  ASSERT_TRUE(file);
  uint64_t bytes = 0;
  for (const TensorView& tensor : file->tensors()) bytes += tensor.bytes.size();
  EXPECT_EQ(planned->at("output_bytes"), std::to_string(bytes));
}

TEST_F(QuantizeCli, SizesOverridesAndKeptTensors) {
  const std::string out = path("out.gguf");
  ASSERT_EQ(
      quantize(out, {"Q4_0", "--tensor", "ffn_down=Q6_K", "--tensor", "ffn=Q5_0", "--keep", "attn_v", "-q"})
          .code,
      0);
  EXPECT_EQ(format_in(out, "blk.0.ffn_down.weight"), "Q6_K");
  EXPECT_EQ(format_in(out, "blk.0.ffn_up.weight"), "Q5_0");
  EXPECT_EQ(format_in(out, "blk.0.attn_v.weight"), "F16");
  EXPECT_EQ(format_in(out, "blk.0.attn_k.weight"), "Q4_0");
  const uint64_t wanted = fs::file_size(model()) * 2 / 5;
  ASSERT_EQ(quantize(out, {"--size", std::to_string(wanted), "-q"}).code, 0);
  EXPECT_LE(fs::file_size(out), wanted);
  EXPECT_GT(fs::file_size(out), wanted * 9 / 10);
  const Finished bits = quantize(out, {"--bpw", "5", "--json", "-q"});
  ASSERT_EQ(bits.code, 0) << bits.err;
  EXPECT_LE(std::stod(JsonCheck::object(bits.out)->at("bits_per_weight")), 5.0);
}

TEST_F(QuantizeCli, MistakesAreToldAndWriteNothing) {
  const std::string out = path("out.gguf");
  struct Mistake {
    std::vector<std::string> words;
    int code;
    const char* told;
  };
  const std::string garbage = path("garbage.gguf");
  std::ofstream(garbage) << "no model at all";
  for (const Mistake& mistake : {
           Mistake{{"quantize", model(), out, "Q4_9"}, 2, "Q4_K_M"},  // the names there are
           Mistake{{"quantize", model(), out}, 2, "recipe"},
           Mistake{{"quantize", model()}, 2, "OUT"},
           Mistake{{"quantize", path("absent.gguf"), out, "Q4_0"}, 3, "absent.gguf"},
           Mistake{{"quantize", garbage, out, "Q4_0"}, 5, "garbage.gguf"},
           Mistake{{"quantize", model(), path("no/such/folder.gguf"), "Q4_0"}, 3, "no/such"},
           Mistake{{"quantize", model(), fs::path(model()).parent_path(), "Q4_0"}, 2, "directory"},
           Mistake{{"quantize", model(), out, "Q4_0", "--bpw", "4"}, 2, "one of them"},
           Mistake{{"quantize", model(), out, "--bpw", "0.5"}, 2, "smallest possible is 2."},
           Mistake{{"quantize", model(), out, "--bpw", "nan"}, 2, "from 0 to 32"},
           Mistake{{"quantize", model(), out, "--bpw", "4", "--size", "4MiB"}, 2, "one of them"},
           Mistake{{"quantize", model(), out, "--size", "100KiB"}, 2, "target of 102400 bytes; the smallest possible"},
           Mistake{{"quantize", model(), out, "--size", "0"}, 2, "positive"},
           Mistake{{"quantize", model(), out, "--size", "-5GiB"}, 2, "-5GiB"},
           Mistake{{"quantize", model(), out, "--size", "1e40GiB"}, 2, "1e40GiB"},
           Mistake{{"quantize", model(), out, "--size", "4 GiBs"}, 2, "4 GiBs"},
           Mistake{{"quantize", model(), out, "IQ2_XS"}, 6, "tensor format 17 is IQ2_XS: codebook"},
           Mistake{{"quantize", model(), out, "iq3_m"}, 6, "recipe IQ3_M: tensor format 21 is IQ3_S: codebook"},
           Mistake{{"quantize", model(), out, "TL2"}, 6, "tensor format 42 is TL2"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "ffn=IQ2_XS"}, 6,
                   "'ffn=IQ2_XS': tensor format 17 is IQ2_XS: codebook"},
           Mistake{{"synth", "--shape", "llama-tiny", "--format", "IQ1_S", "-o", out}, 6, "19 is IQ1_S"},
           Mistake{{"quantize", model(), out, "--bpw", "0"}, 2, "--bpw above 0"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "ffn=Q8_K"}, 2, "activations"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "=Q8_0"}, 2, "PATTERN=FORMAT"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "attn_norm=Q8_0"}, 3, "one dimension"},
           Mistake{{"quantize", model(), out, "Q4_0", "--keep", ""}, 2, "part of a name"},
           Mistake{{"quantize", model(), out, "Q4_0", "--split-size", "0"}, 2, "positive"},
           Mistake{{"quantize", model(), out, "Q4_0", "--split-tensors", "-1"}, 2, "--split-tensors"},
           Mistake{{"quantize", model(), "/dev/null", "Q4_0"}, 2, "not a regular file"},
           Mistake{{"quantize", model(), "-", "Q4_0"}, 2, "stdout"},
           Mistake{{"imatrix", model(), "-f", text(), "-o", text()}, 2, "is the input"},
           Mistake{{"imatrix", model(), "-f", text(), "-o", model()}, 2, "is the input"},
           Mistake{{"quantize", model(), out, "--size", "12"}, 2, "12"},
           Mistake{{"quantize", model(), out, "--size", "much"}, 2, "much"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "nothing=Q8_0"}, 3, "nothing"},
           Mistake{{"quantize", model(), out, "Q4_0", "--tensor", "ffn"}, 2, "ffn"},
           Mistake{{"quantize", model(), out, "Q4_0", "--keep", "nothing"}, 3, "nothing"},
           Mistake{{"quantize", model(), out, "Q4_0", "--imatrix", model()}, 5, "importance matrix"},
           Mistake{{"quantize", model(), out, "Q4_0", "--imatrix", path("absent")}, 3, "absent"},
       }) {
    const Finished result = run_nibble(mistake.words);
    std::string command;
    for (const std::string& word : mistake.words) command += " " + word;
    EXPECT_EQ(result.code, mistake.code) << command << "\n" << result.err;
    EXPECT_TRUE(holds(result.err, mistake.told)) << command << "\n" << result.err;
    EXPECT_EQ(result.out, "") << command;
  }
  EXPECT_EQ(files(), 3u) << "model, text and garbage";
}

TEST_F(QuantizeCli, ATargetIsOfTheWholeFile) {
  const std::string out = path("out.gguf");
  const Finished refused = quantize(out, {"--size", "1"});
  const std::string marker = "smallest possible is ";
  const size_t at = refused.err.find(marker);
  ASSERT_NE(at, std::string::npos) << refused.err;
  const uint64_t smallest = std::stoull(refused.err.substr(at + marker.size()));
  EXPECT_EQ(quantize(out, {"--size", std::to_string(smallest - 1)}).code, 2);
  const Finished result = quantize(out, {"--size", std::to_string(smallest), "-q"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_LE(fs::file_size(out), smallest);
  // The same words as without --dry-run: OUT is no recipe.
  const Finished planned = quantize(out, {"--bpw", "5", "--dry-run", "--json"});
  ASSERT_EQ(planned.code, 0) << planned.err;
  ASSERT_EQ(quantize(out, {"--bpw", "5", "-q"}).code, 0);
  EXPECT_EQ(JsonCheck::object(planned.out)->at("file_bytes"), std::to_string(fs::file_size(out)));
}

TEST_F(QuantizeCli, TheInputIsNeverOverwritten) {
  const std::string before = read_file(model()), link = path("link.gguf"), hard = path("hard.gguf");
  fs::create_symlink(model(), link);
  fs::create_hard_link(model(), hard);
  for (const std::string& out : {model(), link, hard}) {
    const Finished result = quantize(out, {"Q4_0"});
    EXPECT_EQ(result.code, 2) << out << "\n" << result.err;
  }
  EXPECT_TRUE(read_file(model()) == before);
}

TEST_F(QuantizeCli, KilledAtAnyMomentLeavesTheOldFileOrTheNewOne) {
  const std::string out = path("out.gguf");
  ASSERT_EQ(quantize(out, {"Q8_0", "-q"}).code, 0);
  const std::string old = read_file(out);
  ASSERT_EQ(quantize(path("whole.gguf"), {"Q4_K_M", "-q"}).code, 0);
  const std::string whole = read_file(path("whole.gguf"));
  int killed = 0;
  for (int milliseconds = 0; milliseconds < 400; milliseconds = milliseconds * 3 / 2 + 5) {
    Subprocess process({"quantize", model(), out, "Q4_K_M", "-q"});
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    process.end_at_once();
    killed += process.finish().code == 128 + SIGKILL;
    const std::string now = read_file(out);
    ASSERT_TRUE(now == old || now == whole) << "after " << milliseconds << " ms: " << now.size() << " bytes";
  }
  EXPECT_GT(killed, 0);
  ASSERT_EQ(quantize(out, {"Q4_K_M", "-q"}).code, 0) << "leftovers are in nobody's way";
  EXPECT_TRUE(read_file(out) == whole);
}

TEST_F(QuantizeCli, AFileThatDoesNotFitIsAnErrorAndLeavesNothing) {
  const std::string out = path("out.gguf");
  Subprocess process({"quantize", model(), out, "Q8_0"}, {}, 1 << 20);
  const Finished result = process.finish();
  EXPECT_EQ(result.code, 4) << result.err;
  EXPECT_TRUE(holds(result.err, "out.gguf")) << result.err;
  EXPECT_EQ(files(), 2u);
}

TEST_F(QuantizeCli, WeightsThatAreNoNumbersAreRefusedByName) {
  const std::string broken = path("broken.gguf"), out = path("out.gguf");
  ASSERT_NO_FATAL_FAILURE(copy_with(broken, "blk.2.ffn_up.weight", 1234, std::string_view("\0\x7e", 2)));
  const Finished refused = run_nibble({"quantize", broken, out, "Q4_0"});
  EXPECT_EQ(refused.code, 5) << refused.err;
  EXPECT_TRUE(holds(refused.err, "blk.2.ffn_up.weight")) << refused.err;
  EXPECT_TRUE(holds(refused.err, "1234")) << refused.err;
  EXPECT_FALSE(fs::exists(out));
  const Finished allowed = run_nibble({"quantize", broken, out, "Q4_0", "--allow-non-finite"});
  EXPECT_EQ(allowed.code, 0);
  EXPECT_TRUE(holds(allowed.err, "1 values were not finite")) << allowed.err;
}

TEST_F(QuantizeCli, TensorsThatStayAreLookedAtToo) {
  const std::string broken = path("broken.gguf"), out = path("out.gguf");
  ASSERT_NO_FATAL_FAILURE(copy_with(broken, "blk.0.attn_q.weight", 77, std::string_view("\0\x7c", 2)));
  const Finished refused = run_nibble({"quantize", broken, out, "Q4_0", "--keep", "attn_q"});
  EXPECT_EQ(refused.code, 5) << refused.err;
  EXPECT_TRUE(holds(refused.err, "blk.0.attn_q.weight: value 77 is inf")) << refused.err;
  const Finished allowed =
      run_nibble({"quantize", broken, out, "Q4_0", "--keep", "attn_q", "--allow-non-finite"});
  ASSERT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_TRUE(holds(allowed.err, "1 values were not finite")) << allowed.err;
  // A copy is a copy.
  ASSERT_EQ(run_nibble({"quantize", broken, out, "COPY", "-q"}).code, 0);
}

TEST_F(QuantizeCli, QuantizingTwiceIsWarnedOf) {
  const std::string once = path("once.gguf"), twice = path("twice.gguf");
  const Finished first = quantize(once, {"Q8_0"});
  EXPECT_FALSE(holds(first.err, "warning")) << first.err;
  const Finished second = run_nibble({"quantize", once, twice, "Q4_0"});
  EXPECT_EQ(second.code, 0);
  EXPECT_TRUE(holds(second.err, "warning")) << second.err;
  EXPECT_TRUE(holds(second.err, "quantized already")) << second.err;
}

TEST_F(QuantizeCli, PerplexityAndItsComparison) {
  const std::string logits = path("logits"), q8 = path("q8.gguf");
  const Finished base = run_nibble({"perplexity", model(), "-f", text(), "--chunk", "64", "--chunks", "3",
                                    "--save-logits", logits, "--json"});
  ASSERT_EQ(base.code, 0) << base.err;
  EXPECT_EQ(base.err, "") << "progress is for terminals";
  const auto members = JsonCheck::object(base.out);
  ASSERT_TRUE(members) << base.out;
  EXPECT_EQ(members->at("chunks"), "3");
  EXPECT_EQ(members->at("scored"), "93");
  ASSERT_EQ(quantize(q8, {"Q8_0", "-q"}).code, 0);
  const Finished compared = run_nibble({"perplexity", q8, "--base-logits", logits});
  ASSERT_EQ(compared.code, 0) << compared.err;
  EXPECT_TRUE(holds(compared.out, "KL divergence, mean")) << compared.out;
  EXPECT_EQ(run_nibble({"perplexity", q8, "--base-logits", text()}).code, 5);
  EXPECT_EQ(run_nibble({"perplexity", q8, "--base-logits", path("absent")}).code, 3);
  const Finished brief = run_nibble({"perplexity", model(), "-p", "too short"});
  EXPECT_EQ(brief.code, 2);
  EXPECT_TRUE(holds(brief.err, "512")) << brief.err;
}

TEST_F(QuantizeCli, ImatrixIsUsedAndGoesOnWhereItWasKilled) {
  const std::string matrix = path("m.imatrix"), parts = path("parts.imatrix");
  const std::vector<std::string> command = {"imatrix",  model(), "-f",           text(), "--chunk", "64",
                                            "--chunks", "12",    "--save-every", "1",    "-o"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = command;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const Finished result = run_nibble(with({matrix}));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(holds(result.err, "12 chunks")) << result.err;
  EXPECT_FALSE(holds(result.err, "\r")) << "progress is for terminals";
  {
    Subprocess process(with({parts}));
    for (int i = 0; i < 6000 && !fs::exists(parts); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    process.end_at_once();
  }
  ASSERT_TRUE(fs::exists(parts));
  const Finished resumed = run_nibble(with({parts, "--resume"}));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(read_file(parts) == read_file(matrix)) << "a resumed run ends at the same bytes";

  const std::string plain = path("plain.gguf"), weighted = path("weighted.gguf");
  ASSERT_EQ(quantize(plain, {"Q4_K_M", "-q"}).code, 0);
  ASSERT_EQ(quantize(weighted, {"Q4_K_M", "-q", "--imatrix", matrix}).code, 0);
  EXPECT_FALSE(read_file(plain) == read_file(weighted));
}

TEST_F(QuantizeCli, AnInterruptedImatrixIsSaved) {
  const std::string matrix = path("m.imatrix");
  std::string words;
  for (int i = 0; words.size() < 300000; ++i) words += "some words " + std::to_string(i * i) + ", ";
  std::ofstream(path("long.txt")) << words;
  const std::vector<std::string> command = {"imatrix", model(), "-f",    path("long.txt"), "--chunk",
                                            "64",      "-o",    matrix, "--save-every",   "1"};
  Subprocess process(command);
  for (int i = 0; i < 6000 && !fs::exists(matrix); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.interrupt();
  const Finished stopped = process.finish();
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_TRUE(holds(stopped.err, "--resume goes on")) << stopped.err;
  EXPECT_TRUE(fs::exists(matrix));
}

TEST_F(QuantizeCli, TheImatrixOfAnotherModelIsRefused) {
  const std::string other = path("other.gguf"), matrix = path("m.imatrix");
  ASSERT_EQ(run_nibble({"synth", "--shape", "phi3-tiny", "--format", "F16", "-o", other}).code, 0);
  ASSERT_EQ(
      run_nibble({"imatrix", model(), "-f", text(), "--chunk", "64", "--chunks", "1", "-o", matrix}).code, 0);
  const std::string before = read_file(matrix);
  const Finished used = run_nibble({"quantize", other, path("out.gguf"), "Q4_0", "--imatrix", matrix});
  EXPECT_EQ(used.code, 2) << used.err;
  EXPECT_TRUE(holds(used.err, "another model")) << used.err;
  const Finished resumed = run_nibble(
      {"imatrix", other, "-f", text(), "--chunk", "64", "--chunks", "2", "-o", matrix, "--resume"});
  EXPECT_EQ(resumed.code, 2) << resumed.err;
  EXPECT_TRUE(holds(resumed.err, "another model")) << resumed.err;
  EXPECT_TRUE(read_file(matrix) == before);
  EXPECT_EQ(run_nibble({"imatrix", model(), "-p", "short", "-o", matrix}).code, 2);
  EXPECT_EQ(run_nibble({"imatrix", model(), "-f", text()}).code, 2) << "no --output";
}

}  // namespace
}  // namespace nibble
