// What a Hugging Face config.json says, as nibble's ModelConfig. Everything that it cannot express, or that
// nibble would compute otherwise, is an error or a note, never silence.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/json.h"
#include "model/model_config.h"
#include "transform/hf_checkpoint.h"

namespace nibble {

// A model class of the transformers library ("LlamaForCausalLM").
struct HfClass {
  std::string_view name;
  std::string_view architecture;  // of GGUF: a row of model/architecture.cpp
  bool tied_by_default = false;   // tie_word_embeddings when config.json does not say
  double rope_base = 10000;       // rope_theta likewise
  bool norms_from_one = false;    // norms are stored as their distance from one (Gemma)
  bool ternary = false;           // matrices are rounded to {-1, 0, 1} times their mean magnitude (BitNet)
  bool text_part = false;         // config and tensors of the language model are inside those of a larger one
  bool nested_defaults = false;   // sizes may be missing: those of Gemma3TextConfig
};
Result<const HfClass*> find_hf_class(JsonValue config, const std::string& path);

struct HfModel {
  const HfClass* hf_class = nullptr;
  ModelConfig config;
  bool tied = false;
  // Computed from the config; empty: none. They become tensors.
  std::vector<float> rope_factors, rope_factors_long, rope_factors_short;
  std::vector<std::string> notes;  // for people: what the file cannot say
};
Result<HfModel> read_hf_model(const HfCheckpoint& checkpoint);

// Numbers and words of config.json; an error names the key, the value found and the value wanted.
class HfConfig {
 public:
  HfConfig(JsonValue values, std::string path) : values_(values), path_(std::move(path)) {}
  JsonValue operator[](std::string_view key) const { return values_[key]; }
  const std::string& path() const { return path_; }
  template <class... Parts>
  std::unexpected<Error> bad(ErrorKind kind, std::string_view key, const Parts&... parts) const {
    return fail(kind, path_, ": ", key, " ", parts...);
  }
  // Without a fallback the key must be there; null is as good as absent.
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high,
                          std::optional<int64_t> fallback = std::nullopt) const;
  Result<double> real(std::string_view key, double low, double high,
                      std::optional<double> fallback = std::nullopt) const;
  Result<bool> flag(std::string_view key, bool fallback) const;
  // Empty where there is none.
  Result<std::string_view> word(std::string_view key) const;

 private:
  JsonValue values_;
  std::string path_;
};

// Rotary position embedding: base, scaling and factors (hf_rope.cpp). Layers with a window and a base of
// their own too.
Status read_hf_rope(const HfConfig& config, HfModel& model);

}  // namespace nibble
