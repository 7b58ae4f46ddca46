// A tiny random model with a tokenizer of single bytes, as a file that goes away with this object.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/tiny_model.h"

namespace nibble {

class ByteModel {
 public:
  static constexpr int64_t kContext = 256;
  static constexpr const char* kChatTemplate =
      "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}\n{% endfor "
      "%}[assistant]";

  ByteModel() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nibble_model_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    TinyModelOptions options;
    options.shape.vocabulary = 288;
    options.shape.context = kContext;
    options.adjust_keys = add_tokenizer;
    write_tiny_model(path(), options);
  }
  ByteModel(const ByteModel&) = delete;
  ByteModel& operator=(const ByteModel&) = delete;
  ~ByteModel() { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "model.gguf").string(); }

 private:
  static void add_tokenizer(GgufWriter& writer) {
    enum { kNormalToken = 1, kUnknownToken = 2, kControlToken = 3, kByteToken = 6 };
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {kUnknownToken, kControlToken, kControlToken};
    for (int value = 0; value < 256; ++value) {
      constexpr char kHex[] = "0123456789ABCDEF";
      tokens.push_back(std::string("<0x") + kHex[value / 16] + kHex[value % 16] + ">");
      types.push_back(kByteToken);
    }
    for (int i = int(tokens.size()); i < 288; ++i) {
      tokens.push_back("filler" + std::to_string(i));
      types.push_back(kNormalToken);
    }
    writer.set_string("tokenizer.ggml.model", "llama");
    writer.set_strings("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
    writer.set_floats("tokenizer.ggml.scores", std::vector<float>(tokens.size(), 0.0f));
    writer.set_int32s("tokenizer.ggml.token_type", types);
    writer.set_uint32("tokenizer.ggml.unknown_token_id", 0);
    writer.set_uint32("tokenizer.ggml.bos_token_id", 1);
    writer.set_uint32("tokenizer.ggml.eos_token_id", 2);
    writer.set_bool("tokenizer.ggml.add_bos_token", true);
    writer.set_bool("tokenizer.ggml.add_space_prefix", false);
    writer.set_string("tokenizer.chat_template", kChatTemplate);
  }
  std::filesystem::path folder_;
};

}  // namespace nibble
