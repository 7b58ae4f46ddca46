#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "commands.h"

namespace nibble::peer {
namespace {

Token arg_max(const float* row, int count) {
  return static_cast<Token>(std::max_element(row, row + count) - row);
}

// A context with room for the ids and `extra` tokens more.
Result<Context> context_for(const Model& model, ContextOptions options, const std::vector<Token>& ids,
                            int extra) {
  NIBBLE_CHECK_OK(check_ids(ids, model.vocab_size()));
  if (options.context == 0) options.context = static_cast<int>(ids.size()) + extra;
  return Context::create(model, options);
}

// Decodes ids in calls of at most `step` tokens; `sink` sees the number of tokens of each call.
template <class Sink>
Status decode_all(Context& context, const std::vector<Token>& ids, int step, bool all_positions, Sink sink) {
  Batch batch;
  for (std::size_t first = 0; first < ids.size(); first += static_cast<std::size_t>(step)) {
    const std::size_t count = std::min(static_cast<std::size_t>(step), ids.size() - first);
    batch.clear();
    for (std::size_t i = first; i < first + count; ++i)
      batch.add(ids[i], static_cast<std::int32_t>(i), 0, all_positions || i + 1 == ids.size());
    NIBBLE_CHECK_OK(context.decode(batch));
    sink(count);
  }
  return {};
}

struct Observer {
  const PeerApi* api;
  std::string directory;
  const std::vector<std::string>* prefixes;
  int written = 0;
  bool failed = false;
};

bool wants(const Observer& observer, std::string_view name) {
  return observer.prefixes->empty() ||
         std::ranges::any_of(*observer.prefixes, [&](const std::string& p) { return name.starts_with(p); });
}

bool observe(GgmlTensor* tensor, bool ask, void* user_data) {
  Observer& observer = *static_cast<Observer*>(user_data);
  const PeerApi& api = *observer.api;
  const std::string name = api.tensor_name(tensor);
  if (tensor->type != 0 || !api.tensor_is_contiguous(tensor) || !wants(observer, name)) return !ask;
  if (ask) return true;
  std::vector<float> values(static_cast<std::size_t>(api.tensor_elements(tensor)));
  api.tensor_get(tensor, values.data(), 0, values.size() * sizeof(float));
  std::string file = name;
  std::ranges::replace_if(
      file, [](char c) { return c == '/' || c == ' '; }, '_');
  char number[16];
  std::snprintf(number, sizeof number, "%04d-", observer.written++);
  file = number + file + ".f32";
  std::printf("{\"name\":\"%s\",\"ne\":[%lld,%lld,%lld,%lld],\"file\":\"%s\"}\n", name.c_str(),
              static_cast<long long>(tensor->ne[0]), static_cast<long long>(tensor->ne[1]),
              static_cast<long long>(tensor->ne[2]), static_cast<long long>(tensor->ne[3]), file.c_str());
  if (!write_file(observer.directory + "/" + file, values.data(), values.size() * sizeof(float)))
    observer.failed = true;
  return true;
}

}  // namespace

Result<std::vector<float>> logits_of(const Model& model, const ContextOptions& options,
                                     const std::vector<Token>& ids) {
  NIBBLE_TRY(Context context, context_for(model, options, ids, 0));
  const auto vocab = static_cast<std::size_t>(model.vocab_size());
  std::vector<float> all;
  all.reserve(ids.size() * vocab);
  NIBBLE_CHECK_OK(decode_all(context, ids, options.batch, true, [&](std::size_t count) {
    const float* rows = context.logits();
    all.insert(all.end(), rows, rows + count * vocab);
  }));
  return all;
}

Result<std::vector<Token>> greedy_ids(const Model& model, const ContextOptions& options,
                                      const std::vector<Token>& ids, int count, bool ignore_eog) {
  NIBBLE_TRY(Context context, context_for(model, options, ids, count));
  NIBBLE_CHECK_OK(decode_all(context, ids, options.batch, false, [](std::size_t) {}));
  std::vector<Token> made;
  Batch batch;
  while (true) {
    const Token token = arg_max(context.logits(), model.vocab_size());
    made.push_back(token);
    const auto length = static_cast<std::int32_t>(made.size());
    if (length == count || (!ignore_eog && model.api().vocab_is_eog(model.vocab(), token))) return made;
    batch.clear();
    batch.add(token, static_cast<std::int32_t>(ids.size()) + length - 1, 0, true);
    NIBBLE_CHECK_OK(context.decode(batch));
  }
}

Result<std::vector<float>> embedding_of(const Model& model, ContextOptions options,
                                        const std::vector<Token>& ids) {
  options.embeddings = true;
  NIBBLE_TRY(Context context, context_for(model, options, ids, 0));
  NIBBLE_CHECK_OK(decode_all(context, ids, static_cast<int>(ids.size()), true, [](std::size_t) {}));
  const float* row = model.api().embeddings_seq(context.get(), 0);
  if (!row) return fail(ErrorKind::kUnsupported, "the peer pools no embedding for this model");
  return std::vector<float>(row, row + model.api().model_n_embd_out(model.get()));
}

Status logits(const PeerApi& api, const RunOptions& options) {
  NIBBLE_TRY(const Model model, Model::load(api, options.model));
  NIBBLE_TRY(const std::vector<Token> ids, parse_ids(options.ids));
  NIBBLE_TRY(const std::vector<float> all, logits_of(model, options.context, ids));
  return write_file(options.out, all.data(), all.size() * sizeof(float));
}

Status greedy(const PeerApi& api, const RunOptions& options, int count, bool ignore_eog) {
  NIBBLE_TRY(const Model model, Model::load(api, options.model));
  NIBBLE_TRY(const std::vector<Token> ids, parse_ids(options.ids));
  NIBBLE_TRY(const std::vector<Token> made, greedy_ids(model, options.context, ids, count, ignore_eog));
  for (std::size_t i = 0; i < made.size(); ++i) std::printf(i ? " %d" : "%d", made[i]);
  std::printf("\n");
  return {};
}

Status embed(const PeerApi& api, const RunOptions& options) {
  NIBBLE_TRY(const Model model, Model::load(api, options.model));
  NIBBLE_TRY(const std::vector<Token> ids, parse_ids(options.ids));
  NIBBLE_TRY(const std::vector<float> row, embedding_of(model, options.context, ids));
  return write_file(options.out, row.data(), row.size() * sizeof(float));
}

Status trace(const PeerApi& api, const RunOptions& options, const std::vector<std::string>& prefixes) {
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) return fail(ErrorKind::kIo, options.out, ": ", error.message());
  Observer observer{&api, options.out, &prefixes};
  NIBBLE_TRY(const Model model, Model::load(api, options.model));
  NIBBLE_TRY(const std::vector<Token> ids, parse_ids(options.ids));
  ContextOptions watched = options.context;
  watched.observer = observe;
  watched.observer_data = &observer;
  NIBBLE_CHECK_OK(logits_of(model, watched, ids));
  if (observer.failed) return fail(ErrorKind::kIo, options.out, ": a tensor could not be written");
  return {};
}

}  // namespace nibble::peer
