// Chat templates against npm's @huggingface/jinja: the same bytes, or an error on both sides.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/json_fixture.h"
#include "text/template_generator.h"

namespace nibble {
namespace {

namespace fs = std::filesystem;
using test::JsonFixture;

const std::string kTests = NIBBLE_SOURCE_DIR "/tests";

// The time that chat_template_peer.mjs pretends to run at.
constexpr std::chrono::local_seconds kFixedTime = std::chrono::local_days(std::chrono::year(2026) / 3 / 5) +
                                                  std::chrono::hours(14) + std::chrono::minutes(7) +
                                                  std::chrono::seconds(9);

std::string missing_peer() {
  if (std::system("node --version > /dev/null 2>&1") != 0)
    return "node is not installed (apt-get install nodejs)";
  if (!fs::exists(kTests + "/npm/node_modules/@huggingface/jinja")) {
    return "npm package @huggingface/jinja is missing: npm install --prefix tests/npm";
  }
  return {};
}

// What the peer prints for these arguments.
jinja::Value run_peer(const std::string& arguments) {
  const std::string command =
      "node '" + kTests + "/text/chat_template_peer.mjs' '" + kTests + "/npm' " + arguments;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string out;
  char buffer[65536];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, got);
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return JsonFixture::parse(out);
}

std::vector<std::string> template_files(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".jinja") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The variables of one conversation, as chat_template_peer.mjs makes them.
jinja::Dict variables_of(const jinja::Dict& conversation, const jinja::Dict& tool_sets,
                         bool add_generation_prompt) {
  jinja::Dict variables{{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  for (const auto& [name, value] : conversation.entries()) {
    if (name == "name") continue;
    variables.set(name, name == "tools" ? *tool_sets.find(value.as_string()) : value);
  }
  variables.set("add_generation_prompt", add_generation_prompt);
  return variables;
}

Result<std::string> render(const std::string& source, const jinja::Dict& variables) {
  NIBBLE_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source));
  return chat_template.render(variables, kFixedTime);
}

// Errors of the peer where nibble renders: filters and operators of Jinja that it does not know, and an
// undefined item (of an empty list) that it stumbles over.
bool peer_lacks(const std::string& error) {
  constexpr std::string_view kLacking[] = {
      "Unknown ArrayValue filter: reject",
      "Unknown ObjectValue filter: string",
      "Unknown StringValue filter: list",
      "Unknown StringValue filter: first",
      "Unknown StringValue filter: last",
      "Unknown ObjectValue filter: list",
      "Unknown ObjectValue filter: first",
      "Unknown ObjectValue filter: last",
      "Unknown operator \"<\" between StringValue and StringValue",
      "Unknown operator \"<=\" between StringValue and StringValue",
      "Unknown operator \">\" between StringValue and StringValue",
      "Unknown operator \">=\" between StringValue and StringValue",
      "Unknown operator \"*\" between IntegerValue and StringValue",
      "Unknown operator \"*\" between StringValue and IntegerValue",
      "Unknown operator \"*\" between IntegerValue and ArrayValue",
      "Unknown operator \"*\" between ArrayValue and IntegerValue",
      "Parser Error: Expected closing statement token. UnaryOperator",  // {} - 1
      "Parser Error: Expected closing expression token. UnaryOperator",
      "Parser Error: Expected closing parenthesis",
      "Cannot read properties of undefined",  // the first item of an empty list
  };
  return std::any_of(std::begin(kLacking), std::end(kLacking),
                     [&](std::string_view start) { return error.starts_with(start); });
}

// Errors of nibble where the peer goes on: with Infinity, NaN, or rounded numbers.
bool is_stricter(const std::string& error) {
  return error.ends_with("division by zero") || error.ends_with("is beyond 64 bits");
}

void write_json(const fs::path& path, const jinja::Value& value) {
  const auto json =
      ChatTemplate::parse("{{ value | tojson }}")->render(jinja::Dict{{"value", value}}, kFixedTime);
  std::ofstream(path, std::ios::binary) << json.value();
}

void expect_same(const Result<std::string>& ours, const jinja::Value& peer, const std::string& where) {
  if (peer.is_string()) {
    ASSERT_TRUE(ours) << where << ": " << ours.error().message << "\npeer: " << peer.as_string();
    EXPECT_EQ(*ours, peer.as_string()) << where;
  } else if (const std::string& error = peer.as_dict().find("error")->as_string(); !peer_lacks(error)) {
    EXPECT_FALSE(ours) << where << ": the peer fails with " << error << "\nnibble renders: " << *ours;
  }
}

void compare_directory(const std::string& directory) {
  const auto set = JsonFixture::parse(JsonFixture::read_file(kTests + "/text/conversations.json"));
  const jinja::Dict& tool_sets = set.as_dict().find("tool_sets")->as_dict();
  const jinja::List& conversations = set.as_dict().find("conversations")->as_list();
  const auto files = template_files(directory);
  ASSERT_FALSE(files.empty()) << directory;
  std::string arguments = "'" + kTests + "/text/conversations.json'";
  for (const std::string& file : files) arguments += " '" + file + "'";
  const jinja::Value results = run_peer(arguments);
  ASSERT_EQ(results.as_list().size(), files.size() * conversations.size() * 2);
  size_t next = 0;
  for (const std::string& file : files) {
    const std::string source = JsonFixture::read_file(file);
    for (const jinja::Value& conversation : conversations) {
      for (const bool add_generation_prompt : {false, true}) {
        const auto variables = variables_of(conversation.as_dict(), tool_sets, add_generation_prompt);
        const std::string where =
            concat(fs::path(file).filename().string(), ", ", conversation.as_dict().find("name")->as_string(),
                   add_generation_prompt ? ", generation prompt" : "");
        expect_same(render(source, variables), results.as_list()[next++], where);
      }
    }
  }
}

TEST(ChatTemplatePeer, SharedTemplates) {
  if (const auto missing = missing_peer(); !missing.empty()) GTEST_SKIP() << missing;
  const std::string directory = NIBBLE_SHARED_DIR "/chat-templates";
  if (!fs::exists(directory)) GTEST_SKIP() << directory << " is missing: the templates of real models";
  compare_directory(directory);
}

TEST(ChatTemplatePeer, OwnTemplates) {
  if (const auto missing = missing_peer(); !missing.empty()) GTEST_SKIP() << missing;
  compare_directory(kTests + "/text/templates");
}

// NIBBLE_TEMPLATE_CASES=100000 NIBBLE_TEMPLATE_SEED=7 for a longer search.
uint64_t environment_number(const char* name, uint64_t fallback) {
  const char* given = std::getenv(name);
  return given ? std::strtoull(given, nullptr, 10) : fallback;
}

// Renders every source over the same variables on both sides.
void compare_sources(const std::vector<std::string>& sources, const jinja::Value& variables) {
  const fs::path directory = fs::temp_directory_path() / concat("nibble_templates_", ::getpid());
  fs::create_directories(directory);
  write_json(directory / "templates.json", jinja::Value(jinja::List(sources.begin(), sources.end())));
  write_json(directory / "variables.json", variables);
  const jinja::Value results = run_peer("--lines '" + (directory / "templates.json").string() + "' '" +
                                        (directory / "variables.json").string() + "'");
  fs::remove_all(directory);
  size_t rendered = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto ours = render(sources[i], variables.as_dict());
    const jinja::Value& peer = results.as_list()[i];
    rendered += peer.is_string();
    if (!ours && is_stricter(ours.error().message)) continue;
    expect_same(ours, peer, concat("template ", i, ": ", sources[i], "\n"));
  }
  EXPECT_GT(rendered, sources.size() / 4);  // enough of them must make sense
}

TEST(ChatTemplatePeer, RandomTemplates) {
  if (const auto missing = missing_peer(); !missing.empty()) GTEST_SKIP() << missing;
  test::TemplateGenerator generator(environment_number("NIBBLE_TEMPLATE_SEED", 1));
  std::vector<std::string> sources(environment_number("NIBBLE_TEMPLATE_CASES", 4000));
  for (std::string& source : sources) source = generator.generate();
  compare_sources(sources, JsonFixture::parse(test::kGeneratorVariables));
}

// White space where it matters: every template with its hyphens, line ends and blanks changed at random.
TEST(ChatTemplatePeer, TemplatesWithOtherWhiteSpace) {
  if (const auto missing = missing_peer(); !missing.empty()) GTEST_SKIP() << missing;
  const auto set = JsonFixture::parse(JsonFixture::read_file(kTests + "/text/conversations.json"));
  const jinja::Dict& tool_sets = set.as_dict().find("tool_sets")->as_dict();
  const jinja::Value& conversation = set.as_dict().find("conversations")->as_list()[15];
  std::mt19937_64 random(environment_number("NIBBLE_TEMPLATE_SEED", 1));
  std::vector<std::string> sources;
  const uint64_t variants = environment_number("NIBBLE_TEMPLATE_VARIANTS", 10);
  for (const std::string& directory :
       {kTests + "/text/templates", std::string(NIBBLE_SHARED_DIR "/chat-templates")}) {
    if (!fs::exists(directory)) continue;
    for (const std::string& file : template_files(directory)) {
      const std::string source = JsonFixture::read_file(file);
      for (uint64_t i = 0; i < variants; ++i) sources.push_back(test::with_other_white_space(source, random));
    }
  }
  compare_sources(sources, variables_of(conversation.as_dict(), tool_sets, true));
}

}  // namespace
}  // namespace nibble
