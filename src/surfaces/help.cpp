#include "surfaces/help.h"

#include <algorithm>

#include "base/topology.h"
#include "kernels/kernels.h"
#include "surfaces/commands.h"

namespace nibble {
namespace {

constexpr std::string_view kNotes =
    "NIBBLE_FORCE_ISA=NAME in the environment chooses the kernels (nibble --version lists them); results are "
    "the same.\n";

std::string signature(const Option& option) {
  return concat(option.flags, option.value.empty() ? "" : " ", option.value);
}

std::string described(const Option& option) {
  std::string text(option.help);
  if (const std::string value = option_default(option); !value.empty())
    text += concat(" (default ", value, ")");
  return text;
}

// `text` in lines of at most `width`, the later ones indented.
std::string wrapped(std::string_view text, size_t indent, size_t width) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string range_text(const Option& option) {
  return option.range ? concat(option.range->low, " to ", option.range->high) : std::string();
}

}  // namespace

std::string version_text() {
  const Topology topology = read_topology();
  std::string quota = topology.quota ? concat(", quota ", *topology.quota) : "";
  std::string available;
  for (const KernelTable* table : available_kernels())
    available += concat(available.empty() ? "" : ", ", table->name);
  return concat("nibble ", NIBBLE_VERSION, "\nkernels: ", kernels().name, " (of ", available,
                ")\nprocessors: ", topology.cpus.size(), " allowed, ", topology.fast_cores(), " fast cores",
                quota, ", ", topology.default_threads(), " threads by default\n");
}

std::string general_help() {
  std::string text =
      "nibble runs quantized language models (GGUF files) on ordinary processors.\n\nusage: nibble COMMAND "
      "...\n";
  for (const Command& command : commands()) {
    std::string head = concat("  ", command.name, " ", command.arguments);
    head.resize(std::max<size_t>(head.size() + 2, 30), ' ');
    text += concat(head, command.summary, "\n");
  }
  return text +
         "\nnibble COMMAND --help tells its options; nibble --version the version and the kernels in use.\n" +
         std::string(kNotes);
}

std::string command_help(const Command& command) {
  std::string text = concat(command.summary, "\n\nusage: nibble ", command.name, " ", command.arguments,
                            command.arguments.empty() ? "" : " ", "[OPTIONS]\n", command.details, "\n");
  for (const Option& option : options()) {
    if (!(option.commands & command.bit)) continue;
    std::string head = "  " + signature(option);
    constexpr size_t kColumn = 30;
    if (head.size() + 2 > kColumn)
      head += '\n' + std::string(kColumn, ' ');
    else
      head.resize(kColumn, ' ');
    text += concat(head, wrapped(described(option), kColumn, 100), "\n");
  }
  return text;
}

std::string markdown_help() {
  std::string text =
      "# Command line\n\nMade by `nibble --help-markdown` from the table of options "
      "(`src/surfaces/options.cpp`); "
      "a test compares.\n\n";
  for (const Command& command : commands())
    text += concat("- [nibble ", command.name, "](#nibble-", command.name, "): ", command.summary, "\n");
  text += concat("\nExit codes: 0 done; ", kSlowerExitCode, " nibble bench --against found a slower row; 130 stopped by Ctrl-C; otherwise the kind of error:");
  for (int kind = 0; kind <= int(ErrorKind::kInternal); ++kind)
    text +=
        concat(kind ? ", " : " ", error_exit_code(ErrorKind(kind)), " ", error_kind_name(ErrorKind(kind)));
  text += concat(".\n\n`--flag value` and `--flag=value` are the same; after `--` nothing is an option.\n",
                 kNotes);
  for (const Command& command : commands()) {
    text += concat("\n## nibble ", command.name, "\n", command.summary, "\n\n    nibble ", command.name, " ",
                   command.arguments, command.arguments.empty() ? "" : " ", "[OPTIONS]\n\n");
    if (!command.details.empty()) text += concat(command.details, "\n");
    text += "| option | | default | range |\n|---|---|---|---|\n";
    for (const Option& option : options())
      if (option.commands & command.bit)
        text += concat("| `", markdown_cell(signature(option)), "` | ", markdown_cell(option.help), " | ",
                       option_default(option), " | ", range_text(option), " |\n");
  }
  return text;
}

}  // namespace nibble
