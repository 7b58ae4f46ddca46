#include <cstdio>

#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/output.h"
#include "transform/importance.h"

namespace nibble {
namespace {

Status imatrix(const CommandLine& line) {
  if (line.output.empty()) return fail(ErrorKind::kInvalidArgument, "where to? give --output FILE");
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(line, path));
  NIBBLE_TRY(const std::string text, read_prompt(line.text));
  NIBBLE_TRY(const ImportanceMatrix matrix,
             collect_importance(*engine, text, line.text.prompt_file, line.importance, line.output,
                                [&](int64_t chunk, int64_t chunks) {
                                  if (!line.text.quiet) write_stderr(concat("[", chunk, "/", chunks, "]\n"));
                                }));
  if (!line.text.quiet)
    write_stderr(concat(line.output, ": ", matrix.size(), " matrices over ", matrix.chunks, " chunks of ",
                        matrix.chunk_size, " tokens\n"));
  return {};
}

}  // namespace

int imatrix_command(const CommandLine& line) {
  const Status status = imatrix(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
