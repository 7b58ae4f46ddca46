// Benchmark runs in an SQLite file, under names that people give them. The schema is in history.cpp and
// nowhere else.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "measure/bench_row.h"

namespace nibble {

struct BenchRun {
  std::string name;     // as saved
  std::string time;     // UTC, "2026-11-20 12:34:56"; set when it is saved
  std::string version;  // of nibble
  std::string machine;  // this_machine()
  std::string subject;  // the model's file name, or "kernels"
  uint64_t model_bytes = 0;
  int threads = 0;
  std::vector<BenchRow> rows;
};

// The subject of runs that measure kernels.
inline constexpr const char* kKernelSubject = "kernels";

// "AMD EPYC 9R14, 2 processors": runs of different machines are not compared.
std::string this_machine();

// $XDG_DATA_HOME/nibble/bench.sqlite, or under ~/.local/share; kNotFound when neither variable is set.
Result<std::string> default_history_path();

class History {
 public:
  // kSave creates the file and its folders where they are missing. kBadFile: an SQLite file that is none of
  // nibble's, or of a later version of it, or no SQLite file at all.
  enum class Mode { kRead, kSave };
  static Result<History> open(const std::string& path, Mode mode);
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;
  ~History();

  Status save(const BenchRun& run);  // whole or not at all
  // Runs of that name with the machine, subject and threads of `like`, newest first, at most `limit`.
  // kNotFound says what there is instead.
  Result<std::vector<BenchRun>> load(const std::string& name, const BenchRun& like, int limit = 16);
  // Runs of any name, oldest first; the newest `limit` of them.
  Result<std::vector<BenchRun>> load_all(const BenchRun& like, int limit = 64);

 private:
  struct Database;
  explicit History(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace nibble
