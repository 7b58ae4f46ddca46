// Help, generated from the tables of commands and options.
#pragma once
#include <string>

#include "surfaces/command_line.h"

namespace nibble {

std::string general_help();
std::string command_help(const Command& command);
std::string markdown_help();  // all of it: docs/cli.md
std::string version_text();   // version, kernels, processors

}  // namespace nibble
