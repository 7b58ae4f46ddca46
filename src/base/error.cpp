#include "base/error.h"

namespace nibble {

namespace {
struct KindRow {
  std::string_view name;
  int exit_code;
};
constexpr KindRow row(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument: return {"invalid argument", 2};
    case ErrorKind::kNotFound: return {"not found", 3};
    case ErrorKind::kIo: return {"i/o error", 4};
    case ErrorKind::kBadFile: return {"bad file", 5};
    case ErrorKind::kUnsupported: return {"not supported", 6};
    case ErrorKind::kLimit: return {"limit exceeded", 7};
    case ErrorKind::kBusy: return {"busy", 8};
    case ErrorKind::kCancelled: return {"cancelled", 130};
    case ErrorKind::kInternal: return {"internal error", 70};
  }
  return {"internal error", 70};
}
}  // namespace

std::string_view error_kind_name(ErrorKind kind) { return row(kind).name; }
int error_exit_code(ErrorKind kind) { return row(kind).exit_code; }

}  // namespace nibble
