// Importance matrices as files.
#include "transform/importance.h"

#include <algorithm>
#include <cstring>

#include "base/mapped_file.h"
#include "base/quote.h"
#include "formats/gguf_writer.h"
#include "transform/decode.h"

namespace nibble {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";
constexpr std::string_view kChunkCount = "imatrix.chunk_count", kChunkSize = "imatrix.chunk_size",
                           kDatasets = "imatrix.datasets", kTextHash = "nibble.imatrix.text_hash",
                           kModelHash = "nibble.imatrix.model_hash";

Status check_sums(std::span<const float> values, const std::string& path, std::string_view name) {
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i] >= 0 && values[i] < 1e30f))
      return fail(ErrorKind::kBadFile, path, ": ", quoted(name), ": value ", i, " is ", values[i],
                  "; wanted sums of squares");
  return {};
}

Result<std::vector<float>> read_sums(const GgufFile& file, const TensorView& tensor) {
  std::vector<float> values(tensor.values());
  NIBBLE_CHECK_OK(decode_rows(tensor, 0, values));
  NIBBLE_CHECK_OK(check_sums(values, file.path(), tensor.name));
  return values;
}

// Takes numbers and strings off the front of a file of the old form.
class LegacyReader {
 public:
  LegacyReader(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}
  bool at_end() const { return at_ == bytes_.size(); }
  Result<std::span<const std::byte>> take(uint64_t size, const char* what) {
    if (size > bytes_.size() - at_)
      return fail(ErrorKind::kBadFile, path_, ": is not an importance matrix, or cut short: ", what, " of ",
                  size, " bytes at byte ", at_, " of ", bytes_.size());
    const auto part = bytes_.subspan(at_, size);
    at_ += size;
    return part;
  }
  // An i32 that must be at least `low`.
  Result<uint32_t> number(const char* what, int32_t low) {
    NIBBLE_TRY(const auto part, take(sizeof(int32_t), what));
    int32_t value;
    std::memcpy(&value, part.data(), sizeof value);
    if (value < low)
      return fail(ErrorKind::kBadFile, path_, ": is not an importance matrix: ", what, " is ", value,
                  " at byte ", at_ - sizeof value);
    return uint32_t(value);
  }
  Result<std::string> string(const char* what) {
    NIBBLE_TRY(const uint32_t size, number(what, 0));
    NIBBLE_TRY(const auto part, take(size, what));
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& path_;
  uint64_t at_ = 0;
};

}  // namespace

void ImportanceMatrix::set_means(Entry& entry) {
  entry.means.assign(entry.sums.size(), 1.0f);
  const size_t inputs = entry.sums.size() / entry.counts.size();
  for (size_t i = 0; i < entry.sums.size(); ++i) {
    const float count = entry.counts[i / inputs];
    if (count > 0) entry.means[i] = entry.sums[i] / count;  // an expert nothing was sent to: all alike
  }
}

// The form before GGUF: i32 entries; of each the name (i32 length, bytes), i32 calls, i32 values and as many
// f32, which divided by calls are the means; then, where they are known, i32 chunks and the dataset's name.
Result<ImportanceMatrix> ImportanceMatrix::load_legacy(std::span<const std::byte> bytes,
                                                       const std::string& path) {
  LegacyReader reader(bytes, path);
  ImportanceMatrix matrix;
  NIBBLE_TRY(const uint32_t entries, reader.number("the number of entries", 1));
  for (uint32_t i = 0; i < entries; ++i) {
    NIBBLE_TRY(const std::string name, reader.string("a name"));
    NIBBLE_TRY(const uint32_t calls, reader.number("the number of calls", 0));
    NIBBLE_TRY(const uint32_t values, reader.number("the number of values", 1));
    NIBBLE_TRY(const auto part, reader.take(uint64_t{4} * values, "values"));
    Entry& entry = matrix.entries_[name];
    entry.sums.resize(values);
    std::memcpy(entry.sums.data(), part.data(), part.size());
    NIBBLE_CHECK_OK(check_sums(entry.sums, path, name));
    entry.counts = {float(std::max(calls, 1u))};
    set_means(entry);
  }
  if (reader.at_end()) return matrix;
  NIBBLE_TRY(matrix.chunks, reader.number("the number of chunks", 0));
  if (reader.at_end()) return matrix;
  NIBBLE_TRY(matrix.dataset, reader.string("the dataset"));
  return matrix;
}

Result<ImportanceMatrix> ImportanceMatrix::load(const std::string& path) {
  {
    NIBBLE_TRY(const MappedFile file, MappedFile::open(path));
    const auto bytes = file.bytes();
    if (bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) != 0) return load_legacy(bytes, path);
  }
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
  NIBBLE_TRY(const auto text, file.get_uint(kTextHash));
  NIBBLE_TRY(const auto model, file.get_uint(kModelHash));
  matrix.text_hash = text.value_or(0), matrix.model_hash = model.value_or(0);
  matrix.chunks = uint32_t(std::min<uint64_t>(chunks.value_or(0), UINT32_MAX));
  matrix.chunk_size = uint32_t(std::min<uint64_t>(size.value_or(0), UINT32_MAX));
  if (const auto datasets = file.find(kDatasets); datasets && datasets->is_array() && datasets->size() > 0)
    matrix.dataset = datasets->at(0).as_string().value_or("");
  return matrix;
}

Status ImportanceMatrix::save(const std::string& path) const {
  for (const auto& [name, entry] : entries_) NIBBLE_CHECK_OK(check_sums(entry.sums, path, name));
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path));
  writer.set_string("general.type", "imatrix");
  writer.set_strings(kDatasets, std::vector<std::string>{dataset});
  writer.set_uint32(kChunkCount, chunks);
  writer.set_uint32(kChunkSize, chunk_size);
  if (text_hash != 0) writer.set_uint64(kTextHash, text_hash);
  if (model_hash != 0) writer.set_uint64(kModelHash, model_hash);
  for (const auto& [name, entry] : entries_) {
    const uint64_t matrices = entry.counts.size();
    const uint64_t sums[] = {entry.sums.size() / matrices, matrices}, counts[] = {1, matrices};
    NIBBLE_CHECK_OK(writer.declare_tensor(name + std::string(kSums), sums, FormatId::kF32));
    NIBBLE_CHECK_OK(writer.declare_tensor(name + std::string(kCounts), counts, FormatId::kF32));
  }
  for (const auto& [name, entry] : entries_)
    for (const auto* values : {&entry.sums, &entry.counts})
      NIBBLE_CHECK_OK(writer.write_tensor_data(std::as_bytes(std::span(*values))));
  return writer.finish();
}

// How many matrices share the entry, one or all of a stack; 0 when it does not fit the tensor.
uint64_t ImportanceMatrix::matrices_of(const Entry& entry, const TensorView& tensor) {
  const uint64_t matrices = entry.sums.size() / std::max<uint64_t>(1, tensor.row_length());
  const bool whole =
      matrices * tensor.row_length() == entry.sums.size() && matrices % entry.counts.size() == 0;
  return whole && (matrices == 1 || matrices == tensor.dims[2]) ? matrices : 0;
}

Result<std::span<const float>> ImportanceMatrix::weights(const TensorView& tensor) const {
  const auto found = entries_.find(tensor.name);
  if (found == entries_.end()) return std::span<const float>();
  const Entry& entry = found->second;
  if (matrices_of(entry, tensor) == 0)
    return fail(ErrorKind::kInvalidArgument, "importance of another model: ", quoted(tensor.name), " has ",
                entry.sums.size(), " values there; wanted ", tensor.row_length(),
                " of one matrix or of each of ", tensor.dims[2]);
  return std::span<const float>(entry.means);
}

Status ImportanceMatrix::check_belongs_to(const GgufFile& model, const std::string& path) const {
  for (const auto& [name, entry] : entries_) {
    const TensorView* tensor = model.find_tensor(name);
    if (!tensor)
      return fail(ErrorKind::kInvalidArgument, path, ": importance of another model: ", model.path(),
                  " has no tensor ", quoted(name));
    if (const auto fits = weights(*tensor); !fits)
      return fail(fits.error().kind, path, ": ", fits.error().message);
  }
  return {};
}

}  // namespace nibble
