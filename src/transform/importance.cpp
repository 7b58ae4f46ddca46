#include "transform/importance.h"

#include <algorithm>
#include <cmath>

#include "base/quote.h"
#include "formats/gguf_writer.h"
#include "transform/decode.h"

namespace nibble {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";
constexpr std::string_view kChunkCount = "imatrix.chunk_count", kChunkSize = "imatrix.chunk_size",
                           kDatasets = "imatrix.datasets";

Result<std::vector<double>> read_sums(const GgufFile& file, const TensorView& tensor) {
  std::vector<float> values(tensor.values());
  NIBBLE_CHECK_OK(decode_rows(tensor, 0, values));
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i] >= 0 && values[i] < 1e30f))
      return fail(ErrorKind::kBadFile, file.path(), ": tensor ", quoted(tensor.name), ": value ", i, " is ",
                  values[i], "; wanted sums of squares");
  return std::vector<double>(values.begin(), values.end());
}

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

void ImportanceMatrix::set_means(Entry& entry) {
  entry.means.assign(entry.sums.size(), 1.0f);
  const size_t inputs = entry.sums.size() / entry.counts.size();
  for (size_t i = 0; i < entry.sums.size(); ++i) {
    const double count = entry.counts[i / inputs];
    if (count > 0) entry.means[i] = float(entry.sums[i] / count);  // an expert nothing was sent to: all alike
  }
}

void ImportanceMatrix::add(std::string_view tensor, std::span<const double> squares, uint64_t columns) {
  Entry& entry = entries_[std::string(tensor)];
  entry.sums.resize(squares.size());
  entry.counts.resize(1);
  for (size_t i = 0; i < squares.size(); ++i) entry.sums[i] += squares[i];
  entry.counts[0] += double(columns);
  set_means(entry);
}

Result<ImportanceMatrix> ImportanceMatrix::load(const std::string& path) {
  NIBBLE_TRY(const GgufFile file, GgufFile::open(path));
  ImportanceMatrix matrix;
  for (const TensorView& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSums)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - kSums.size());
    const TensorView* counts = file.find_tensor(name + std::string(kCounts));
    if (!counts || tensor.values() == 0 || counts->values() != tensor.rows())
      return fail(ErrorKind::kBadFile, path, ": tensor ", quoted(tensor.name), " has no counts of its ",
                  tensor.rows(), " matrices");
    Entry& entry = matrix.entries_[name];
    NIBBLE_TRY(entry.sums, read_sums(file, tensor));
    NIBBLE_TRY(entry.counts, read_sums(file, *counts));
    set_means(entry);
  }
  if (matrix.entries_.empty())
    return fail(ErrorKind::kBadFile, path, ": is not an importance matrix (no tensor NAME", kSums, ")");
  NIBBLE_TRY(const auto chunks, file.get_uint(kChunkCount));
  NIBBLE_TRY(const auto size, file.get_uint(kChunkSize));
  matrix.chunks = uint32_t(std::min<uint64_t>(chunks.value_or(0), UINT32_MAX));
  matrix.chunk_size = uint32_t(std::min<uint64_t>(size.value_or(0), UINT32_MAX));
  if (const auto datasets = file.find(kDatasets); datasets && datasets->is_array() && datasets->size() > 0)
    matrix.dataset = datasets->at(0).as_string().value_or("");
  return matrix;
}

Status ImportanceMatrix::save(const std::string& path) const {
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path));
  writer.set_string("general.type", "imatrix");
  writer.set_strings(kDatasets, std::vector<std::string>{dataset});
  writer.set_uint32(kChunkCount, chunks);
  writer.set_uint32(kChunkSize, chunk_size);
  for (const auto& [name, entry] : entries_) {
    const uint64_t matrices = entry.counts.size();
    const uint64_t sums[] = {entry.sums.size() / matrices, matrices}, counts[] = {1, matrices};
    NIBBLE_CHECK_OK(writer.declare_tensor(name + std::string(kSums), sums, FormatId::kF32));
    NIBBLE_CHECK_OK(writer.declare_tensor(name + std::string(kCounts), counts, FormatId::kF32));
  }
  for (const auto& [name, entry] : entries_)
    for (const auto* values : {&entry.sums, &entry.counts}) {
      const std::vector<float> floats(values->begin(), values->end());
      NIBBLE_CHECK_OK(writer.write_tensor_data(std::as_bytes(std::span(floats))));
    }
  return writer.finish();
}

Result<std::span<const float>> ImportanceMatrix::weights(const TensorView& tensor) const {
  const auto found = entries_.find(tensor.name);
  if (found == entries_.end()) return std::span<const float>();
  const Entry& entry = found->second;
  const uint64_t matrices = entry.counts.size();
  if (entry.sums.size() != matrices * tensor.row_length() || (matrices != 1 && matrices != tensor.dims[2]))
    return fail(ErrorKind::kBadFile, "importance of ", quoted(tensor.name), ": ",
                entry.sums.size() / matrices, " inputs of ", matrices, " matrices; the tensor has ",
                tensor.row_length(), " of ", tensor.dims[2]);
  return std::span<const float>(entry.means);
}

Result<ImportanceMatrix> collect_importance(Engine& engine, std::string_view text, const std::string& dataset,
                                            const ImportanceOptions& options, const std::string& path,
                                            const std::function<void(int64_t, int64_t)>& progress) {
  const std::lock_guard lock(engine.step_mutex());
  const std::vector<TokenId> ids = engine.tokenizer().encode(text, {.add_special = true});
  const int64_t possible = int64_t(ids.size()) / options.context;
  const int64_t chunks = options.chunks > 0 ? std::min(options.chunks, possible) : possible;
  if (chunks == 0)
    return fail(ErrorKind::kInvalidArgument, "the text has ", ids.size(),
                " tokens; wanted at least one chunk of ", options.context);
  if (options.context > engine.context())
    return fail(ErrorKind::kInvalidArgument, "chunks of ", options.context, " tokens; the context is ",
                engine.context());
  ImportanceMatrix matrix;
  if (options.resume) {
    NIBBLE_TRY(matrix, ImportanceMatrix::load(path));
    if (int64_t(matrix.chunk_size) != options.context)
      return fail(ErrorKind::kInvalidArgument, path, ": was made from chunks of ", matrix.chunk_size,
                  " tokens, not ", options.context);
  }
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
    if (progress) progress(chunk + 1, chunks);
    if (options.save_every > 0 && (chunk + 1) % options.save_every == 0) NIBBLE_CHECK_OK(matrix.save(path));
  }
  NIBBLE_CHECK_OK(matrix.save(path));
  return matrix;
}

}  // namespace nibble
