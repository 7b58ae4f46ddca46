// The C API of include/nibble/weights.h over DequantEngine.
#include <memory>

#include "base/topology.h"
#include "nibble/weights.h"
#include "surfaces/c_api_support.h"
#include "transform/dequant_engine.h"

struct nibble_weights {
  std::shared_ptr<const nibble::GgufFile> file;
  std::unique_ptr<nibble::DequantEngine> engine;
};
struct nibble_tensor_held {
  std::shared_ptr<const nibble::GgufFile> file;  // has the name
  nibble::DequantEngine::Decoded decoded;
};

namespace nibble {
namespace {

constexpr FormatId kFloats[] = {FormatId::kF32, FormatId::kF16, FormatId::kBF16};  // by nibble_float

nibble_tensor given_out(const nibble_weights& weights, DequantEngine::Decoded decoded) {
  const TensorView& source = *decoded->source;
  nibble_tensor tensor = {};
  tensor.name = source.name.c_str();
  tensor.type = nibble_float(std::ranges::find(kFloats, decoded->format) - std::begin(kFloats));
  tensor.rank = source.rank;
  std::copy(std::begin(source.dims), std::end(source.dims), tensor.dims);
  tensor.data = decoded->bytes.data();
  tensor.bytes = decoded->bytes.size();
  tensor.held = new nibble_tensor_held{weights.file, std::move(decoded)};
  return tensor;
}

}  // namespace
}  // namespace nibble

using namespace nibble;

void nibble_weights_options_defaults(nibble_weights_options* options, size_t struct_size) {
  const DequantOptions defaults;
  store_defaults({.struct_size = 0,
                  .cache_bytes = defaults.cache_bytes,
                  .type = NIBBLE_F32,
                  .threads = 0,
                  .warm_next_layer = defaults.warm_next_layer},
                 options, struct_size);
}

nibble_status nibble_weights_open(const char* path, const nibble_weights_options* options,
                                  nibble_weights** weights) {
  return guarded([&]() -> Status {
    if (!path || !weights) return null_argument();
    const nibble_weights_options given = known_members(options, nibble_weights_options_defaults);
    if (unsigned(given.type) >= std::size(kFloats))
      return fail(ErrorKind::kInvalidArgument, "type is ", int(given.type),
                  ", wanted NIBBLE_F32, NIBBLE_F16 or NIBBLE_BF16");
    if (given.threads < 0)
      return fail(ErrorKind::kInvalidArgument, "threads is ", given.threads, ", wanted 0 or more");
    NIBBLE_TRY(GgufFile opened, GgufFile::open(path));
    auto file = std::make_shared<const GgufFile>(std::move(opened));
    NIBBLE_TRY(auto engine,
               DequantEngine::create(
                   file, {.cache_bytes = given.cache_bytes,
                          .format = kFloats[given.type],
                          .threads = given.threads > 0 ? given.threads : read_topology().default_threads(),
                          .warm_next_layer = given.warm_next_layer != 0}));
    *weights = new nibble_weights{std::move(file), std::move(engine)};
    return {};
  });
}

void nibble_weights_close(nibble_weights* weights) { delete weights; }

size_t nibble_weights_count(const nibble_weights* weights) { return weights->file->tensors().size(); }
const char* nibble_weights_name(const nibble_weights* weights, size_t index) {
  const auto tensors = weights->file->tensors();
  return index < tensors.size() ? tensors[index].name.c_str() : nullptr;
}

nibble_status nibble_weights_tensor(nibble_weights* weights, const char* name, nibble_tensor* tensor) {
  return guarded([&]() -> Status {
    if (!weights || !name || !tensor) return null_argument();
    NIBBLE_TRY(auto decoded, weights->engine->tensor(name));
    *tensor = given_out(*weights, std::move(decoded));
    return {};
  });
}

nibble_status nibble_weights_layer(nibble_weights* weights, int32_t layer, nibble_tensor* tensors,
                                   size_t capacity, size_t* count) {
  return guarded([&]() -> Status {
    if (!weights || !count || (!tensors && capacity > 0)) return null_argument();
    *count = weights->engine->layer_size(layer);
    if (*count > capacity)
      return fail(ErrorKind::kLimit, *count, " tensors of layer ", layer, " do not fit an array of ",
                  capacity);
    NIBBLE_TRY(auto decoded, weights->engine->layer(layer));
    for (size_t i = 0; i < decoded.size(); ++i) tensors[i] = given_out(*weights, std::move(decoded[i]));
    return {};
  });
}

void nibble_tensor_release(nibble_tensor* tensor) {
  if (!tensor) return;
  delete tensor->held;
  *tensor = {};
}

nibble_status nibble_weights_get_stats(const nibble_weights* weights, nibble_weights_stats* stats) {
  return guarded([&]() -> Status {
    if (!weights || !stats) return null_argument();
    const DequantStats now = weights->engine->stats();
    store_defaults<nibble_weights_stats>({.struct_size = 0,
                                          .hits = now.hits,
                                          .misses = now.misses,
                                          .bytes_decoded = now.bytes_decoded,
                                          .evictions = now.evictions,
                                          .cached_bytes = now.cached_bytes,
                                          .ahead_bytes = now.ahead_bytes,
                                          .warmed = now.warmed,
                                          .warmed_used = now.warmed_used,
                                          .warmed_wasted = now.warmed_wasted,
                                          .prefetched = now.prefetched,
                                          .prefetch_used = now.prefetch_used,
                                          .prefetch_wasted = now.prefetch_wasted},
                                         stats, stats->struct_size);
    return {};
  });
}
