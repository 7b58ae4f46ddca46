#include "base/atomic_file.h"
#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/interrupt.h"
#include "surfaces/output.h"
#include "surfaces/progress.h"
#include "transform/importance.h"

namespace nibble {
namespace {

Status imatrix(const CommandLine& line) {
  if (line.output.empty()) return fail(ErrorKind::kInvalidArgument, "where to? give --output FILE");
  NIBBLE_TRY(const std::string path, model_path(line));
  const std::string inputs[] = {path, line.text.prompt_file};
  NIBBLE_CHECK_OK(refuse_to_replace(inputs, line.output));
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(line, path));
  NIBBLE_TRY(const std::string text, read_prompt(line.text));
  ImportanceOptions options = line.importance;
  options.special = line.text.special;
  ProgressLine shown(!line.text.quiet, ProgressLine::Of::kChunks);
  InterruptGuard interrupt(InterruptGuard::Second::kEndsTheProgram);
  const auto matrix = collect_importance(*engine, text, line.text.prompt_file, options, line.output,
                                         [&](int64_t chunk, int64_t chunks) {
                                           shown.update(uint64_t(chunk), uint64_t(chunks), path);
                                           return !interrupt.take();
                                         });
  shown.clear();
  if (!matrix && matrix.error().kind == ErrorKind::kCancelled && !line.text.quiet)
    write_stderr(concat(matrix.error().message, "; --resume goes on\n"));
  if (!matrix) return forward_error(matrix.error());
  if (!line.text.quiet)
    write_stderr(concat(line.output, ": ", matrix->size(), " matrices over ", matrix->chunks, " chunks of ",
                        matrix->chunk_size, " tokens\n"));
  return {};
}

}  // namespace

int imatrix_command(const CommandLine& line) {
  const Status status = imatrix(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
