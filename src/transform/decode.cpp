#include "transform/decode.h"

#include "kernels/drive.h"

namespace nibble {

Status decode_rows(const TensorView& tensor, uint64_t first_row, std::span<float> out) {
  const uint64_t length = tensor.row_length(), rows = length ? out.size() / length : 0;
  if (length == 0 || rows * length != out.size() || first_row > tensor.rows() ||
      rows > tensor.rows() - first_row)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", out.size(), " values from row ",
                first_row, " on; it has ", tensor.rows(), " rows of ", length);
  const auto bytes = tensor.bytes.subspan(first_row * tensor.row_bytes(), rows * tensor.row_bytes());
  kernels().decode->f32[tensor.format - kFormats](reinterpret_cast<const uint8_t*>(bytes.data()),
                                                 int64_t(out.size() / tensor.format->block_values),
                                                 Driver::tensor_scale(tensor), out.data());
  return {};
}

}  // namespace nibble
