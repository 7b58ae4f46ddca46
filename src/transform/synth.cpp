#include "transform/synth.h"

#include <algorithm>
#include <vector>

#include "formats/gguf_writer.h"
#include "transform/encode.h"
#include "transform/random_weights.h"

namespace nibble {
namespace {

constexpr const char* kChatTemplate =
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6;

struct Tokens {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;
  void add(std::string text, int32_t type) {
    texts.push_back(std::move(text));
    scores.push_back(type == kNormal ? -float(texts.size()) : 0.0f);
    types.push_back(type);
  }
};

std::string byte_token(unsigned value) {
  constexpr const char* kHex = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[value / 16], kHex[value % 16], '>'};
}

// SentencePiece-style: <unk> <s> </s>, the 256 bytes, the space, and filler that no text spells.
void set_byte_tokenizer(GgufWriter& writer, uint32_t vocabulary) {
  Tokens tokens;
  tokens.add("<unk>", kUnknown);
  tokens.add("<s>", kControl);
  tokens.add("</s>", kControl);
  for (unsigned value = 0; value < 256; ++value) tokens.add(byte_token(value), kByte);
  tokens.add("\xE2\x96\x81", kNormal);
  while (tokens.texts.size() < vocabulary) tokens.add(concat("token", tokens.texts.size()), kNormal);
  writer.set_string("tokenizer.ggml.model", "llama");
  writer.set_string("tokenizer.ggml.pre", "default");
  writer.set_strings("tokenizer.ggml.tokens", tokens.texts);
  writer.set_floats("tokenizer.ggml.scores", tokens.scores);
  writer.set_int32s("tokenizer.ggml.token_type", tokens.types);
  writer.set_uint32("tokenizer.ggml.unknown_token_id", 0);
  writer.set_uint32("tokenizer.ggml.bos_token_id", 1);
  writer.set_uint32("tokenizer.ggml.eos_token_id", 2);
  writer.set_bool("tokenizer.ggml.add_bos_token", true);
  writer.set_bool("tokenizer.ggml.add_eos_token", false);
  writer.set_string("tokenizer.chat_template", kChatTemplate);
}

// WordPiece over single ASCII characters: one form that starts a word, one that continues it.
void set_character_tokenizer(GgufWriter& writer, uint32_t vocabulary) {
  Tokens tokens;
  for (const char* text : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) tokens.add(text, kControl);
  for (char c = '!'; c <= '~'; ++c) {
    tokens.add(concat("\xE2\x96\x81", c), kNormal);
    tokens.add(std::string(1, c), kNormal);
  }
  while (tokens.texts.size() < vocabulary)
    tokens.add(concat("\xE2\x96\x81token", tokens.texts.size()), kNormal);
  writer.set_string("tokenizer.ggml.model", "bert");
  writer.set_string("tokenizer.ggml.pre", "default");
  writer.set_strings("tokenizer.ggml.tokens", tokens.texts);
  writer.set_int32s("tokenizer.ggml.token_type", tokens.types);
  writer.set_uint32("tokenizer.ggml.token_type_count", 2);
  writer.set_uint32("tokenizer.ggml.padding_token_id", 0);
  writer.set_uint32("tokenizer.ggml.unknown_token_id", 1);
  writer.set_uint32("tokenizer.ggml.cls_token_id", 2);
  writer.set_uint32("tokenizer.ggml.bos_token_id", 2);
  writer.set_uint32("tokenizer.ggml.eos_token_id", 3);
  writer.set_uint32("tokenizer.ggml.seperator_token_id", 3);
  writer.set_uint32("tokenizer.ggml.mask_token_id", 4);
}

void set_keys(GgufWriter& writer, const SynthShape& shape, const Recipe& recipe) {
  const std::string prefix = concat(shape.architecture, ".");
  const auto number = [&](const char* suffix, uint32_t value) { writer.set_uint32(prefix + suffix, value); };
  writer.set_string("general.architecture", shape.architecture);
  writer.set_string("general.type", "model");
  // Some programs recognise models by words in general.name: the shape is told elsewhere.
  writer.set_string("general.name", "synthetic");
  writer.set_string("general.description", shape.name);
  writer.set_uint32("general.quantization_version", 2);
  writer.set_uint32("general.file_type", recipe_file_type(recipe));
  number("vocab_size", shape.vocabulary);
  number("context_length", shape.context);
  number("embedding_length", shape.width);
  number("block_count", shape.layers);
  number("feed_forward_length", shape.ffn);
  number("attention.head_count", shape.heads);
  number("attention.head_count_kv", shape.kv_heads);
  number("attention.key_length", shape.head_dim);
  number("attention.value_length", shape.head_dim);
  if (!shape.learned_positions) number("rope.dimension_count", shape.head_dim);
  writer.set_float32(
      prefix + (shape.encoder ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"), 1e-5f);
  if (shape.experts > 0) {
    number("expert_count", shape.experts);
    number("expert_used_count", shape.experts_used);
    number("expert_feed_forward_length", shape.ffn);
  }
  for (const SynthKey& key : shape.keys) {
    const std::string name = prefix + key.suffix;
    switch (key.kind) {
      case SynthKeyKind::kUint:
        writer.set_uint32(name, uint32_t(key.number));
        break;
      case SynthKeyKind::kFloat:
        writer.set_float32(name, float(key.number));
        break;
      case SynthKeyKind::kBool:
        writer.set_bool(name, key.number != 0);
        break;
      case SynthKeyKind::kText:
        writer.set_string(name, key.text);
        break;
    }
  }
  if (shape.encoder) {
    set_character_tokenizer(writer, shape.vocabulary);
  } else {
    set_byte_tokenizer(writer, shape.vocabulary);
  }
}

// Makes and encodes one tensor after another, a few million values at a time.
class TensorMaker {
 public:
  TensorMaker(const SynthShape& shape, const SynthOptions& options, ThreadPool& pool)
      : shape_(shape), options_(options), pool_(pool) {}

  Status write(const SynthTensor& tensor, const Format& format, GgufWriter& writer) {
    uint64_t count = 1;
    for (const uint64_t n : tensor.dims) count *= n;
    const uint64_t row = tensor.dims[0], rows = count / row;
    const bool whole = format.tensor_trailer_bytes > 0;
    const uint64_t step = whole ? rows : std::max<uint64_t>(1, kValuesAtOnce / row);
    for (uint64_t first = 0; first < rows; first += step) {
      const uint64_t n = std::min(step, rows - first) * row;
      values_.resize(n);
      fill(tensor, first * row);
      NIBBLE_TRY(const uint64_t bytes, format_bytes(format, n));
      bytes_.resize(bytes);
      NIBBLE_CHECK_OK(encode_rows(pool_, format.id, row, values_, bytes_));
      NIBBLE_CHECK_OK(writer.write_tensor_data(bytes_));
    }
    return {};
  }

 private:
  static constexpr uint64_t kValuesAtOnce = 4 << 20;

  void fill(const SynthTensor& tensor, uint64_t first) {
    const uint64_t key = random_stream(options_.seed, tensor.name);
    pool_.run([&](int thread) {
      const WorkRange range = split_range(int64_t(values_.size()), 256, thread, pool_.threads());
      const auto part = std::span(values_).subspan(size_t(range.begin), size_t(range.end - range.begin));
      const uint64_t at = first + uint64_t(range.begin);
      switch (tensor.fill) {
        case SynthFill::kNormal:
          fill_normal(key, at, tensor.mean, tensor.deviation, part);
          break;
        case SynthFill::kTernary:
          fill_ternary(key, at, tensor.deviation, part);
          break;
        case SynthFill::kFrequencyFactors:
          for (uint64_t i = 0; i < part.size(); ++i)
            part[i] = 1 + (tensor.deviation - 1) * float(at + i) / float(tensor.dims[0]);
          break;
      }
    });
    if (!options_.outliers || !tensor.input_norm) return;
    // The same channels in every layer, as in trained models.
    const uint32_t outliers = synth_outlier_channels(shape_);
    const uint64_t spacing = values_.size() / outliers;
    const uint64_t first_channel = random_stream(options_.seed, "outliers") % spacing;
    for (uint32_t i = 0; i < outliers; ++i) values_[first_channel + i * spacing] *= kSynthOutlierGain;
  }

  const SynthShape& shape_;
  const SynthOptions& options_;
  ThreadPool& pool_;
  std::vector<float> values_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<SynthReport> write_synthetic_model(const SynthOptions& options, const std::string& path,
                                          ThreadPool& pool) {
  NIBBLE_TRY(const SynthShape* shape, find_synth_shape(options.shape));
  NIBBLE_TRY(const Recipe* recipe, find_recipe(options.format));
  const RecipeFacts facts{.layers = shape->layers,
                          .heads = shape->heads,
                          .kv_heads = shape->kv_heads,
                          .experts = shape->experts,
                          .tied_output = shape->tied || shape->encoder};
  const std::vector<SynthTensor> tensors = synth_tensors(*shape, options.outliers);
  NIBBLE_TRY(GgufWriter writer, GgufWriter::create(path));
  set_keys(writer, *shape, *recipe);

  SynthReport report;
  std::vector<const Format*> formats;
  for (const SynthTensor& tensor : tensors) {
    const Format& format = format_of(recipe_format(*recipe, facts, {tensor.name, tensor.dims}));
    formats.push_back(&format);
    NIBBLE_CHECK_OK(writer.declare_tensor(tensor.name, tensor.dims, format.id));
    uint64_t count = 1;
    for (const uint64_t n : tensor.dims) count *= n;
    NIBBLE_TRY(const uint64_t bytes, format_bytes(format, count));
    report.parameters += count;
    report.tensor_bytes += bytes;
    ++report.tensors;
  }
  TensorMaker maker(*shape, options, pool);
  for (size_t i = 0; i < tensors.size(); ++i) NIBBLE_CHECK_OK(maker.write(tensors[i], *formats[i], writer));
  NIBBLE_CHECK_OK(writer.finish());
  return report;
}

}  // namespace nibble
