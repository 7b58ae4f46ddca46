// nibble: the program. Commands are in command_*.cpp, their options in options.cpp.
#include <signal.h>

#include <vector>

#include "surfaces/command_line.h"
#include "surfaces/help.h"
#include "surfaces/output.h"
#include "surfaces/shortened_file.h"

namespace nibble {
namespace {

int print(const std::string& text) {
  const Status written = write_stdout(text);
  return written ? 0 : report_error("", written.error());
}

int unknown_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Command& command : commands()) names.push_back(command.name);
  const std::string_view guess = nearest(name, names);
  const std::string hint = guess.empty() ? "nibble --help lists them" : concat("did you mean ", guess, "?");
  return report_error("", {ErrorKind::kInvalidArgument, concat("no command \"", name, "\"; ", hint)});
}

int program(const std::vector<std::string_view>& words) {
  if (words.empty()) {
    write_stderr(general_help());
    return error_exit_code(ErrorKind::kInvalidArgument);
  }
  const std::string_view first = words[0];
  if (first == "--version" || first == "version") return print(version_text());
  if (first == "--help-markdown") return print(markdown_help());
  if (first == "--help" || first == "-h" || (first == "help" && words.size() == 1))
    return print(general_help());
  const bool asks_help = first == "help";
  const std::string_view name = asks_help ? words[1] : first;
  const Command* command = find_command(name);
  if (!command) return unknown_command(name);
  if (asks_help) return print(command_help(*command));
  const auto line = parse_command_line(*command, std::span(words).subspan(1));
  if (!line) return report_error(name, line.error());
  if (line->help) return print(command_help(*command));
  return command->run(*line);
}

}  // namespace
}  // namespace nibble

int main(int argc, char** argv) {
  // A reader of stdout that goes away is an error of a write, seen by the command that writes.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file beyond `ulimit -f` is an error of the write
  nibble::exit_when_a_mapped_file_is_shortened();
  return nibble::program(std::vector<std::string_view>(argv + 1, argv + argc));
}
