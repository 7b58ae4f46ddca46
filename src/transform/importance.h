// Importance matrices: how strongly each input of each weight matrix is driven, as the mean of its squares
// over a text. Quantization weighs errors by it. Stored as GGUF in the form llama.cpp writes and reads: for
// every matrix the tensors NAME.in_sum2 (inputs, matrices) and NAME.counts (1, matrices), with several
// matrices where experts are stacked. llama.cpp's older form, .dat files, is read too.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace nibble {

class ImportanceMatrix {
 public:
  // Errors: not such a file, sums without counts, values that are negative or not finite.
  static Result<ImportanceMatrix> load(const std::string& path);
  Status save(const std::string& path) const;

  // Mean squares of the inputs of a tensor, (matrices, row_length); empty where there are none.
  // kInvalidArgument when they do not fit the tensor's shape.
  Result<std::span<const float>> weights(const TensorView& tensor) const;

  // Adds the squares of `columns` inputs to the sums of a matrix.
  void add(std::string_view tensor, std::span<const double> squares, uint64_t columns);

  // kInvalidArgument when a sum is not that of a tensor of this model.
  Status check_belongs_to(const GgufFile& model, const std::string& path) const;

  size_t size() const { return entries_.size(); }
  uint32_t chunks = 0;      // of the text
  uint32_t chunk_size = 0;  // tokens
  std::string dataset;      // where the text came from
  // Of the tokens and of the model it was made from, so that a resumed run goes on with the same; 0: not known.
  uint64_t text_hash = 0, model_hash = 0;

 private:
  struct Entry {
    std::vector<float> sums;    // (matrices, inputs): as in the file, so that a resumed run ends at the same
    std::vector<float> counts;  // (matrices), or one for all
    std::vector<float> means;
  };
  static void set_means(Entry& entry);
  static uint64_t matrices_of(const Entry& entry, const TensorView& tensor);
  static Result<ImportanceMatrix> load_legacy(std::span<const std::byte> bytes, const std::string& path);
  std::map<std::string, Entry, std::less<>> entries_;
};

struct ImportanceOptions {
  int64_t context = 512;    // tokens of a chunk
  int64_t chunks = 0;       // at most; 0: the whole text
  int64_t save_every = 10;  // chunks
  bool resume = false;      // go on from the file at `path`, where there is one, made from the same text
  bool special = false;     // text that spells a control token is that token
};

// Runs the text through the model, chunk by chunk, and saves what it has every few chunks: an interrupted run
// can be resumed. progress(chunk, chunks) after each says whether to go on; if not, what there is is saved and the
// error is kCancelled. kInvalidArgument: a text shorter than a chunk, a file to resume from that was made from
// another text, model or chunk length, a `path` that is the model.
Result<ImportanceMatrix> collect_importance(Engine& engine, std::string_view text, const std::string& dataset,
                                            const ImportanceOptions& options, const std::string& path,
                                            const std::function<bool(int64_t, int64_t)>& progress = {});

}  // namespace nibble
