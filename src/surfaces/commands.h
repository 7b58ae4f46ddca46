// The commands, one file each (command_NAME.cpp), and what several of them share. To add one: a bit in
// options.h, rows for its options in options.cpp, a row in commands.cpp, a function here.
#pragma once
#include <memory>
#include <string>

#include "engine/session.h"
#include "surfaces/command_line.h"

namespace nibble {

int run_command(const CommandLine& line);
int chat_command(const CommandLine& line);
int inspect_command(const CommandLine& line);
int tokenize_command(const CommandLine& line);
int detokenize_command(const CommandLine& line);
int synth_command(const CommandLine& line);
int quantize_command(const CommandLine& line);
int convert_command(const CommandLine& line);
int perplexity_command(const CommandLine& line);
int imatrix_command(const CommandLine& line);
int bench_command(const CommandLine& line);
inline constexpr int kSlowerExitCode = 1;  // of bench --against, when a row is slower

// line.model, or the model that comes with nibble.
Result<std::string> model_path(const CommandLine& line);
// The engine of run and chat: options as given, a chat template file read.
Result<std::unique_ptr<Engine>> open_engine(const CommandLine& line, const std::string& path);
// One line for stderr: times and rates of load, prefill and decode.
std::string timing_line(const Engine& engine, const Generation& generation);

}  // namespace nibble
