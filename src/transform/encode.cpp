#include "transform/encode.h"

#include <algorithm>
#include <mutex>

#include "formats/quant_reference.h"

namespace nibble {

Status encode_values(FormatId format, std::span<const float> values, std::span<std::byte> out,
                     std::span<const float> importance) {
  return encode_reference(format, values, out, importance);
}

Status encode_rows(ThreadPool& pool, FormatId format, uint64_t row_length, std::span<const float> values,
                   std::span<std::byte> out, std::span<const float> importance) {
  const Format& row = format_of(format);
  if (row_length == 0 || row_length % row.block_values != 0 || values.size() % row_length != 0)
    return fail(ErrorKind::kInvalidArgument, values.size(), " values in rows of ", row_length,
                "; wanted whole blocks of ", row.name, " (", row.block_values, " values)");
  if (!importance.empty() && importance.size() != row_length)
    return fail(ErrorKind::kInvalidArgument, importance.size(), " weights of importance for rows of ",
                row_length);
  NIBBLE_TRY(const uint64_t bytes, format_bytes(row, values.size()));
  if (out.size() != bytes)
    return fail(ErrorKind::kInvalidArgument, "buffer of ", out.size(), " bytes; wanted ", bytes, " for ",
                values.size(), " values of ", row.name);
  if (row.tensor_trailer_bytes > 0) return encode_values(format, values, out);

  const uint64_t rows = values.size() / row_length, row_bytes = bytes / std::max<uint64_t>(1, rows);
  std::mutex mutex;
  Status status;
  pool.run([&](int thread) {
    const WorkRange range = split_range(int64_t(rows), 1, thread, pool.threads());
    for (int64_t r = range.begin; r < range.end; ++r) {
      Status one = encode_values(format, values.subspan(uint64_t(r) * row_length, row_length),
                                 out.subspan(uint64_t(r) * row_bytes, row_bytes), importance);
      if (one) continue;
      const std::lock_guard lock(mutex);
      status = std::move(one);
      return;
    }
  });
  return status;
}

}  // namespace nibble
