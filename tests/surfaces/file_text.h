// What a file holds, for tests that look at what the program wrote.
#pragma once
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace nibble {

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
inline bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace nibble
