// Counts calls of operator new in a test program: for tests that something allocates nothing.
#pragma once
#include <cstddef>

namespace nibble {

size_t allocations();

}  // namespace nibble
