#include "transform/dequant_engine.h"

#include <algorithm>

namespace nibble {
namespace {

// Of the limit, for tensors decoded ahead.
constexpr uint64_t kAheadShare = 4;

}  // namespace

Result<std::unique_ptr<DequantEngine>> DequantEngine::create(std::shared_ptr<const GgufFile> file,
                                                             const DequantOptions& options) {
  if (format_of(options.format).activation != ActivationKind::kFloat)
    return fail(ErrorKind::kInvalidArgument, "decoding to ", format_of(options.format).name,
                "; wanted F32, F16 or BF16");
  return std::unique_ptr<DequantEngine>(new DequantEngine(std::move(file), options));
}

DequantEngine::DequantEngine(std::shared_ptr<const GgufFile> file, const DequantOptions& options)
    : file_(std::move(file)),
      options_(options),
      ahead_limit_(options.warm_next_layer ? options.cache_bytes / kAheadShare : 0),
      pool_(options.threads),
      pattern_(file_->tensors()),
      cache_(options.cache_bytes - ahead_limit_),
      alive_(file_->tensors().size()) {
  if (options_.warm_next_layer) warmer_ = std::jthread([this](std::stop_token stop) { warm(stop); });
}

DequantEngine::~DequantEngine() {
  warmer_.request_stop();
  changed_.notify_all();
}

uint64_t DequantEngine::bytes_of(size_t index) const {
  return file_->tensors()[index].values() * format_of(options_.format).block_bytes;
}

bool DequantEngine::resident(size_t index) const {
  return cache_.contains(index) || ahead_.contains(index) || !alive_[index].expired();
}

// Null where it has to be decoded.
DequantEngine::Decoded DequantEngine::take_ready(size_t index) {
  const uint64_t bytes = bytes_of(index);
  std::erase(to_warm_, index);
  Decoded found = cache_.find(index, bytes);
  if (const auto ready = ahead_.find(index); ready != ahead_.end()) {
    found = std::move(ready->second);
    ahead_.erase(ready);
    ahead_bytes_ -= bytes;
    ++stats_.warmed_used;
  }
  if (!found) found = alive_[index].lock();
  if (found) cache_.insert(index, found, bytes);
  return found;
}

Result<std::vector<DequantEngine::Decoded>> DequantEngine::fetch(std::span<const size_t> indices) {
  std::vector<Decoded> all(indices.size());
  std::vector<Missing> missing;
  bool news;
  {
    const std::lock_guard lock(mutex_);
    news = pattern_.note(indices);
    for (size_t i = 0; i < indices.size(); ++i) {
      if ((all[i] = take_ready(indices[i]))) continue;
      const bool begun = warming_ == indices[i];
      missing.push_back({i, indices[i], begun ? warming_work_ : nullptr});
      joined_ |= begun;
    }
    stats_.hits += indices.size() - missing.size();
  }
  changed_.notify_all();  // there may be room now to decode ahead
  const Status decoded = missing.empty() ? Status() : decode_missing(std::move(missing), all);
  if (news && options_.warm_next_layer) {
    {
      const std::lock_guard lock(mutex_);
      follow_pattern();
    }
    changed_.notify_all();
  }
  if (!decoded) return forward_error(decoded.error());
  return all;
}

Status DequantEngine::decode_missing(std::vector<Missing> missing, std::vector<Decoded>& all) {
  const std::lock_guard turn(decoding_);
  const TensorView* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    // Another call may have decoded it while this one waited for its turn.
    stats_.hits += std::erase_if(
        missing, [&](const Missing& m) { return (all[m.at] = alive_[m.index].lock()) != nullptr; });
    stats_.misses += missing.size();
    if (!missing.empty()) next = send_for_next(missing);
  }
  std::vector<std::shared_ptr<DecodeWork>> works;
  for (const Missing& m : missing) {
    const TensorView& tensor = file_->tensors()[m.index];
    if (m.work) {
      works.push_back(m.work);
      continue;
    }
    NIBBLE_TRY(auto room, DecodedTensor::allocate(tensor, options_.format));
    works.push_back(std::make_shared<DecodeWork>(std::move(room)));
    file_->prefetch(tensor);
  }
  if (next) file_->prefetch(*next);
  if (!works.empty()) NIBBLE_CHECK_OK(decode_together(pool_, works, next));
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < missing.size(); ++i) {
    const Decoded decoded = works[i]->out();
    all[missing[i].at] = decoded;
    alive_[missing[i].index] = decoded;
    stats_.bytes_decoded += decoded->bytes.size();
    cache_.insert(missing[i].index, decoded, decoded->bytes.size());
  }
  return {};
}

// Settles whether what was sent for last time came, and says what to send for now: the next of the file.
const TensorView* DequantEngine::send_for_next(std::span<const Missing> missing) {
  if (sent_for_) {
    const bool came = std::ranges::find(missing, *sent_for_, &Missing::index) != missing.end();
    ++(came ? stats_.prefetch_used : stats_.prefetch_wasted);
  }
  sent_for_.reset();
  const size_t next = missing.back().index + 1;
  if (next >= file_->tensors().size() || resident(next)) return nullptr;
  sent_for_ = next;
  ++stats_.prefetched;
  return &file_->tensors()[next];
}

Result<DequantEngine::Decoded> DequantEngine::tensor(std::string_view name) {
  const TensorView* found = file_->find_tensor(name);
  if (!found) return fail(ErrorKind::kNotFound, file_->path(), ": no tensor ", name);
  const auto index = size_t(found - file_->tensors().data());
  NIBBLE_TRY(auto fetched, fetch({&index, 1}));
  return std::move(fetched[0]);
}

Result<std::vector<DequantEngine::Decoded>> DequantEngine::layer(int layer) {
  const auto indices = pattern_.layer(layer);
  if (indices.empty()) return fail(ErrorKind::kNotFound, file_->path(), ": no tensors of layer ", layer);
  return fetch(indices);
}

// The background thread turns to what is expected now; what was decoded for an earlier guess goes.
void DequantEngine::follow_pattern() {
  const std::vector<size_t> expected = pattern_.expected();
  const auto wanted = [&](size_t index) { return std::ranges::find(expected, index) != expected.end(); };
  std::erase_if(ahead_, [&](const auto& ready) {
    if (wanted(ready.first)) return false;
    ahead_bytes_ -= bytes_of(ready.first);
    ++stats_.warmed_wasted;
    return true;
  });
  if (warming_ && !joined_ && !wanted(*warming_)) abandon_ = true;
  to_warm_.clear();
  for (const size_t index : expected)
    if (!resident(index) && warming_ != index && bytes_of(index) <= ahead_limit_) to_warm_.push_back(index);
}

bool DequantEngine::can_warm() const {
  return !to_warm_.empty() && ahead_bytes_ + bytes_of(to_warm_.front()) <= ahead_limit_;
}

void DequantEngine::warm(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return can_warm(); }) && !stop.stop_requested()) {
    const size_t index = to_warm_.front();
    to_warm_.erase(to_warm_.begin());
    const TensorView* after = to_warm_.empty() ? nullptr : &file_->tensors()[to_warm_.front()];
    // An error is told to whoever asks for the tensor.
    auto room = DecodedTensor::allocate(file_->tensors()[index], options_.format);
    if (!room) continue;
    const auto work = std::make_shared<DecodeWork>(*std::move(room));
    warming_ = index, warming_work_ = work;
    abandon_ = joined_ = false;
    ahead_bytes_ += bytes_of(index);
    lock.unlock();
    file_->prefetch(file_->tensors()[index]);
    if (after) file_->prefetch(*after);
    work->take_part([&] { return !abandon_ && !stop.stop_requested(); });
    lock.lock();
    warming_.reset(), warming_work_.reset();
    ++stats_.warmed;
    if (!joined_ && !abandon_ && work->finished() && work->wait()) {
      stats_.bytes_decoded += bytes_of(index);
      ahead_[index] = work->out();
      alive_[index] = work->out();
    } else {
      ahead_bytes_ -= bytes_of(index);
      ++(joined_ ? stats_.warmed_used : stats_.warmed_wasted);
    }
    changed_.notify_all();
  }
}

void DequantEngine::wait_for_warming() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !can_warm() && !warming_; });
}

DequantStats DequantEngine::stats() const {
  const std::lock_guard lock(mutex_);
  DequantStats stats = stats_;
  stats.evictions = cache_.evictions();
  stats.cached_bytes = cache_.used();
  stats.ahead_bytes = ahead_bytes_;
  return stats;
}

}  // namespace nibble
