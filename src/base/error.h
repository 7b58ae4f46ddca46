// Errors as values. Every fallible public function returns Result<T>; the message names the file, field or
// tensor, the value found and the value wanted, so that a person can act on it. Asserts are for programmer
// errors only; no input may abort the process.
#pragma once
#include <charconv>
#include <concepts>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace nibble {

enum class ErrorKind {
  kInvalidArgument,  // a flag, request field or parameter out of range or contradictory
  kNotFound,         // a file, tensor, key or model that is not there
  kIo,               // the operating system refused: permissions, full disk, torn write
  kBadFile,          // bytes that are not what their format says
  kUnsupported,      // well formed, but nothing nibble can do (yet): the message names what
  kLimit,            // would exceed a stated bound: memory, context, size, depth
  kBusy,             // try again later: queue full, resource taken
  kCancelled,        // the caller asked to stop
  kInternal,         // a bug in nibble
};

// "bad file", "not found", ... : the stable name shown before a message and in JSON.
std::string_view error_kind_name(ErrorKind kind);
// Process exit code of a command that failed so (sysexits-like, documented in docs/cli.md).
int error_exit_code(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

namespace detail {
inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, char c) { out += c; }
template <class T>
  requires std::integral<T> || std::floating_point<T>
void append(std::string& out, T value) {
  if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else {
    char digits[64];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
}
}  // namespace detail

// Concatenates strings and numbers (locale-free, shortest round-trip floats) into one string.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// return fail(ErrorKind::kBadFile, path, ": tensor ", name, " ends at ", end, ", the file has ", size);
template <class... Parts>
std::unexpected<Error> fail(ErrorKind kind, const Parts&... parts) {
  return std::unexpected(Error{kind, concat(parts...)});
}

// Passes an error of one type on as an error of another; the context stands before the message.
inline std::unexpected<Error> forward_error(Error error) { return std::unexpected(std::move(error)); }
template <class... Parts>
std::unexpected<Error> forward_error(Error error, const Parts&... context) {
  error.message = concat(context..., ": ", error.message);
  return std::unexpected(std::move(error));
}

// NIBBLE_TRY(auto file, MappedFile::open(path)): declares `file`, or returns the error to the caller.
#define NIBBLE_CONCAT_(a, b) a##b
#define NIBBLE_CONCAT(a, b) NIBBLE_CONCAT_(a, b)
#define NIBBLE_TRY_(result, declaration, expression)                                        \
  auto result = (expression);                                                              \
  if (!result) return ::nibble::forward_error(std::move(result).error());                  \
  declaration = *std::move(result)
#define NIBBLE_TRY(declaration, ...) NIBBLE_TRY_(NIBBLE_CONCAT(try_, __LINE__), declaration, (__VA_ARGS__))
// NIBBLE_CHECK_OK(writer.finish()): returns the error of a Status to the caller.
#define NIBBLE_CHECK_OK(...)                                                                   \
  do {                                                                                         \
    if (auto status_ = (__VA_ARGS__); !status_)                                                \
      return ::nibble::forward_error(std::move(status_).error());                              \
  } while (0)

}  // namespace nibble
