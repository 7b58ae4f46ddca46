#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/output.h"
#include "surfaces/progress.h"
#include "transform/importance.h"

namespace nibble {
namespace {

Status imatrix(const CommandLine& line) {
  if (line.output.empty()) return fail(ErrorKind::kInvalidArgument, "where to? give --output FILE");
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(line, path));
  NIBBLE_TRY(const std::string text, read_prompt(line.text));
  ImportanceOptions options = line.importance;
  options.special = line.text.special;
  ProgressLine shown(!line.text.quiet, ProgressLine::Of::kChunks);
  NIBBLE_TRY(const ImportanceMatrix matrix,
             collect_importance(*engine, text, line.text.prompt_file, options, line.output,
                                [&](int64_t chunk, int64_t chunks) {
                                  shown.update(uint64_t(chunk), uint64_t(chunks), path);
                                }));
  shown.clear();
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
