// Untrusted text inside messages: quoted, cut, and with control bytes escaped, so that a hostile name can
// neither flood a log nor drive a terminal.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace nibble {

// 'text' with bytes outside printable ASCII as \xHH; after `limit` bytes "..." and the full length follow.
std::string quoted(std::string_view text, size_t limit = 80);

}  // namespace nibble
