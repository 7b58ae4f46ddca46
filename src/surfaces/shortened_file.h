// A model file that another program shortens while it is mapped cannot be read any more, and no numbers in
// the place of the lost weights would be right: the process ends and says why.
#pragma once

namespace nibble {

// Installs the process's handler of SIGBUS: a line on standard error and the exit code of ErrorKind::kIo. For
// the program only; the library leaves its host's signals alone.
void exit_when_a_mapped_file_is_shortened();

}  // namespace nibble
