// Chat templates against npm's @huggingface/jinja: the same bytes, or an error on both sides.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/json_fixture.h"

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

// Filters of Jinja that templates use and the peer does not know.
bool peer_lacks(const std::string& error) { return error == "Unknown ArrayValue filter: reject"; }

void expect_same(const Result<std::string>& ours, const jinja::Value& peer, const std::string& where) {
  if (peer.is_string()) {
    ASSERT_TRUE(ours) << where << ": " << ours.error().message << "\npeer: " << peer.as_string();
    EXPECT_EQ(*ours, peer.as_string()) << where;
  } else if (const std::string& error = peer.as_dict().find("error")->as_string(); peer_lacks(error)) {
    EXPECT_TRUE(ours) << where << ": " << ours.error().message;
  } else {
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

}  // namespace
}  // namespace nibble
