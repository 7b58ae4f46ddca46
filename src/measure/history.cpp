#include "measure/history.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#ifdef NIBBLE_SQLITE
#include <sqlite3.h>
#endif

#include "base/topology.h"

namespace nibble {

std::string this_machine() {
  std::string name = "unknown processor";
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos || !(line.starts_with("model name") || line.starts_with("CPU part")))
      continue;
    name = line.substr(colon + 2);
    break;
  }
  return concat(name, ", ", read_topology().cpus.size(), " processors");
}

Result<std::string> default_history_path() {
  const char* const data = std::getenv("XDG_DATA_HOME");
  if (data && *data) return concat(data, "/nibble/bench.sqlite");
  const char* const home = std::getenv("HOME");
  if (home && *home) return concat(home, "/.local/share/nibble/bench.sqlite");
  return fail(ErrorKind::kNotFound,
              "no place for the history: neither XDG_DATA_HOME nor HOME is set; give --history FILE");
}

#ifdef NIBBLE_SQLITE
namespace {

constexpr int kApplication = 0x6E62626C;  // "nbbl" in the file's header
constexpr int kVersion = 1;
constexpr const char* kSchema = R"(
  PRAGMA application_id = 1851941484;
  PRAGMA user_version = 1;
  CREATE TABLE machine(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes INTEGER NOT NULL, UNIQUE(name, bytes));
  CREATE TABLE run(id INTEGER PRIMARY KEY, name TEXT NOT NULL, time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    version TEXT NOT NULL, machine INTEGER NOT NULL REFERENCES machine, model INTEGER NOT NULL REFERENCES model,
    threads INTEGER NOT NULL);
  CREATE INDEX run_by_name ON run(name);
  -- Work is of one sample; ceilings are the best seen in the run.
  CREATE TABLE row(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, name TEXT NOT NULL,
    isa TEXT NOT NULL, kernel TEXT NOT NULL, format TEXT NOT NULL, n_prompt INTEGER NOT NULL, n_gen INTEGER NOT NULL,
    n_depth INTEGER NOT NULL, n_columns INTEGER NOT NULL, tokens REAL NOT NULL, operations REAL NOT NULL,
    integer_macs REAL NOT NULL, float_macs REAL NOT NULL, bytes REAL NOT NULL, bytes_written REAL NOT NULL, cached INTEGER NOT NULL,
    read_gb_per_s REAL NOT NULL, cache_gb_per_s REAL NOT NULL, store_gb_per_s REAL NOT NULL, int8_gmac_per_s REAL NOT NULL, f32_gmac_per_s REAL NOT NULL,
    UNIQUE(run, isa, name));
  CREATE TABLE sample(row INTEGER NOT NULL REFERENCES row ON DELETE CASCADE, round INTEGER NOT NULL, seconds REAL NOT NULL,
    least_seconds REAL NOT NULL, PRIMARY KEY(row, round)) WITHOUT ROWID;
)";

std::unexpected<Error> sqlite_failure(sqlite3* database, const std::string& path, int code) {
  const ErrorKind kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ErrorKind::kBadFile
                         : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? ErrorKind::kBusy
                                                                         : ErrorKind::kIo;
  return fail(kind, path, ": ", database ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

}  // namespace

struct History::Database {
  std::string path;
  sqlite3* handle = nullptr;
  ~Database() { sqlite3_close(handle); }

  Status run(const char* sql) {
    const int code = sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return sqlite_failure(handle, path, code);
    return {};
  }
};

namespace {

// A prepared statement: parameters are bound in order, columns read in order.
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, const std::string& path, const char* sql) {
    Statement statement(database, path);
    const int code = sqlite3_prepare_v2(database, sql, -1, &statement.handle_, nullptr);
    if (code != SQLITE_OK) return sqlite_failure(database, path, code);
    return statement;
  }
  Statement(Statement&& other) noexcept
      : database_(other.database_), path_(other.path_), handle_(std::exchange(other.handle_, nullptr)) {}
  ~Statement() { sqlite3_finalize(handle_); }

  Statement& bind(const std::string& text) {
    sqlite3_bind_text(handle_, ++bound_, text.data(), int(std::min<size_t>(text.size(), 1 << 20)),
                      SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(double number) { return sqlite3_bind_double(handle_, ++bound_, number), *this; }
  Statement& bind(int64_t number) { return sqlite3_bind_int64(handle_, ++bound_, number), *this; }

  // True: there is a row to read.
  Result<bool> step() {
    const int code = sqlite3_step(handle_);
    read_ = 0;
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) return sqlite_failure(database_, path_, code);
    sqlite3_reset(handle_);
    bound_ = 0;
    return false;
  }
  Status execute() {
    NIBBLE_TRY([[maybe_unused]] const bool row, step());
    return {};
  }

  std::string text() {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, read_));
    const int count = sqlite3_column_bytes(handle_, read_++);
    return bytes ? std::string(bytes, size_t(count)) : std::string();
  }
  double real() { return sqlite3_column_double(handle_, read_++); }
  int64_t integer() { return sqlite3_column_int64(handle_, read_++); }

 private:
  Statement(sqlite3* database, const std::string& path) : database_(database), path_(path) {}
  sqlite3* database_;
  const std::string& path_;
  sqlite3_stmt* handle_ = nullptr;
  int bound_ = 0, read_ = 0;
};

Result<int64_t> integer_of(sqlite3* database, const std::string& path, const char* sql) {
  NIBBLE_TRY(Statement statement, Statement::prepare(database, path, sql));
  NIBBLE_TRY(const bool found, statement.step());
  return found ? statement.integer() : 0;
}

// What the rows of a file must be before anything is computed with them.
Status check_row(const std::string& path, const BenchRow& row) {
  const auto good = [](double x) { return std::isfinite(x) && x >= 0; };
  bool fine = !row.samples.empty() && good(row.tokens) && row.operations >= 1 &&
              std::isfinite(row.operations) && good(row.integer_macs) && good(row.float_macs) &&
              good(row.bytes) && row.prompt >= 0 && row.generate >= 0 && row.depth >= 0 && row.columns >= 1;
  for (const double ceiling :
       {row.bytes_written, row.ceilings.read_gb_per_s, row.ceilings.cache_gb_per_s,
        row.ceilings.store_gb_per_s, row.ceilings.int8_gmac_per_s, row.ceilings.f32_gmac_per_s})
    fine = fine && good(ceiling);
  for (const BenchSample& sample : row.samples)
    fine = fine && good(sample.seconds) && sample.seconds > 0 && good(sample.least_seconds) &&
           sample.least_seconds > 0;
  if (fine) return {};
  return fail(ErrorKind::kBadFile, path, ": row \"", row.name,
              "\": wanted samples, and times, work and ceilings that are positive");
}

Status load_samples(sqlite3* database, const std::string& path, int64_t id, BenchRow& row) {
  constexpr size_t kMost = 100'000;
  NIBBLE_TRY(Statement samples,
             Statement::prepare(database, path,
                                "SELECT seconds, least_seconds FROM sample WHERE row = ? ORDER BY round"));
  samples.bind(id);
  while (true) {
    NIBBLE_TRY(const bool found, samples.step());
    if (!found) return check_row(path, row);
    if (row.samples.size() == kMost)
      return fail(ErrorKind::kLimit, path, ": row \"", row.name, "\": more than ", kMost, " samples");
    const double seconds = samples.real();
    row.samples.push_back({seconds, samples.real()});
  }
}

Status load_rows(sqlite3* database, const std::string& path, int64_t run, std::vector<BenchRow>& rows) {
  constexpr size_t kMost = 100'000;
  NIBBLE_TRY(
      Statement found,
      Statement::prepare(
          database, path,
          "SELECT id, name, isa, kernel, format, n_prompt, n_gen, n_depth, n_columns, tokens, operations, "
          "integer_macs, float_macs, bytes, bytes_written, cached, read_gb_per_s, cache_gb_per_s, "
          "store_gb_per_s, int8_gmac_per_s, "
          "f32_gmac_per_s FROM row WHERE run = ? ORDER BY id"));
  found.bind(run);
  while (true) {
    NIBBLE_TRY(const bool more, found.step());
    if (!more) return {};
    if (rows.size() == kMost) return fail(ErrorKind::kLimit, path, ": a run of more than ", kMost, " rows");
    BenchRow& row = rows.emplace_back();
    const int64_t id = found.integer();
    row.name = found.text(), row.isa = found.text(), row.kernel = found.text(), row.format = found.text();
    row.prompt = found.integer(), row.generate = found.integer(), row.depth = found.integer(),
    row.columns = found.integer();
    row.tokens = found.real(), row.operations = found.real(), row.integer_macs = found.real(),
    row.float_macs = found.real();
    row.bytes = found.real(), row.bytes_written = found.real(), row.cached = found.integer() != 0;
    row.ceilings.read_gb_per_s = found.real(), row.ceilings.cache_gb_per_s = found.real();
    row.ceilings.store_gb_per_s = found.real();
    row.ceilings.int8_gmac_per_s = found.real(), row.ceilings.f32_gmac_per_s = found.real();
    NIBBLE_CHECK_OK(load_samples(database, path, id, row));
  }
}

Status save_row(sqlite3* database, const std::string& path, int64_t run, const BenchRow& row) {
  NIBBLE_TRY(Statement insert,
             Statement::prepare(
                 database, path,
                 "INSERT INTO row(run, name, isa, kernel, format, n_prompt, n_gen, n_depth, "
                 "n_columns, tokens, operations, integer_macs, float_macs, bytes, bytes_written, cached, "
                 "read_gb_per_s, cache_gb_per_s, store_gb_per_s, int8_gmac_per_s, f32_gmac_per_s) "
                 "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  insert.bind(run).bind(row.name).bind(row.isa).bind(row.kernel).bind(row.format);
  insert.bind(row.prompt)
      .bind(row.generate)
      .bind(row.depth)
      .bind(row.columns)
      .bind(row.tokens)
      .bind(row.operations);
  insert.bind(row.integer_macs)
      .bind(row.float_macs)
      .bind(row.bytes)
      .bind(row.bytes_written)
      .bind(int64_t(row.cached));
  insert.bind(row.ceilings.read_gb_per_s).bind(row.ceilings.cache_gb_per_s).bind(row.ceilings.store_gb_per_s);
  insert.bind(row.ceilings.int8_gmac_per_s).bind(row.ceilings.f32_gmac_per_s);
  NIBBLE_CHECK_OK(insert.execute());
  const int64_t id = sqlite3_last_insert_rowid(database);
  NIBBLE_TRY(Statement sample, Statement::prepare(database, path, "INSERT INTO sample VALUES(?,?,?,?)"));
  for (size_t i = 0; i < row.samples.size(); ++i)
    NIBBLE_CHECK_OK(sample.bind(id)
                        .bind(int64_t(i))
                        .bind(row.samples[i].seconds)
                        .bind(row.samples[i].least_seconds)
                        .execute());
  return {};
}

Status save_run(sqlite3* database, const std::string& path, const BenchRun& run) {
  NIBBLE_TRY(Statement machine,
             Statement::prepare(database, path, "INSERT OR IGNORE INTO machine(name) VALUES(?)"));
  NIBBLE_CHECK_OK(machine.bind(run.machine).execute());
  NIBBLE_TRY(Statement model,
             Statement::prepare(database, path, "INSERT OR IGNORE INTO model(name, bytes) VALUES(?,?)"));
  NIBBLE_CHECK_OK(model.bind(run.subject).bind(int64_t(run.model_bytes)).execute());
  NIBBLE_TRY(Statement insert,
             Statement::prepare(database, path,
                                "INSERT INTO run(name, version, machine, model, threads) VALUES(?, ?, "
                                "(SELECT id FROM machine WHERE "
                                "name = ?), (SELECT id FROM model WHERE name = ? AND bytes = ?), ?)"));
  insert.bind(run.name)
      .bind(run.version)
      .bind(run.machine)
      .bind(run.subject)
      .bind(int64_t(run.model_bytes))
      .bind(int64_t(run.threads));
  NIBBLE_CHECK_OK(insert.execute());
  const int64_t id = sqlite3_last_insert_rowid(database);
  for (const BenchRow& row : run.rows) NIBBLE_CHECK_OK(save_row(database, path, id, row));
  return {};
}

Result<std::vector<BenchRun>> load_runs(sqlite3* database, const std::string& path, Statement& found) {
  std::vector<BenchRun> runs;
  while (true) {
    NIBBLE_TRY(const bool more, found.step());
    if (!more) return runs;
    BenchRun& run = runs.emplace_back();
    const int64_t id = found.integer();
    run.name = found.text(), run.time = found.text(), run.version = found.text(), run.machine = found.text();
    run.subject = found.text(), run.model_bytes = uint64_t(found.integer()),
    run.threads = int(found.integer());
    NIBBLE_CHECK_OK(load_rows(database, path, id, run.rows));
  }
}

constexpr const char* kRunsLike =
    "SELECT run.id, run.name, time, version, machine.name, model.name, model.bytes, threads FROM run JOIN "
    "machine ON "
    "machine.id = run.machine JOIN model ON model.id = run.model WHERE machine.name = ? AND model.name = ? "
    "AND model.bytes = ? "
    "AND threads = ? ";

// What was saved, for an error: "a (4), b (1)".
Result<std::string> saved_names(sqlite3* database, const std::string& path) {
  constexpr int kShown = 20;
  NIBBLE_TRY(Statement names,
             Statement::prepare(database, path,
                                "SELECT name, count(*) FROM run GROUP BY name ORDER BY max(id) DESC"));
  std::string text;
  for (int shown = 0;; ++shown) {
    NIBBLE_TRY(const bool more, names.step());
    if (!more) return text.empty() ? std::string("nothing") : text;
    if (shown == kShown) return text + ", ...";
    text += concat(text.empty() ? "" : ", ", names.text());
    text += concat(" (", names.integer(), ")");
  }
}

}  // namespace

Result<History> History::open(const std::string& path, Mode mode) {
  auto database = std::make_unique<Database>();
  database->path = path;
  std::error_code error;
  if (mode == Mode::kRead && !std::filesystem::exists(path, error))
    return fail(ErrorKind::kNotFound, path, ": no history yet; --save NAME makes one");
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const int flags = mode == Mode::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &database->handle, flags, nullptr);
  if (code != SQLITE_OK) return sqlite_failure(database->handle, path, code);
  sqlite3_busy_timeout(database->handle, 5000);
  NIBBLE_CHECK_OK(database->run("PRAGMA foreign_keys = ON"));
  NIBBLE_CHECK_OK(database->run("PRAGMA trusted_schema = OFF"));
  sqlite3* const handle = database->handle;
  if (mode == Mode::kSave) NIBBLE_CHECK_OK(database->run("BEGIN IMMEDIATE"));
  NIBBLE_TRY(const int64_t tables, integer_of(handle, path, "SELECT count(*) FROM sqlite_master"));
  if (tables == 0 && mode == Mode::kSave) NIBBLE_CHECK_OK(database->run(kSchema));
  NIBBLE_TRY(const int64_t application, integer_of(handle, path, "PRAGMA application_id"));
  NIBBLE_TRY(const int64_t version, integer_of(handle, path, "PRAGMA user_version"));
  if (application != kApplication)
    return fail(ErrorKind::kBadFile, path, ": an SQLite file, but not a history of nibble bench");
  if (version != kVersion)
    return fail(ErrorKind::kUnsupported, path, ": version ", version, " of the history, wanted ", kVersion);
  if (mode == Mode::kSave) NIBBLE_CHECK_OK(database->run("COMMIT"));
  return History(std::move(database));
}

Status History::save(const BenchRun& run) {
  NIBBLE_CHECK_OK(database_->run("BEGIN IMMEDIATE"));
  if (Status saved = save_run(database_->handle, database_->path, run); !saved) {
    [[maybe_unused]] const Status undone = database_->run("ROLLBACK");
    return saved;
  }
  return database_->run("COMMIT");
}

Result<std::vector<BenchRun>> History::load(const std::string& name, const BenchRun& like, int limit) {
  const std::string& path = database_->path;
  NIBBLE_TRY(Statement found,
             Statement::prepare(database_->handle, path,
                                concat(kRunsLike, "AND run.name = ? ORDER BY run.id DESC LIMIT ?").c_str()));
  found.bind(like.machine)
      .bind(like.subject)
      .bind(int64_t(like.model_bytes))
      .bind(int64_t(like.threads))
      .bind(name)
      .bind(int64_t(limit));
  NIBBLE_TRY(std::vector<BenchRun> runs, load_runs(database_->handle, path, found));
  if (!runs.empty()) return runs;
  NIBBLE_TRY(const std::string names, saved_names(database_->handle, path));
  return fail(ErrorKind::kNotFound, path, ": no run \"", name, "\" of ", like.subject, " with ", like.threads,
              " threads on ", like.machine, "; saved are: ", names);
}

Result<std::vector<BenchRun>> History::load_all(const BenchRun& like, int limit) {
  const std::string& path = database_->path;
  NIBBLE_TRY(Statement found, Statement::prepare(database_->handle, path,
                                                 concat(kRunsLike, "ORDER BY run.id DESC LIMIT ?").c_str()));
  found.bind(like.machine)
      .bind(like.subject)
      .bind(int64_t(like.model_bytes))
      .bind(int64_t(like.threads))
      .bind(int64_t(limit));
  NIBBLE_TRY(std::vector<BenchRun> runs, load_runs(database_->handle, path, found));
  std::reverse(runs.begin(), runs.end());
  return runs;
}

#else

struct History::Database {};
Result<History> History::open(const std::string&, Mode) {
  return fail(ErrorKind::kUnsupported, "this build of nibble has no SQLite, and so no history of benchmarks");
}
Status History::save(const BenchRun&) { return {}; }
Result<std::vector<BenchRun>> History::load(const std::string&, const BenchRun&, int) { return {}; }
Result<std::vector<BenchRun>> History::load_all(const BenchRun&, int) { return {}; }

#endif

History::History(std::unique_ptr<Database> database) : database_(std::move(database)) {}
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;
History::~History() = default;

}  // namespace nibble
