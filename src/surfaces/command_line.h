// Words into a CommandLine, by the table of options.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "surfaces/options.h"

namespace nibble {

// A command: what it is called, what it takes besides options, what runs it. Defined in commands.cpp.
struct Command {
  std::string_view name;
  CommandSet bit;
  std::string_view arguments;  // "[MODEL]", for help
  size_t max_arguments;      // words that are no options; the first is the model where the command takes one
  std::string_view summary;  // one line
  std::string_view details;  // more for its own help, whole lines
  int (*run)(const CommandLine& line);  // the process's exit code; errors have been reported
};
std::span<const Command> commands();
const Command* find_command(std::string_view name);

// `words` are those after the command. kInvalidArgument: an unknown flag (with the nearest one), a missing or
// bad value, too many words.
Result<CommandLine> parse_command_line(const Command& command, std::span<const std::string_view> words);

// The candidate that differs least from `word`; empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace nibble
