// The peer's library for the tests, opened once; PEER_OR_SKIP ends a test that has none with the way to get
// it.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>

#include "peers/commands.h"

namespace nibble::peer {

inline const Result<PeerApi>& opened_peer() {
  static const Result<PeerApi> peer = load_peer_api(default_peer_directory(), false);
  return peer;
}

// A path below ../shared.
inline std::string shared_file(const std::string& name) {
  return std::string(NIBBLE_SHARED_DIR) + "/" + name;
}

// A model that tiny_models.py wrote when the tests were built.
inline std::string tiny_model(const std::string& name) {
  return std::string(NIBBLE_TINY_MODELS_DIR) + "/" + name + ".gguf";
}

// A file of a test's own, gone when the test ends.
struct TempFile {
  explicit TempFile(const std::string& name) : path(testing::TempDir() + name) {}
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path); }
  std::string path;
};

}  // namespace nibble::peer

#define PEER_OR_SKIP(api)                                                      \
  if (!::nibble::peer::opened_peer())                                          \
    GTEST_SKIP() << "peer: " << ::nibble::peer::opened_peer().error().message; \
  const ::nibble::peer::PeerApi& api = *::nibble::peer::opened_peer()

#define NEED_FILE(path)               \
  if (!std::filesystem::exists(path)) \
  GTEST_SKIP() << (path) << " is missing (../shared lies beside the project; tiny models need python3)"
