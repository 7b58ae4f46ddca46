#include "transform/decode.h"

#include <cstring>
#include <vector>

#include "formats/quant_reference.h"

namespace nibble {

Status decode_rows(const TensorView& tensor, uint64_t first_row, std::span<float> out) {
  const uint64_t length = tensor.row_length(), rows = length ? out.size() / length : 0;
  if (length == 0 || rows * length != out.size() || first_row > tensor.rows() ||
      rows > tensor.rows() - first_row)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", out.size(), " values from row ",
                first_row, " on; it has ", tensor.rows(), " rows of ", length);
  const Format& format = *tensor.format;
  const auto bytes = tensor.bytes.subspan(first_row * tensor.row_bytes(), rows * tensor.row_bytes());
  if (format.tensor_trailer_bytes == 0) return decode_reference(format.id, bytes, out);
  // The scale stands behind the whole tensor: rows and trailer are brought together as a tensor of their own.
  std::vector<std::byte> part(bytes.size() + format.tensor_trailer_bytes);
  std::memcpy(part.data(), bytes.data(), bytes.size());
  std::memcpy(part.data() + bytes.size(),
              tensor.bytes.data() + tensor.bytes.size() - format.tensor_trailer_bytes,
              format.tensor_trailer_bytes);
  return decode_reference(format.id, part, out);
}

}  // namespace nibble
