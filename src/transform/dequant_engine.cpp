#include "transform/dequant_engine.h"

#include <charconv>

#include "formats/quant_reference.h"
#include "transform/decode.h"

namespace nibble {
namespace {

// Below this many values waking other threads costs more than it gains.
constexpr uint64_t kSerialValues = 1 << 15;

std::optional<int> layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  int layer = 0;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.' || layer < 0)
    return std::nullopt;
  return layer;
}

// Rows [first, first + rows) of a tensor into their place of `out`, by way of floats where the result is
// narrower.
Status decode_part(const TensorView& tensor, FormatId format, uint64_t first, uint64_t rows,
                   std::span<std::byte> out) {
  const uint64_t length = tensor.row_length(), width = format_of(format).block_bytes;
  const auto place = out.subspan(first * length * width, rows * length * width);
  if (format == FormatId::kF32)
    return decode_rows(tensor, first, {reinterpret_cast<float*>(place.data()), rows * length});
  std::vector<float> row(length);
  for (uint64_t r = 0; r < rows; ++r) {
    NIBBLE_CHECK_OK(decode_rows(tensor, first + r, row));
    NIBBLE_CHECK_OK(encode_reference(format, row, place.subspan(r * length * width, length * width)));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DequantEngine>> DequantEngine::create(std::shared_ptr<const GgufFile> file,
                                                             const DequantOptions& options) {
  if (format_of(options.format).activation != ActivationKind::kFloat)
    return fail(ErrorKind::kInvalidArgument, "decoding to ", format_of(options.format).name,
                "; wanted F32, F16 or BF16");
  return std::unique_ptr<DequantEngine>(new DequantEngine(std::move(file), options));
}

DequantEngine::DequantEngine(std::shared_ptr<const GgufFile> file, const DequantOptions& options)
    : file_(std::move(file)), options_(options), pool_(options.threads), cache_(options.cache_bytes) {
  const auto tensors = file_->tensors();
  for (size_t i = 0; i < tensors.size(); ++i)
    if (const auto layer = layer_of(tensors[i].name)) layers_[*layer].push_back(i);
  if (options_.warm_next_layer) warmer_ = std::jthread([this](std::stop_token stop) { warm(stop); });
}

DequantEngine::~DequantEngine() {
  warmer_.request_stop();
  changed_.notify_all();
}

Result<DequantEngine::Decoded> DequantEngine::decode(size_t index, ThreadPool* pool) const {
  const TensorView& tensor = file_->tensors()[index];
  auto decoded = std::make_shared<DecodedTensor>();
  decoded->source = &tensor;
  decoded->format = options_.format;
  NIBBLE_TRY(const uint64_t bytes, format_bytes(format_of(options_.format), tensor.values()));
  decoded->bytes.resize(bytes);
  if (!pool || pool->threads() == 1 || tensor.values() <= kSerialValues) {
    NIBBLE_CHECK_OK(decode_part(tensor, options_.format, 0, tensor.rows(), decoded->bytes));
    return decoded;
  }
  std::mutex mutex;
  Status status;
  pool->run([&](int thread) {
    const WorkRange range = split_range(int64_t(tensor.rows()), 1, thread, pool->threads());
    if (range.begin == range.end) return;
    Status part = decode_part(tensor, options_.format, uint64_t(range.begin),
                              uint64_t(range.end - range.begin), decoded->bytes);
    const std::lock_guard lock(mutex);
    if (!part) status = std::move(part);
  });
  if (!status) return forward_error(status.error());
  return decoded;
}

Result<DequantEngine::Decoded> DequantEngine::fetch(size_t index) {
  const TensorView& tensor = file_->tensors()[index];
  const uint64_t bytes = tensor.values() * format_of(options_.format).block_bytes;
  {
    const std::lock_guard lock(mutex_);
    if (Decoded cached = cache_.find(index, bytes)) {
      ++stats_.hits;
      return cached;
    }
    if (const auto ready = ahead_.find(index); ready != ahead_.end()) {
      ++stats_.hits, ++stats_.warmed_used;
      Decoded decoded = std::move(ready->second);
      ahead_.erase(ready);
      cache_.insert(index, decoded, bytes);
      return decoded;
    }
    ++stats_.misses;
  }
  Result<Decoded> decoded = [&] {
    const std::lock_guard turn(decoding_);
    return decode(index, &pool_);
  }();
  if (!decoded) return decoded;
  const std::lock_guard lock(mutex_);
  stats_.bytes_decoded += bytes;
  cache_.insert(index, *decoded, bytes);
  return decoded;
}

Result<std::shared_ptr<const DecodedTensor>> DequantEngine::tensor(std::string_view name) {
  const TensorView* found = file_->find_tensor(name);
  if (!found) return fail(ErrorKind::kNotFound, file_->path(), ": no tensor ", name);
  const auto index = size_t(found - file_->tensors().data());
  if (index + 1 < file_->tensors().size()) file_->prefetch(file_->tensors()[index + 1]);
  return fetch(index);
}

Result<std::vector<std::shared_ptr<const DecodedTensor>>> DequantEngine::layer(int layer) {
  const auto found = layers_.find(layer);
  if (found == layers_.end())
    return fail(ErrorKind::kNotFound, file_->path(), ": no tensors of layer ", layer);
  std::vector<Decoded> all;
  for (const size_t index : found->second) {
    NIBBLE_TRY(all.emplace_back(), fetch(index));
  }
  {
    // Whoever reads layers in steps goes on in such steps, at the end from the other end.
    const std::lock_guard lock(mutex_);
    const int step = last_layer_ ? layer - *last_layer_ : 1;
    const int count = int(layers_.size());
    const int forward = step < 0 ? -1 : 1;
    const auto next = layers_.find(((layer + forward) % count + count) % count);
    last_layer_ = layer;
    ahead_.clear();
    to_warm_.clear();
    if (next != layers_.end() && options_.warm_next_layer)
      for (const size_t index : next->second)
        if (!cache_.contains(index)) to_warm_.push_back(index);
  }
  changed_.notify_all();
  return all;
}

void DequantEngine::warm(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !to_warm_.empty(); }) && !stop.stop_requested()) {
    const size_t index = to_warm_.front();
    warming_ = true;
    lock.unlock();
    file_->prefetch(file_->tensors()[index]);
    Result<Decoded> decoded = decode(index, nullptr);
    lock.lock();
    warming_ = false;
    // The wish may have changed meanwhile; a tensor that cannot be decoded is reported to who asks for it.
    const auto wish = std::ranges::find(to_warm_, index);
    if (wish != to_warm_.end()) {
      to_warm_.erase(wish);
      if (decoded) {
        stats_.bytes_decoded += (*decoded)->bytes.size();
        ++stats_.warmed;
        ahead_[index] = *std::move(decoded);
      }
    }
    changed_.notify_all();
  }
}

void DequantEngine::wait_for_warming() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return to_warm_.empty() && !warming_; });
}

DequantStats DequantEngine::stats() const {
  const std::lock_guard lock(mutex_);
  DequantStats stats = stats_;
  stats.evictions = cache_.evictions();
  stats.cached_bytes = cache_.used();
  return stats;
}

}  // namespace nibble
