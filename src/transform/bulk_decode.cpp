#include "transform/bulk_decode.h"

#include <sys/mman.h>

#include <algorithm>
#include <thread>

#include "transform/decode.h"

namespace nibble {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = 2 << 20;
// Of the stored bytes of the tensor that comes next, so many a thread.
constexpr size_t kNearBytes = 64 << 10;

uint64_t rows_at_once(const TensorView& tensor) {
  return std::max<uint64_t>(1, kSerialValues / std::max<uint64_t>(1, tensor.row_length()));
}

// Rows [first, first + rows) of a tensor into their place of `out`.
Status decode_part(const TensorView& tensor, FormatId format, uint64_t first, uint64_t rows,
                   std::span<std::byte> out) {
  const uint64_t length = tensor.row_length(), width = format_of(format).block_bytes;
  return decode_values(tensor, first * length, format,
                       out.subspan(first * length * width, rows * length * width));
}

// Pages that are not mapped yet are left alone: a hint never waits.
void bring_near(std::span<const std::byte> bytes) {
  for (size_t at = 0; at < bytes.size(); at += 64) __builtin_prefetch(bytes.data() + at, 0, 2);
}

}  // namespace

Result<std::shared_ptr<DecodedTensor>> DecodedTensor::allocate(const TensorView& tensor, FormatId format) {
  NIBBLE_TRY(const uint64_t size, format_bytes(format_of(format), tensor.values()));
  auto decoded = std::make_shared<DecodedTensor>();
  decoded->source = &tensor;
  decoded->format = format;
  // Not cleared: the pages are touched first by the threads that fill them. Fresh pages of 4 KiB would cost
  // three times as much as the values that go into them.
  const size_t alignment = size >= kHugePage ? kHugePage : kAlignment;
  const uint64_t rounded = std::max<uint64_t>(1, (size + alignment - 1) / alignment) * alignment;
  decoded->memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
  if (!decoded->memory_)
    return fail(ErrorKind::kLimit, "tensor ", tensor.name, ": no memory for ", size, " bytes of ",
                format_of(format).name);
  if (size >= kHugePage) ::madvise(decoded->memory_.get(), size / kHugePage * kHugePage, MADV_HUGEPAGE);
  decoded->bytes = {decoded->memory_.get(), size};
  return decoded;
}

DecodeWork::DecodeWork(std::shared_ptr<DecodedTensor> out)
    : out_(std::move(out)),
      strip_rows_(rows_at_once(*out_->source)),
      strips_((out_->source->rows() + strip_rows_ - 1) / strip_rows_) {}

Status DecodeWork::decode_strip(uint64_t strip) const {
  const uint64_t first = strip * strip_rows_, rows = std::min(strip_rows_, out_->source->rows() - first);
  return decode_part(*out_->source, out_->format, first, rows, out_->bytes);
}

void DecodeWork::take_part(const std::function<bool()>& go_on) {
  while (!go_on || go_on()) {
    const uint64_t strip = taken_.fetch_add(1, std::memory_order_relaxed);
    if (strip >= strips_) return;
    if (Status decoded = decode_strip(strip); !decoded) {
      const std::lock_guard lock(mutex_);
      status_ = std::move(decoded);
    }
    done_.fetch_add(1, std::memory_order_release);
  }
}

// What is missing is less than a strip of each of the others.
Status DecodeWork::wait() {
  while (!finished()) std::this_thread::yield();
  const std::lock_guard lock(mutex_);
  return status_;
}

Status decode_together(ThreadPool& pool, std::span<const std::shared_ptr<DecodeWork>> works,
                       const TensorView* next) {
  uint64_t values = 0;
  for (const auto& work : works) values += work->out()->source->values();
  const auto all = [&](int thread) {
    for (const auto& work : works) work->take_part();
    const size_t share = size_t(thread) * kNearBytes;
    if (next && share < next->bytes.size())
      bring_near(next->bytes.subspan(share, std::min(kNearBytes, next->bytes.size() - share)));
  };
  if (values <= kSerialValues) {
    all(0);
  } else {
    pool.run(all);
  }
  Status status;
  for (const auto& work : works)
    if (Status done = work->wait(); !done) status = std::move(done);
  return status;
}

}  // namespace nibble
