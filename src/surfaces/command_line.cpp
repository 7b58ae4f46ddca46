#include "surfaces/command_line.h"

#include <algorithm>
#include <type_traits>

namespace nibble {
namespace {

// Insertions, deletions and changes that turn one word into the other (Levenshtein), row by row.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

const Option* find_option(std::string_view flag, CommandSet wanted) {
  for (const Option& option : options()) {
    if (!(option.commands & wanted)) continue;
    const auto flags = option_flags(option);
    if (std::find(flags.begin(), flags.end(), flag) != flags.end()) return &option;
  }
  return nullptr;
}

std::unexpected<Error> unknown_flag(const Command& command, std::string_view flag) {
  if (const Option* elsewhere = find_option(flag, ~CommandSet(0))) {
    std::string owners;
    for (const Command& other : commands())
      if (elsewhere->commands & other.bit) owners += concat(owners.empty() ? "" : ", ", other.name);
    return fail(ErrorKind::kInvalidArgument, flag, " is an option of ", owners, ", not of ", command.name);
  }
  std::vector<std::string_view> flags;
  for (const Option& option : options())
    if (option.commands & command.bit)
      for (std::string_view known : option_flags(option)) flags.push_back(known);
  const std::string_view guess = nearest(flag, flags);
  if (guess.empty())
    return fail(ErrorKind::kInvalidArgument, "unknown option ", flag, "; see nibble ", command.name,
                " --help");
  return fail(ErrorKind::kInvalidArgument, "unknown option ", flag, "; did you mean ", guess, "?");
}

bool is_switch(const Option& option) {
  CommandLine line;
  return std::holds_alternative<bool*>(option.target(line));
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > 64) return {};
  std::string_view best;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

Result<CommandLine> parse_command_line(const Command& command, std::span<const std::string_view> words) {
  CommandLine line;
  line.command = command.name;
  bool only_arguments = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (only_arguments || word.size() < 2 || word[0] != '-') {  // "-" alone is a word
      if (line.arguments.size() == command.max_arguments)
        return fail(ErrorKind::kInvalidArgument, "\"", word, "\" is too much: nibble ", command.name,
                    " takes ", command.max_arguments == 0 ? "options only" : command.arguments);
      line.arguments.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_arguments = true;
      continue;
    }
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view flag = word.substr(0, equals);
    const Option* option = find_option(flag, command.bit);
    if (!option) return unknown_flag(command, flag);
    if (equals != std::string_view::npos) {
      NIBBLE_CHECK_OK(set_option(*option, line, word.substr(equals + 1)));
    } else if (is_switch(*option)) {
      NIBBLE_CHECK_OK(set_option(*option, line, "true"));
    } else if (i + 1 == words.size()) {
      return fail(ErrorKind::kInvalidArgument, flag, " wants a value: ", flag, " ", option->value);
    } else {
      NIBBLE_CHECK_OK(set_option(*option, line, words[++i]));
    }
  }
  if (line.model.empty() && !line.arguments.empty() && find_option("--model", command.bit)) {
    line.model = std::move(line.arguments.front());
    line.arguments.erase(line.arguments.begin());
  }
  return line;
}

}  // namespace nibble
