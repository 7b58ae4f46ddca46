#include "transform/importance.h"

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/quote.h"

namespace nibble {
namespace {

// Collects the squares of what enters the matrices of each layer and role.
class Collector : public ActivationObserver {
 public:
  explicit Collector(const Model& model) : config_(model.config()), file_(model.file()) {}

  void observe(int layer, ActivationRole role, const float* x, int64_t length, int64_t stride,
               int columns) override {
    Sums& sums = sums_[{layer, role}];
    sums.squares.resize(size_t(length));
    for (int c = 0; c < columns; ++c)
      for (int64_t i = 0; i < length; ++i)
        sums.squares[size_t(i)] += double(x[c * stride + i]) * x[c * stride + i];
    sums.columns += uint64_t(columns);
  }

  // Gives what has been collected to the matrices that read it, and starts anew.
  void move_to(ImportanceMatrix& matrix) {
    const bool tied = file_.find_tensor("output.weight") == nullptr;
    for (const auto& [place, sums] : sums_)
      for (const std::string& tensor : tensors_reading(config_, place.first, place.second)) {
        // An embedding beside a head of its own is looked up, not multiplied.
        if (!file_.find_tensor(tensor) || (!tied && tensor == "token_embd.weight")) continue;
        matrix.add(tensor, sums.squares, sums.columns);
      }
    sums_.clear();
  }

 private:
  struct Sums {
    std::vector<double> squares;
    uint64_t columns = 0;
  };
  const ModelConfig& config_;
  const GgufFile& file_;
  std::map<std::pair<int, ActivationRole>, Sums> sums_;
};

// FNV-1a, going on from `hash`. Never 0, which stands for "not known".
uint64_t hash_of(std::span<const std::byte> bytes, uint64_t hash = 0) {
  if (hash == 0) hash = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) hash = (hash ^ uint64_t(byte)) * 0x100000001b3;
  return hash ? hash : 1;
}

// Tells models apart, and one in two formats: names, shapes, formats and a little of every tensor.
uint64_t hash_of(const GgufFile& model) {
  uint64_t hash = 0;
  for (const TensorView& tensor : model.tensors()) {
    hash = hash_of(std::as_bytes(std::span(tensor.name)), hash);
    hash = hash_of(std::as_bytes(std::span(tensor.dims)), hash);
    hash = hash_of(std::as_bytes(std::span(&tensor.format->id, 1)), hash);
    hash = hash_of(tensor.bytes.subspan(tensor.bytes.size() / 2).first(std::min<size_t>(64, tensor.bytes.size() / 2)), hash);
  }
  return hash;
}

// The matrix to go on from: what it was made from so far must be the same.
Result<ImportanceMatrix> resumed(const GgufFile& model, std::span<const TokenId> ids,
                                 const ImportanceOptions& options, const std::string& path) {
  NIBBLE_TRY(ImportanceMatrix matrix, ImportanceMatrix::load(path));
  if (int64_t(matrix.chunk_size) != options.context)
    return fail(ErrorKind::kInvalidArgument, path, ": was made from chunks of ", matrix.chunk_size, " tokens, not ",
                options.context);
  NIBBLE_CHECK_OK(matrix.check_belongs_to(model, path));
  if (matrix.model_hash != 0 && matrix.model_hash != hash_of(model))
    return fail(ErrorKind::kInvalidArgument, path, ": was made from another model than ", model.path());
  const uint64_t read = uint64_t(matrix.chunks) * matrix.chunk_size;
  if (read > ids.size() || (matrix.text_hash != 0 && matrix.text_hash != hash_of(std::as_bytes(ids.first(read)))))
    return fail(ErrorKind::kInvalidArgument, path, ": was made from another text (", read, " tokens of ",
                nibble::quoted(matrix.dataset), ")");
  return matrix;
}

// What the head sees is what the last norm gives, of every token.
Status run_chunk(Engine& engine, std::span<const TokenId> tokens, ActivationObserver& observer) {
  const ModelConfig& config = engine.model().config();
  KvSequence sequence(engine.kv_pool());
  std::vector<float> hidden;
  for (size_t at = 0; at < tokens.size();) {
    const size_t n = std::min(tokens.size() - at, size_t(engine.batch()));
    const Span span{&sequence, int64_t(at), tokens.subspan(at, n), Span::Want::kHidden};
    hidden.resize(size_t(engine.model().output_floats(span)));
    NIBBLE_CHECK_OK(engine.model().forward(engine.workspace(), {&span, 1}, hidden, &observer));
    observer.observe(int(config.layers.size()), ActivationRole::kOutput, hidden.data(), config.width,
                     config.width, int(n));
    at += n;
  }
  return {};
}

}  // namespace

void ImportanceMatrix::add(std::string_view tensor, std::span<const double> squares, uint64_t columns) {
  Entry& entry = entries_[std::string(tensor)];
  entry.sums.resize(squares.size());
  entry.counts.resize(1);
  for (size_t i = 0; i < squares.size(); ++i) entry.sums[i] = float(entry.sums[i] + squares[i]);
  entry.counts[0] += float(columns);
  set_means(entry);
}

Result<ImportanceMatrix> collect_importance(Engine& engine, std::string_view text, const std::string& dataset,
                                            const ImportanceOptions& options, const std::string& path,
                                            const std::function<bool(int64_t, int64_t)>& progress) {
  const GgufFile& model = engine.model().file();
  NIBBLE_CHECK_OK(refuse_to_replace(model.part_paths(), path));
  const std::lock_guard lock(engine.step_mutex());
  const std::vector<TokenId> ids =
      engine.tokenizer().encode(text, {.add_special = true, .parse_special = options.special});
  const int64_t possible = int64_t(ids.size()) / options.context;
  const int64_t chunks = options.chunks > 0 ? std::min(options.chunks, possible) : possible;
  if (chunks == 0)
    return fail(ErrorKind::kInvalidArgument, "the text has ", ids.size(),
                " tokens; wanted at least one chunk of ", options.context);
  if (options.context > engine.context())
    return fail(ErrorKind::kInvalidArgument, "chunks of ", options.context, " tokens; the context is ",
                engine.context());
  ImportanceMatrix matrix;
  if (std::error_code none; options.resume && std::filesystem::exists(path, none)) {
    NIBBLE_TRY(matrix, resumed(model, ids, options, path));
  }
  NIBBLE_CHECK_OK(AtomicFile::create(path));  // better known now than after the first chunks
  matrix.model_hash = hash_of(model);
  matrix.chunk_size = uint32_t(options.context);
  matrix.dataset = dataset;
  Collector collector(engine.model());
  for (int64_t chunk = matrix.chunks; chunk < chunks; ++chunk) {
    std::vector<TokenId> tokens(ids.begin() + chunk * options.context,
                                ids.begin() + (chunk + 1) * options.context);
    if (engine.tokenizer().add_bos() && engine.tokenizer().special().bos != kNoToken)
      tokens[0] = engine.tokenizer().special().bos;
    NIBBLE_CHECK_OK(run_chunk(engine, tokens, collector));
    collector.move_to(matrix);
    matrix.chunks = uint32_t(chunk + 1);
    const auto read = std::span(ids).subspan(size_t(chunk * options.context), size_t(options.context));
    matrix.text_hash = hash_of(std::as_bytes(read), matrix.text_hash);
    if (progress && !progress(chunk + 1, chunks)) {
      NIBBLE_CHECK_OK(matrix.save(path));
      return fail(ErrorKind::kCancelled, "interrupted: ", path, " has ", chunk + 1, " of ", chunks, " chunks");
    }
    if (options.save_every > 0 && (chunk + 1) % options.save_every == 0) NIBBLE_CHECK_OK(matrix.save(path));
  }
  NIBBLE_CHECK_OK(matrix.save(path));
  return matrix;
}

}  // namespace nibble
