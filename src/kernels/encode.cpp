#include "kernels/encode.h"

#include <string_view>

namespace nibble {

#define NIBBLE_ISA(isa) bool encode_blocks_##isa(FormatId, const float*, const float*, int64_t, uint8_t*);
#include "kernels/isa_list.inc"
#undef NIBBLE_ISA

EncodeBlocks encoder_of(const KernelTable& table) {
#define NIBBLE_ISA(isa) \
  if (std::string_view(table.name) == #isa) return encode_blocks_##isa;
#include "kernels/isa_list.inc"
#undef NIBBLE_ISA
  return encode_blocks_scalar;
}

}  // namespace nibble
