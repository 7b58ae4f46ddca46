#include "transform/decode.h"

#include "kernels/drive.h"

namespace nibble {
namespace {

DecodeKernels::Decode kernel_of(FormatId from, FormatId as) {
  const DecodeKernels& decode = *kernels().decode;
  const auto index = size_t(format_index(from));
  return as == FormatId::kF32   ? decode.f32[index]
         : as == FormatId::kF16 ? decode.f16[index]
                                : decode.bf16[index];
}

}  // namespace

Status decode_values(const TensorView& tensor, uint64_t first, FormatId as, std::span<std::byte> out) {
  if (format_of(as).activation != ActivationKind::kFloat)
    return fail(ErrorKind::kInvalidArgument, "decoding to ", format_of(as).name, "; wanted F32, F16 or BF16");
  const Format& format = *tensor.format;
  const uint64_t width = format_of(as).block_bytes, count = out.size() / width;
  if (out.size() % width != 0)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": a buffer of ", out.size(),
                " bytes is no whole number of values of ", format_of(as).name);
  if (first % format.block_values != 0 || count % format.block_values != 0)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", count, " values from value ",
                first, " on; wanted whole blocks of ", format.name, " (", format.block_values, " values)");
  if (first > tensor.values() || count > tensor.values() - first)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", count, " values from value ",
                first, " on; it has ", tensor.values());
  NIBBLE_TRY(const uint64_t bytes, format_bytes(format, tensor.values()));
  if (tensor.bytes.size() != bytes)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", tensor.bytes.size(),
                " bytes; wanted ", bytes, " for ", tensor.values(), " values of ", format.name);
  if (count == 0) return {};
  const std::byte* from = tensor.bytes.data() + first / format.block_values * format.block_bytes;
  kernel_of(format.id, as)(reinterpret_cast<const uint8_t*>(from), int64_t(count / format.block_values),
                           Driver::tensor_scale(tensor), out.data());
  return {};
}

Status decode_rows(const TensorView& tensor, uint64_t first_row, std::span<float> out) {
  const uint64_t length = tensor.row_length(), rows = length ? out.size() / length : 0;
  if (length == 0 || rows * length != out.size() || first_row > tensor.rows() ||
      rows > tensor.rows() - first_row)
    return fail(ErrorKind::kInvalidArgument, "tensor ", tensor.name, ": ", out.size(), " values from row ",
                first_row, " on; it has ", tensor.rows(), " rows of ", length);
  return decode_values(tensor, first_row * length, FormatId::kF32, std::as_writable_bytes(out));
}

}  // namespace nibble
