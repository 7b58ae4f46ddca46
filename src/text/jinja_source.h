// The first pass over a template: what trim_blocks, lstrip_blocks and {% generation %} remove from the
// source. It works on the bare text, before any token is known, because the reference implementation (npm
// @huggingface/jinja) does; so "%}\n" within a string literal loses its line end, too.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::jinja {

struct PreparedSource {
  // From `prepared` on (up to the next segment) text[prepared + i] is source[original + i].
  struct Segment {
    size_t prepared = 0;
    size_t original = 0;
  };
  std::string text;
  std::vector<Segment> segments;  // ascending, the first one starts at 0
};

PreparedSource prepare_source(std::string_view source);

}  // namespace nibble::jinja
