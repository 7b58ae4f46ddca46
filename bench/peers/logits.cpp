#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "commands.h"

namespace nibble::peer {
namespace {

struct Prepared {
  Model model;
  std::vector<Token> ids;
  Context context;
};

// Opens the model with room for the ids and `extra` tokens more.
Result<Prepared> prepare(const PeerApi& api, const RunOptions& options, int extra) {
  NIBBLE_TRY(Model model, Model::load(api, options.model));
  NIBBLE_TRY(std::vector<Token> ids, parse_ids(options.ids));
  NIBBLE_CHECK_OK(check_ids(ids, model.vocab_size()));
  ContextOptions wanted = options.context;
  if (wanted.context == 0) wanted.context = static_cast<int>(ids.size()) + extra;
  NIBBLE_TRY(Context context, Context::create(model, wanted));
  return Prepared{std::move(model), std::move(ids), std::move(context)};
}

Token arg_max(const float* row, int count) {
  return static_cast<Token>(std::max_element(row, row + count) - row);
}

// Decodes ids in calls of at most `step` tokens and hands each call's logits on.
template <class Sink>
Status decode_all(Prepared& run, std::size_t step, bool all_positions, Sink sink) {
  Batch batch;
  for (std::size_t first = 0; first < run.ids.size(); first += step) {
    const std::size_t count = std::min(step, run.ids.size() - first);
    batch.clear();
    for (std::size_t i = first; i < first + count; ++i)
      batch.add(run.ids[i], static_cast<std::int32_t>(i), 0, all_positions || i + 1 == run.ids.size());
    NIBBLE_CHECK_OK(run.context.decode(batch));
    NIBBLE_CHECK_OK(sink(count));
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

Status logits(const PeerApi& api, const RunOptions& options) {
  NIBBLE_TRY(Prepared run, prepare(api, options, 0));
  const auto vocab = static_cast<std::size_t>(run.model.vocab_size());
  std::vector<float> all;
  all.reserve(run.ids.size() * vocab);
  NIBBLE_CHECK_OK(decode_all(run, static_cast<std::size_t>(options.context.batch), true,
                             [&](std::size_t count) -> Status {
                               const float* rows = run.context.logits();
                               all.insert(all.end(), rows, rows + count * vocab);
                               return {};
                             }));
  return write_file(options.out, all.data(), all.size() * sizeof(float));
}

Status greedy(const PeerApi& api, const RunOptions& options, int count, bool ignore_eog) {
  NIBBLE_TRY(Prepared run, prepare(api, options, count));
  const int vocab = run.model.vocab_size();
  NIBBLE_CHECK_OK(decode_all(run, static_cast<std::size_t>(options.context.batch), false,
                             [](std::size_t) -> Status { return {}; }));
  Batch batch;
  for (int i = 0; i < count; ++i) {
    const Token token = arg_max(run.context.logits(), vocab);
    std::printf(i ? " %d" : "%d", token);
    if (i + 1 == count || (!ignore_eog && api.vocab_is_eog(run.model.vocab(), token))) break;
    batch.clear();
    batch.add(token, static_cast<std::int32_t>(run.ids.size()) + i, 0, true);
    NIBBLE_CHECK_OK(run.context.decode(batch));
  }
  std::printf("\n");
  return {};
}

Status embed(const PeerApi& api, const RunOptions& options) {
  RunOptions wanted = options;
  wanted.context.embeddings = true;
  NIBBLE_TRY(Prepared run, prepare(api, wanted, 0));
  NIBBLE_CHECK_OK(decode_all(run, run.ids.size(), true, [](std::size_t) -> Status { return {}; }));
  const float* row = api.embeddings_seq(run.context.get(), 0);
  if (!row)
    return fail(ErrorKind::kUnsupported, options.model.path, ": the peer pools no embedding for this model");
  const auto width = static_cast<std::size_t>(api.model_n_embd_out(run.model.get()));
  return write_file(options.out, row, width * sizeof(float));
}

Status trace(const PeerApi& api, const RunOptions& options, const std::vector<std::string>& prefixes) {
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) return fail(ErrorKind::kIo, options.out, ": ", error.message());
  Observer observer{&api, options.out, &prefixes};
  RunOptions wanted = options;
  wanted.context.observer = observe;
  wanted.context.observer_data = &observer;
  NIBBLE_TRY(Prepared run, prepare(api, wanted, 0));
  NIBBLE_CHECK_OK(decode_all(run, static_cast<std::size_t>(options.context.batch), true,
                             [](std::size_t) -> Status { return {}; }));
  if (observer.failed) return fail(ErrorKind::kIo, options.out, ": a tensor could not be written");
  return {};
}

}  // namespace nibble::peer
