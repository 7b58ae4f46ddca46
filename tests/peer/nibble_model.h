// A model file as nibble runs it, for comparisons: logits of every position of one sequence.
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>

#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "kernels/drive.h"
#include "model/model.h"

namespace nibble::peer {

class NibbleModel {
 public:
  // `context` as configured: it chooses between long and short RoPE factors.
  static Result<std::unique_ptr<NibbleModel>> open(const std::string& path, int64_t context,
                                                   int threads = 1) {
    NIBBLE_TRY(GgufFile file, GgufFile::open(path));
    NIBBLE_TRY(auto model, ::nibble::Model::load(std::make_shared<const GgufFile>(std::move(file)),
                                                 {.context = context}));
    return std::unique_ptr<NibbleModel>(new NibbleModel(std::move(model), threads));
  }

  int vocabulary() const { return static_cast<int>(model_->config().vocabulary); }

  // [ids][vocabulary], fed `chunk` tokens at a time.
  Result<std::vector<float>> logits(const std::vector<int32_t>& ids, size_t chunk = 512) {
    KvSequence sequence(kv_);
    std::vector<float> all;
    for (size_t at = 0; at < ids.size(); at += chunk) {
      const std::span part = std::span(ids).subspan(at, std::min(chunk, ids.size() - at));
      const Span span{&sequence, static_cast<int64_t>(at), part, Span::Want::kAllLogits};
      const size_t before = all.size();
      all.resize(before + static_cast<size_t>(model_->output_floats(span)));
      NIBBLE_CHECK_OK(model_->forward(workspace_, {&span, 1}, std::span(all).subspan(before)));
    }
    return all;
  }

 private:
  NibbleModel(std::unique_ptr<::nibble::Model> model, int threads)
      : model_(std::move(model)),
        pool_(threads),
        driver_(kernels(), pool_),
        workspace_(driver_),
        kv_(model_->kv_layout(), uint64_t{1} << 30) {}

  std::unique_ptr<::nibble::Model> model_;
  ThreadPool pool_;
  Driver driver_;
  Workspace workspace_;
  KvPool kv_;
};

// Squared error of `got` relative to the power of `wanted`.
inline double nmse(const std::vector<float>& got, const std::vector<float>& wanted) {
  if (got.size() != wanted.size()) return INFINITY;
  double error = 0, power = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = double(got[i]) - double(wanted[i]);
    error += difference * difference;
    power += double(wanted[i]) * double(wanted[i]);
  }
  return error / power;
}

}  // namespace nibble::peer
