#include <algorithm>
#include <cstdio>
#include <map>

#include "base/memory_quota.h"
#include "base/quote.h"
#include "kernels/kernels.h"
#include "model/kv_cache.h"
#include "model/weights.h"
#include "surfaces/commands.h"
#include "surfaces/output.h"
#include "text/chat_template.h"
#include "text/vocabulary_reader.h"

namespace nibble {
namespace {

struct FormatTotal {
  uint64_t tensors = 0, values = 0, bytes = 0;
};

// One thing nibble does with a model, and why it cannot, if so.
struct Ability {
  std::string_view name;
  std::string obstacle;  // empty: it can
};

struct Inspection {
  std::string path;
  uint32_t version = 0;
  uint64_t file_bytes = 0, parameters = 0;
  std::map<std::string, FormatTotal> formats;
  std::optional<ModelConfig> config;
  std::vector<Ability> abilities;
  std::vector<std::string> unused;
  int64_t context = 0;  // as asked for, or the default
  uint64_t kv_bytes = 0;
  KvType kv_type = KvType::kF16;
};

template <class T>
std::string obstacle(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

void inspect_model(const GgufFile& file, const EngineOptions& options, Inspection& inspection) {
  auto config = read_model_config(file);
  std::string cannot_run = obstacle(config);
  if (config) {
    inspection.config = *config;
    cannot_run = obstacle(load_weights(file, *config, kernels()));
    inspection.unused = unused_tensors(file, *config);
    const auto quota = read_memory_quota();
    const KvLayout layout(*config, options.kv);
    const auto fitting = default_context(layout, config->context, quota ? quota->available : uint64_t(1) << 32);
    inspection.context = options.context > 0 ? options.context : fitting.value_or(0);
    inspection.kv_bytes = layout.bytes_for(inspection.context);
    inspection.kv_type = layout.type;
  }
  inspection.abilities.push_back({"run", cannot_run});
}

void inspect_text(const GgufFile& file, Inspection& inspection) {
  const auto vocabulary = read_vocabulary(file);
  std::string cannot_tokenize = obstacle(vocabulary);
  if (vocabulary) cannot_tokenize = obstacle(Tokenizer::create(*vocabulary));
  inspection.abilities.push_back({"tokenize", cannot_tokenize});
  const auto source = file.get_string("tokenizer.chat_template");
  std::string cannot_chat = obstacle(source);
  if (source)
    cannot_chat = *source ? obstacle(ChatTemplate::parse(**source)) : "the file has no chat template";
  inspection.abilities.push_back({"chat", cannot_chat});
}

Inspection inspect_file(const GgufFile& file, const EngineOptions& options) {
  Inspection inspection;
  inspection.path = file.path();
  inspection.version = file.version();
  inspection.file_bytes = file.file_bytes();
  for (const TensorView& tensor : file.tensors()) {
    FormatTotal& total = inspection.formats[tensor.format->name];
    ++total.tensors;
    total.values += tensor.values();
    total.bytes += tensor.bytes.size();
    inspection.parameters += tensor.values();
  }
  inspect_model(file, options, inspection);
  inspect_text(file, inspection);
  return inspection;
}

constexpr size_t kShownItems = 8, kShownBytes = 100;

std::string shown_value(const GgufValue& value, size_t items = kShownItems) {
  if (value.is_array()) {
    std::string text = concat(value.size(), " x ", gguf_type_name(value.element_type()), " [");
    for (uint64_t i = 0; i < std::min<uint64_t>(value.size(), items); ++i)
      text += concat(i ? ", " : "", shown_value(value.at(i), 2));
    return text + (value.size() > items ? ", ...]" : "]");
  }
  if (auto text = value.as_string()) return quoted(*text, kShownBytes);
  if (auto flag = value.as_bool()) return *flag ? "true" : "false";
  if (auto number = value.as_uint()) return concat(*number);
  if (auto number = value.as_int()) return concat(*number);
  if (auto number = value.as_float()) return concat(float(*number));
  return "?";
}

std::string shape_text(const TensorView& tensor) {
  std::string text;
  for (int i = 0; i < tensor.rank; ++i) text += concat(i ? " x " : "", tensor.dims[i]);
  return text;
}

std::string mib(uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", double(bytes) / (1 << 20));
  return text;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string config_text(const ModelConfig& config) {
  const LayerConfig& layer = config.layers.front();
  return concat("model      ", config.architecture->name, ": ", config.layers.size(), " layers, width ",
                config.width, ", FFN ", layer.ffn_length, ", ", layer.heads, " heads of ", config.head_dim,
                ", ", layer.kv_heads, " for keys and values, vocabulary ", config.vocabulary, ", context ",
                config.context, "\n");
}

std::string inspection_text(const Inspection& inspection, const GgufFile& file,
                            const InspectOptions& options) {
  std::string text = concat("file       ", inspection.path, ": GGUF version ", inspection.version, ", ",
                            mib(inspection.file_bytes), ", ", file.keys().size(), " keys, ",
                            file.tensors().size(), " tensors, ", inspection.parameters, " parameters\n");
  if (inspection.config) text += config_text(*inspection.config);
  for (const auto& [name, total] : inspection.formats)
    text += concat("format     ", padded(name, 8), total.tensors, " tensors, ", total.values, " values, ",
                   mib(total.bytes), "\n");
  if (inspection.config)
    text += concat("memory     ", mib(inspection.file_bytes), " file (mapped, shared) + ",
                   mib(inspection.kv_bytes), " keys and values (", kv_type_name(inspection.kv_type), ") at context ", inspection.context, "\n");
  for (const Ability& ability : inspection.abilities)
    text += concat(padded(std::string(ability.name), 11),
                   ability.obstacle.empty() ? "yes" : "no: ", ability.obstacle, "\n");
  if (!inspection.unused.empty()) {
    text += concat("unused     ", inspection.unused.size(), " tensors:");
    for (size_t i = 0; i < std::min(inspection.unused.size(), kShownItems); ++i)
      text += " " + quoted(inspection.unused[i]);
    text += inspection.unused.size() > kShownItems ? " ...\n" : "\n";
  }
  if (options.keys || !options.tensors) {
    text += "\n";
    for (const GgufKey& key : file.keys())
      text += concat(padded(std::string(key.name), 48), shown_value(key.value), "\n");
  }
  if (options.tensors) {
    text += "\n";
    for (const TensorView& tensor : file.tensors())
      text += concat(padded(tensor.name, 40), padded(tensor.format->name, 8), padded(shape_text(tensor), 24),
                     tensor.bytes.size(), " bytes\n");
  }
  return text;
}

void write_key(JsonWriter& json, const GgufValue& value) {
  if (value.is_array()) {
    json.begin_object().field("type", gguf_type_name(value.element_type())).field("length", value.size());
    json.key("first").begin_array();
    for (uint64_t i = 0; i < std::min<uint64_t>(value.size(), kShownItems); ++i) {
      const GgufValue item = value.at(i);
      if (item.is_array())
        json.value(shown_value(item));
      else
        write_key(json, item);
    }
    json.end_array().end_object();
  } else if (auto text = value.as_string()) {
    json.value(*text);
  } else if (auto flag = value.as_bool()) {
    json.value(*flag);
  } else if (auto number = value.as_uint()) {
    json.value(*number);
  } else if (auto whole = value.as_int()) {
    json.value(*whole);
  } else {
    json.value(value.as_float().value_or(0));
  }
}

std::string inspection_json(const Inspection& inspection, const GgufFile& file) {
  JsonWriter json;
  json.begin_object().field("file", inspection.path).field("version", inspection.version);
  json.field("file_bytes", inspection.file_bytes).field("parameters", inspection.parameters);
  json.key("formats").begin_object();
  for (const auto& [name, total] : inspection.formats)
    json.key(name)
        .begin_object()
        .field("tensors", total.tensors)
        .field("values", total.values)
        .field("bytes", total.bytes)
        .end_object();
  json.end_object();
  json.key("memory").begin_object().field("file_bytes", inspection.file_bytes);
  json.field("context", inspection.context).field("kv_bytes", inspection.kv_bytes).field("kv_type", kv_type_name(inspection.kv_type)).end_object();
  json.key("can").begin_object();
  for (const Ability& ability : inspection.abilities) json.field(ability.name, ability.obstacle.empty());
  json.end_object().key("obstacles").begin_object();
  for (const Ability& ability : inspection.abilities)
    if (!ability.obstacle.empty()) json.field(ability.name, ability.obstacle);
  json.end_object().key("unused_tensors").begin_array();
  for (const std::string& name : inspection.unused) json.value(name);
  json.end_array().key("keys").begin_object();
  for (const GgufKey& key : file.keys()) {
    json.key(key.name);
    write_key(json, key.value);
  }
  json.end_object().key("tensors").begin_array();
  for (const TensorView& tensor : file.tensors()) {
    json.begin_object()
        .field("name", tensor.name)
        .field("format", tensor.format->name)
        .key("shape")
        .begin_array();
    for (int i = 0; i < tensor.rank; ++i) json.value(tensor.dims[i]);
    json.end_array().field("bytes", tensor.bytes.size()).end_object();
  }
  return json.end_array().end_object().text() + "\n";
}

Status inspect(const CommandLine& line) {
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(const GgufFile file, GgufFile::open(path));
  const Inspection inspection = inspect_file(file, line.engine);
  return write_stdout(line.text.json ? inspection_json(inspection, file)
                                     : inspection_text(inspection, file, line.inspect));
}

}  // namespace

int inspect_command(const CommandLine& line) {
  const Status status = inspect(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
