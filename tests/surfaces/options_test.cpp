#include "surfaces/options.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "surfaces/command_line.h"
#include "surfaces/json_check.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

Result<CommandLine> parse(const char* command, std::vector<std::string_view> words) {
  return parse_command_line(*find_command(command), words);
}

TEST(Options, NoFlagMeansTwoThingsInOneCommand) {
  for (const Command& command : commands()) {
    std::set<std::string_view> seen;
    for (const Option& option : options()) {
      if (!(option.commands & command.bit)) continue;
      for (std::string_view flag : option_flags(option)) {
        EXPECT_TRUE(seen.insert(flag).second) << command.name << " " << flag;
        EXPECT_TRUE(flag.starts_with('-'));
      }
    }
  }
}

TEST(Options, DefaultsLieInTheirRanges) {
  for (const Option& option : options()) {
    const std::string value = option_default(option);
    if (!option.range || value.empty()) continue;
    CommandLine line;
    EXPECT_TRUE(set_option(option, line, value)) << option.flags;
  }
}

TEST(Options, SwitchesTakeNoValueAndOthersNameTheirs) {
  for (const Option& option : options()) {
    CommandLine line;
    const bool is_switch = std::holds_alternative<bool*>(option.target(line));
    EXPECT_EQ(is_switch, option.value.empty()) << option.flags;
    EXPECT_FALSE(option.help.empty());
  }
}

TEST(Options, EveryKindOfValueIsRead) {
  const auto line = parse(
      "run",
      {"model.gguf", "-t",          "4", "--temp=0.5", "--seed", "18446744073709551615", "--stop", "a",  "-r",
       "b",          "--stop-id",   "7", "-l",         "15-1.5", "--logit-bias",         "3=2",    "-n", "-1",
       "--json",     "--ignore-eos"});
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->model, "model.gguf");
  EXPECT_EQ(line->engine.threads, 4);
  EXPECT_EQ(line->generation.sampling.temperature, 0.5f);
  EXPECT_EQ(line->generation.sampling.seed, 18446744073709551615u);
  EXPECT_EQ(line->generation.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(line->generation.stop_ids, (std::vector<TokenId>{7}));
  ASSERT_EQ(line->generation.sampling.logit_bias.size(), 2u);
  EXPECT_EQ(line->generation.sampling.logit_bias[0].token, 15);
  EXPECT_EQ(line->generation.sampling.logit_bias[0].bias, -1.5f);
  EXPECT_EQ(line->generation.sampling.logit_bias[1].bias, 2.0f);
  EXPECT_TRUE(line->text.json);
  EXPECT_TRUE(line->generation.ignore_end);
}

TEST(Options, WordsAfterTwoDashesAreNoOptions) {
  const auto line = parse("run", {"--", "--model"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->model, "--model");
}

TEST(Options, NumbersAreReadWholeOrNotAtAll) {
  for (const char* bad : {"", "1x", " 1", "1 ", "0x10", "1e99999", "--"})
    EXPECT_FALSE(parse("run", {"--temp", bad})) << bad;
  for (const char* bad : {"1.5", "99999999999999999999", "-1"})
    EXPECT_FALSE(parse("run", {"--threads", bad})) << bad;
  EXPECT_TRUE(parse("run", {"--temp", "+1"}));
  EXPECT_TRUE(parse("run", {"--temp", "1e-3"}));
}

TEST(Options, NearestFindsWhatWasMeant) {
  const std::vector<std::string_view> words = {"--threads", "--temp", "--top-k", "--top-p"};
  EXPECT_EQ(nearest("--thread", words), "--threads");
  EXPECT_EQ(nearest("--topk", words), "--top-k");
  EXPECT_EQ(nearest("--completely-else", words), "");
}

TEST(JsonWriter, QuotesWhatIsNoJson) {
  JsonWriter json;
  json.begin_object()
      .field("a\"\\\n", "x\t\x01\x7f é \xff\xc0\x80\xed\xa0\x80 🙂")
      .field("b", 1.5)
      .field("c", true);
  json.field("d", uint64_t(18446744073709551615u)).field("e", -3).field("nan", 0.0 / 0.0);
  json.key("f").begin_array().value(1).begin_array().end_array().value("s").null().end_array();
  json.key("g").begin_object().end_object().end_object();
  EXPECT_EQ(json.text(),
            "{\"a\\\"\\\\\\n\":\"x\\t\\u0001\\u007f é \uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD "
            "🙂\",\"b\":1.5,\"c\":true,"
            "\"d\":18446744073709551615,\"e\":-3,\"nan\":null,\"f\":[1,[],\"s\",null],\"g\":{}}");
  EXPECT_TRUE(JsonCheck::object(json.text()));
}

TEST(JsonCheck, RefusesWhatIsNoJson) {
  EXPECT_TRUE(JsonCheck::object(" {\"a\": [1, -2.5e3, \"x\\u00e9\", {}], \"b\": null} "));
  for (const char* bad : {"", "{", "{\"a\":}", "{a:1}", "{\"a\":01}", "{\"a\":1,}", "{\"a\":\"\n\"}", "{} x",
                          "[1]", "{\"a\":nan}"})
    EXPECT_FALSE(JsonCheck::object(bad)) << bad;
}

}  // namespace
}  // namespace nibble
