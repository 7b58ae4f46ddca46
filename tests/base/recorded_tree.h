// A recorded /proc and /sys: tests/base/trees/NAME.txt unpacked into a directory that lives as long as this
// object. The file: "# comment", then for each file "== path" and its content.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace nibble {

class RecordedTree {
 public:
  explicit RecordedTree(const std::string& name) {
    std::string pattern = (std::filesystem::temp_directory_path() / "nibble_tree_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    std::ifstream recording(std::string(NIBBLE_SOURCE_DIR) + "/tests/base/trees/" + name + ".txt");
    EXPECT_TRUE(recording) << name;
    std::ofstream file;
    for (std::string line; std::getline(recording, line);) {
      if (line.starts_with("== ")) {
        const std::filesystem::path path = std::filesystem::path(root_) / line.substr(3);
        std::filesystem::create_directories(path.parent_path());
        file = std::ofstream(path);
      } else if (file.is_open()) {
        file << line << '\n';
      }
    }
  }
  RecordedTree(const RecordedTree&) = delete;
  RecordedTree& operator=(const RecordedTree&) = delete;
  ~RecordedTree() { std::filesystem::remove_all(root_); }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

}  // namespace nibble
