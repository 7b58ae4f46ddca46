#include "transform/bulk_decode.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <vector>

#include "formats/quant_reference.h"
#include "transform/decode.h"

namespace nibble {
namespace {

constexpr std::align_val_t kAlignment{64};
// Of the stored bytes of the tensor that comes next, so many a thread.
constexpr size_t kNearBytes = 64 << 10;

// A stretch of rows of one of the tensors.
struct Strip {
  const DecodedTensor* tensor;
  uint64_t first, rows;
};

uint64_t rows_at_once(const TensorView& tensor) {
  return std::max<uint64_t>(1, kSerialValues / std::max<uint64_t>(1, tensor.row_length()));
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

Status decode_strip(const Strip& strip) {
  const DecodedTensor& tensor = *strip.tensor;
  return decode_part(*tensor.source, tensor.format, strip.first, strip.rows, tensor.bytes);
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
  // Not cleared: the pages are touched first by the threads that fill them.
  decoded->memory_.reset(
      static_cast<std::byte*>(::operator new[](std::max<uint64_t>(1, size), kAlignment, std::nothrow)));
  if (!decoded->memory_)
    return fail(ErrorKind::kLimit, "tensor ", tensor.name, ": no memory for ", size, " bytes of ",
                format_of(format).name);
  decoded->bytes = {decoded->memory_.get(), size};
  return decoded;
}

void DecodedTensor::Free::operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }

Status decode_tensors(ThreadPool& pool, std::span<DecodedTensor* const> tensors, const TensorView* next) {
  std::vector<Strip> strips;
  uint64_t values = 0;
  for (const DecodedTensor* tensor : tensors) {
    const uint64_t rows = tensor->source->rows(), step = rows_at_once(*tensor->source);
    for (uint64_t row = 0; row < rows; row += step)
      strips.push_back({tensor, row, std::min(step, rows - row)});
    values += tensor->source->values();
  }
  std::atomic<size_t> taken = 0;
  std::mutex failing;
  Status status;
  const auto work = [&](int thread) {
    for (size_t at = taken.fetch_add(1); at < strips.size(); at = taken.fetch_add(1)) {
      Status done = decode_strip(strips[at]);
      if (done) continue;
      const std::lock_guard lock(failing);
      status = std::move(done);
      taken = strips.size();
    }
    const size_t share = size_t(thread) * kNearBytes;
    if (next && share < next->bytes.size())
      bring_near(next->bytes.subspan(share, std::min(kNearBytes, next->bytes.size() - share)));
  };
  if (values <= kSerialValues) {
    work(0);
  } else {
    pool.run(work);
  }
  return status;
}

Result<bool> decode_while(const DecodedTensor& out, const std::function<bool()>& go_on) {
  const uint64_t rows = out.source->rows(), step = rows_at_once(*out.source);
  for (uint64_t row = 0; row < rows; row += step) {
    if (!go_on()) return false;
    NIBBLE_CHECK_OK(decode_strip({&out, row, std::min(step, rows - row)}));
  }
  return true;
}

}  // namespace nibble
