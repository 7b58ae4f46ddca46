#include "base/thread_pool.h"
#include "base/topology.h"
#include "surfaces/commands.h"
#include "surfaces/output.h"
#include "transform/synth.h"

namespace nibble {
namespace {

Status synth(const CommandLine& line) {
  if (line.output.empty()) return fail(ErrorKind::kInvalidArgument, "where to? give --output FILE");
  ThreadPool pool(line.engine.threads > 0 ? line.engine.threads : read_topology().default_threads());
  NIBBLE_TRY(const SynthReport report, write_synthetic_model(line.synth, line.output, pool));
  if (!line.text.quiet)
    write_stderr(concat(line.output, ": ", report.parameters, " parameters in ", report.tensors, " tensors, ",
                        report.tensor_bytes, " bytes\n"));
  return {};
}

}  // namespace

int synth_command(const CommandLine& line) {
  const Status status = synth(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
