#include <array>
#include <chrono>
#include <cstdio>

#include "commands.h"

namespace nibble::peer {
namespace {

struct FileType {
  const char* name;
  std::int32_t id;  // llama_ftype
};
constexpr std::array kFileTypes = {
    FileType{"F32", 0},     FileType{"F16", 1},        FileType{"Q4_0", 2},    FileType{"Q4_1", 3},
    FileType{"Q8_0", 7},    FileType{"Q5_0", 8},       FileType{"Q5_1", 9},    FileType{"Q2_K", 10},
    FileType{"Q3_K_S", 11}, FileType{"Q3_K_M", 12},    FileType{"Q3_K_L", 13}, FileType{"Q4_K_S", 14},
    FileType{"Q4_K_M", 15}, FileType{"Q5_K_S", 16},    FileType{"Q5_K_M", 17}, FileType{"Q6_K", 18},
    FileType{"IQ4_NL", 25}, FileType{"IQ4_XS", 30},    FileType{"BF16", 32},   FileType{"TQ1_0", 36},
    FileType{"TQ2_0", 37},  FileType{"MXFP4_MOE", 38},
};

Result<std::int32_t> file_type(const std::string& name) {
  std::string known;
  for (const FileType& type : kFileTypes) {
    if (name == type.name || name == std::to_string(type.id)) return type.id;
    known += concat(" ", type.name);
  }
  return fail(ErrorKind::kInvalidArgument, "file type ", name, "; wanted one of", known);
}

}  // namespace

Result<double> quantize_model(const PeerApi& api, const std::string& in, const std::string& out,
                              const std::string& type, int threads, bool pure, bool requantize) {
  LlamaQuantizeParams params = api.quantize_default_params();
  NIBBLE_TRY(params.ftype, file_type(type));
  params.nthread = threads;
  params.pure = pure;
  params.allow_requantize = requantize;
  const auto start = std::chrono::steady_clock::now();
  if (const std::uint32_t code = api.model_quantize(in.c_str(), out.c_str(), &params))
    return fail(ErrorKind::kInternal, in, ": the peer's quantize returns ", code, ":\n", peer_log());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status quantize_file(const PeerApi& api, const std::string& in, const std::string& out,
                     const std::string& type, int threads, bool pure, bool requantize) {
  NIBBLE_TRY(const double seconds, quantize_model(api, in, out, type, threads, pure, requantize));
  std::printf("{\"program\":\"llama.cpp %s\",\"type\":\"%s\",\"n_threads\":%d,\"seconds\":%.3f}\n",
              api.version(), type.c_str(), threads, seconds);
  return {};
}

}  // namespace nibble::peer
