#include "transform/hf_vocabulary.h"

#include <algorithm>

#include "base/quote.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace nibble {
namespace {

constexpr size_t kMaxTokenizerBytes = size_t(512) << 20, kMaxTemplateBytes = size_t(4) << 20;

struct SpecialName {
  std::string_view hf, gguf;  // tokenizer_config.json: HF_token, config.json: HF_token_id
  TokenId SpecialTokens::*field;
};
constexpr SpecialName kSpecials[] = {
    {"bos", "bos", &SpecialTokens::bos},         {"eos", "eos", &SpecialTokens::eos},
    {"unk", "unknown", &SpecialTokens::unknown}, {"sep", "seperator", &SpecialTokens::separator},
    {"pad", "padding", &SpecialTokens::padding}, {"cls", "cls", &SpecialTokens::cls},
    {"mask", "mask", &SpecialTokens::mask},
};

// What stands beside tokenizer.json.
class SpecialReader {
 public:
  SpecialReader(const HfCheckpoint& checkpoint, JsonValue tokenizer, JsonValue tokenizer_config,
                JsonValue generation, HfVocabulary& out)
      : checkpoint_(checkpoint),
        tokenizer_(tokenizer),
        config_(tokenizer_config),
        generation_(generation),
        out_(out) {}

  Status read() {
    for (const SpecialName& name : kSpecials) {
      NIBBLE_CHECK_OK(read_id(name));
    }
    read_additions();
    return {};
  }

  // Of several ids that end an answer the vocabulary knows some by their texts; two more have keys.
  Status read_end_ids() {
    JsonValue ids = generation_["eos_token_id"];
    if (!ids.has_value()) ids = checkpoint_.config()["eos_token_id"];
    std::vector<JsonValue> list;
    for (const JsonValue id : ids.elements()) list.push_back(id);
    NIBBLE_TRY(const Tokenizer tokenizer, Tokenizer::create(out_.data()));
    for (const JsonValue value : list) {
      const auto id = value.as_int();
      if (!id || *id < 0 || size_t(*id) >= out_.tokens.size())
        return fail(ErrorKind::kBadFile, checkpoint_.directory(), ": eos_token_id has ",
                    id ? concat(*id) : std::string(json_kind_name(value.kind())), ", wanted ids below ",
                    out_.tokens.size());
      if (tokenizer.is_end_of_generation(TokenId(*id))) continue;
      TokenId& slot = out_.special.eot == kNoToken ? out_.special.eot : out_.special.eom;
      if (slot != kNoToken) {
        out_.notes.push_back(concat("token ", *id, " ", quoted(out_.tokens[size_t(*id)]),
                                    " ends an answer too, which GGUF has no key for"));
        continue;
      }
      slot = TokenId(*id);
    }
    return {};
  }

 private:
  Status read_id(const SpecialName& name) {
    TokenId& id = out_.special.*name.field;
    const JsonValue stated = config_[concat(name.hf, "_token")];
    const auto text = stated.is_object() ? stated["content"].as_string() : stated.as_string();
    if (text) {
      id = out_.find(*text);
      const bool needed = name.hf == "bos" || name.hf == "eos";
      if (id == kNoToken && needed)
        return fail(ErrorKind::kBadFile, checkpoint_.file("tokenizer_config.json"), ": ", name.hf,
                    "_token is ", quoted(*text), ", which is no token of the vocabulary");
      if (id == kNoToken)
        out_.notes.push_back(
            concat(name.hf, "_token ", quoted(*text), " is no token of the vocabulary and left out"));
    }
    if (id != kNoToken) return {};
    const std::string key = concat(name.hf, "_token_id");
    JsonValue number = checkpoint_.config()[key];
    if (!number.has_value()) number = generation_[key];
    if (number.size() > 0 && number.is_array()) number = *number.elements().begin();
    const auto value = number.as_int();
    if (value && *value >= 0 && size_t(*value) < out_.tokens.size()) id = TokenId(*value);
    return {};
  }

  // tokenizer_config.json says it; else the template of tokenizer.json does.
  void read_additions() {
    bool template_bos = false, template_eos = false;
    for (const JsonValue part : hf_parts(tokenizer_["post_processor"], "processors")) {
      if (part["type"].as_string() != "TemplateProcessing") continue;
      JsonValue first, last;
      for (const JsonValue item : part["single"].elements()) {
        if (!first.exists()) first = item;
        last = item;
      }
      const auto is = [&](JsonValue item, TokenId id) {
        const auto text = item["SpecialToken"]["id"].as_string();
        return text && id != kNoToken && out_.tokens[size_t(id)] == *text;
      };
      template_bos = is(first, out_.special.bos);
      template_eos = is(last, out_.special.eos);
    }
    const auto choose = [&](std::string_view key, bool otherwise, TokenId id) {
      return id != kNoToken && config_[key].as_bool().value_or(otherwise);
    };
    out_.add_bos = choose("add_bos_token", template_bos, out_.special.bos);
    out_.add_eos = choose("add_eos_token", template_eos, out_.special.eos);
  }

  const HfCheckpoint& checkpoint_;
  JsonValue tokenizer_, config_, generation_;
  HfVocabulary& out_;
};

// chat_template.jinja stands above chat_template.json, that above tokenizer_config.json.
Status read_templates(HfCheckpoint& checkpoint, JsonValue tokenizer_config, HfVocabulary& out) {
  NIBBLE_TRY(const std::optional<std::string> file,
             checkpoint.optional_text("chat_template.jinja", kMaxTemplateBytes));
  NIBBLE_TRY(const std::optional<JsonDocument> json,
             checkpoint.optional_json("chat_template.json", kMaxTemplateBytes));
  const JsonValue stated = tokenizer_config["chat_template"];
  if (const auto text = stated.as_string()) out.chat_template = *text;
  for (const JsonValue entry : stated.elements()) {
    const auto name = entry["name"].as_string(), text = entry["template"].as_string();
    if (!name || !text)
      return fail(ErrorKind::kBadFile, checkpoint.file("tokenizer_config.json"),
                  ": chat_template has an entry without name and template");
    if (*name == "default") {
      out.chat_template = *text;
    } else if (name->size() <= 64) {
      out.named_templates.emplace_back(*name, *text);
    }
  }
  if (json)
    if (const auto text = json->root()["chat_template"].as_string()) out.chat_template = *text;
  if (file) out.chat_template = *file;
  if (out.chat_template.empty()) return {};
  if (const auto parsed = ChatTemplate::parse(out.chat_template); !parsed)
    out.notes.push_back(
        concat("the chat template is copied, but nibble cannot use it: ", parsed.error().message));
  return {};
}

}  // namespace

TokenId HfVocabulary::find(std::string_view token) const {
  const auto at = std::ranges::find(tokens, token);
  return at == tokens.end() ? kNoToken : TokenId(at - tokens.begin());
}

VocabularyData HfVocabulary::data() const {
  VocabularyData data;
  data.model = model, data.pre = pre;
  data.tokens.assign(tokens.begin(), tokens.end());
  data.scores = scores, data.types = types;
  data.merges.assign(merges.begin(), merges.end());
  data.precompiled_charsmap = precompiled_charsmap;
  data.special = special;
  data.add_bos = add_bos, data.add_eos = add_eos, data.add_space_prefix = add_space_prefix;
  data.remove_extra_whitespaces = remove_extra_whitespaces;
  data.lowercase = lowercase, data.strip_accents = strip_accents;
  return data;
}

Result<HfVocabulary> read_hf_vocabulary(HfCheckpoint& checkpoint, int64_t rows, const std::string& pre) {
  HfVocabulary out;
  NIBBLE_TRY(const std::optional<JsonDocument> tokenizer,
             checkpoint.optional_json("tokenizer.json", kMaxTokenizerBytes));
  NIBBLE_TRY(const std::optional<JsonDocument> config,
             checkpoint.optional_json("tokenizer_config.json", kMaxTokenizerBytes));
  NIBBLE_TRY(const std::optional<JsonDocument> generation,
             checkpoint.optional_json("generation_config.json", kMaxConfigBytes));
  const auto root = [](const std::optional<JsonDocument>& document) {
    return document ? document->root() : JsonValue();
  };
  const std::string path = checkpoint.file("tokenizer.json");
  if (!tokenizer) return fail(ErrorKind::kNotFound, path, ": not found");
  NIBBLE_CHECK_OK(read_hf_tokenizer(root(tokenizer), path, rows, pre, out));
  SpecialReader special(checkpoint, root(tokenizer), root(config), root(generation), out);
  NIBBLE_CHECK_OK(special.read());
  NIBBLE_CHECK_OK(read_templates(checkpoint, root(config), out));
  if (Status ends = special.read_end_ids(); !ends) return forward_error(std::move(ends).error(), path);
  return out;
}

void write_vocabulary(const HfVocabulary& vocabulary, GgufWriter& writer) {
  const auto key = [](std::string_view name) { return concat("tokenizer.ggml.", name); };
  writer.set_string(key("model"), vocabulary.model);
  writer.set_string(key("pre"), vocabulary.pre);
  writer.set_strings(key("tokens"), std::span<const std::string>(vocabulary.tokens));
  if (!vocabulary.scores.empty()) writer.set_floats(key("scores"), vocabulary.scores);
  writer.set_int32s(key("token_type"), vocabulary.types);
  if (vocabulary.model == "gpt2")
    writer.set_strings(key("merges"), std::span<const std::string>(vocabulary.merges));
  if (!vocabulary.precompiled_charsmap.empty())
    writer.set_bytes(key("precompiled_charsmap"), vocabulary.precompiled_charsmap);
  const auto id = [&](std::string_view name, TokenId value) {
    if (value != kNoToken) writer.set_uint32(key(concat(name, "_token_id")), uint32_t(value));
  };
  for (const SpecialName& name : kSpecials) id(name.gguf, vocabulary.special.*name.field);
  id("eot", vocabulary.special.eot);
  id("eom", vocabulary.special.eom);
  const auto flag = [&](std::string_view name, std::optional<bool> value) {
    if (value) writer.set_bool(key(name), *value);
  };
  flag("add_bos_token", vocabulary.add_bos);
  flag("add_eos_token", vocabulary.add_eos);
  flag("add_space_prefix", vocabulary.add_space_prefix);
  flag("remove_extra_whitespaces", vocabulary.remove_extra_whitespaces);
  flag("normalizer.lowercase", vocabulary.lowercase);
  flag("normalizer.strip_accents", vocabulary.strip_accents);
  if (!vocabulary.chat_template.empty())
    writer.set_string("tokenizer.chat_template", vocabulary.chat_template);
  std::vector<std::string> names;
  for (const auto& [name, text] : vocabulary.named_templates) {
    writer.set_string(concat("tokenizer.chat_template.", name), text);
    names.push_back(name);
  }
  if (!names.empty()) writer.set_strings("tokenizer.chat_templates", std::span<const std::string>(names));
}

}  // namespace nibble
