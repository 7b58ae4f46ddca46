// What the files of the C API share: errors become a status and a message, nothing leaves as an exception,
// and structs of older callers are read by their size.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <span>
#include <string>

#include "base/error.h"
#include "nibble/nibble.h"

namespace nibble {

inline thread_local std::string last_c_error;

inline nibble_status refuse(const Error& error) {
  last_c_error = error.message;
  return nibble_status(int(error.kind) + 1);
}
static_assert(int(ErrorKind::kInvalidArgument) + 1 == NIBBLE_INVALID_ARGUMENT);
static_assert(int(ErrorKind::kInternal) + 1 == NIBBLE_INTERNAL);

// No exception may leave through C.
template <class Body>
nibble_status guarded(const Body& body) {
  try {
    const Status status = body();
    return status ? NIBBLE_OK : refuse(status.error());
  } catch (const std::exception& exception) {
    return refuse({ErrorKind::kInternal, exception.what()});
  }
}

inline std::unexpected<Error> null_argument() {
  return fail(ErrorKind::kInvalidArgument, "a null pointer where none may be");
}

// A caller compiled against an older header knows fewer members.
template <class Options>
void store_defaults(Options defaults, Options* options, size_t struct_size) {
  defaults.struct_size = std::min(struct_size, sizeof defaults);
  std::memcpy(options, &defaults, defaults.struct_size);
}
template <class Options>
Options known_members(const Options* options, void (*set_defaults)(Options*, size_t)) {
  Options all;
  set_defaults(&all, sizeof all);
  if (options) std::memcpy(&all, options, std::min(options->struct_size, sizeof all));
  return all;
}

}  // namespace nibble
