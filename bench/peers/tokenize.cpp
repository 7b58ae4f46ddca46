#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>
#include <thread>

#include "commands.h"

namespace nibble::peer {
namespace {

constexpr std::uint32_t kThrew = 0xFFFFFFFF;

// Splits (u32 n, n * unit bytes)* into views.
Result<std::vector<std::string_view>> split_frames(std::string_view data, std::size_t unit) {
  std::vector<std::string_view> frames;
  for (std::size_t at = 0; at != data.size();) {
    std::uint32_t count = 0;
    if (data.size() - at < 4) return fail(ErrorKind::kBadFile, "frame ", frames.size(), ": length torn");
    std::memcpy(&count, data.data() + at, 4);
    at += 4;
    if (data.size() - at < count * unit)
      return fail(ErrorKind::kBadFile, "frame ", frames.size(), " wants ", count * unit, " bytes, ",
                  data.size() - at, " are left");
    frames.push_back(data.substr(at, count * unit));
    at += count * unit;
  }
  return frames;
}

void append_frame(std::string& out, std::uint32_t count, const void* data, std::size_t bytes) {
  char head[4];
  std::memcpy(head, &count, 4);
  out.append(head, 4).append(static_cast<const char*>(data), bytes);
}

void append_ids(std::string& out, const std::vector<Token>& ids, bool threw) {
  append_frame(out, threw ? kThrew : static_cast<std::uint32_t>(ids.size()), ids.data(),
               ids.size() * sizeof(Token));
}

}  // namespace

bool tokenize_one(const Model& model, std::string_view text, const TokenizeOptions& options,
                  std::vector<Token>& ids) {
  const auto length = static_cast<std::int32_t>(text.size());
  ids.resize(text.size() + 8);
  const auto call = [&] {
    return model.api().tokenize(model.vocab(), text.data(), length, ids.data(),
                                static_cast<std::int32_t>(ids.size()), options.bos, options.special);
  };
  try {
    std::int32_t count = call();
    if (count < 0) {
      ids.resize(static_cast<std::size_t>(-count));
      count = call();
    }
    ids.resize(static_cast<std::size_t>(count));
    return true;
  } catch (const std::exception&) {
    ids.clear();
    return false;
  }
}

std::string detokenize_one(const Model& model, const std::vector<Token>& ids, bool special) {
  std::string text(ids.size() * 8 + 64, '\0');
  const auto call = [&] {
    return model.api().detokenize(model.vocab(), ids.data(), static_cast<std::int32_t>(ids.size()),
                                  text.data(), static_cast<std::int32_t>(text.size()), false, special);
  };
  std::int32_t length = call();
  if (length < 0) {
    text.resize(static_cast<std::size_t>(-length));
    length = call();
  }
  text.resize(static_cast<std::size_t>(length));
  return text;
}

Status tokenize(const PeerApi& api, const std::string& path, const TokenizeOptions& options) {
  NIBBLE_TRY(const Model model, Model::load(api, {.path = path, .vocab_only = true, .pre = options.pre}));
  NIBBLE_TRY(const std::string text, read_file("-"));
  std::vector<Token> ids;
  if (!tokenize_one(model, text, options, ids))
    return fail(ErrorKind::kInternal, "the peer throws on this text");
  for (std::size_t i = 0; i < ids.size(); ++i) std::printf(i ? " %d" : "%d", ids[i]);
  std::printf("\n");
  return {};
}

Status tokenize_batch(const PeerApi& api, const std::string& path, const TokenizeOptions& options) {
  NIBBLE_TRY(const Model model, Model::load(api, {.path = path, .vocab_only = true, .pre = options.pre}));
  NIBBLE_TRY(const std::string data, read_file("-"));
  NIBBLE_TRY(const std::vector<std::string_view> texts, split_frames(data, 1));
  // Slices of texts, taken by the threads as they come free and written in order.
  constexpr std::size_t kSlice = 1024;
  std::vector<std::string> slices((texts.size() + kSlice - 1) / kSlice);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    std::vector<Token> ids;
    for (std::size_t s = next++; s < slices.size(); s = next++)
      for (std::size_t i = s * kSlice; i < std::min(texts.size(), (s + 1) * kSlice); ++i) {
        const bool fine = tokenize_one(model, texts[i], options, ids);
        append_ids(slices[s], ids, !fine);
      }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 1; t < options.threads; ++t) threads.emplace_back(work);
    work();
  }
  for (const std::string& slice : slices) NIBBLE_CHECK_OK(write_file("-", slice.data(), slice.size()));
  return {};
}

Status detokenize(const PeerApi& api, const std::string& path, const std::string& ids, bool special) {
  NIBBLE_TRY(const Model model, Model::load(api, {.path = path, .vocab_only = true}));
  NIBBLE_TRY(const std::vector<Token> tokens, parse_ids(ids));
  NIBBLE_CHECK_OK(check_ids(tokens, model.vocab_size()));
  const std::string text = detokenize_one(model, tokens, special);
  return write_file("-", text.data(), text.size());
}

Status detokenize_batch(const PeerApi& api, const std::string& path, bool special) {
  NIBBLE_TRY(const Model model, Model::load(api, {.path = path, .vocab_only = true}));
  NIBBLE_TRY(const std::string data, read_file("-"));
  NIBBLE_TRY(const std::vector<std::string_view> frames, split_frames(data, sizeof(Token)));
  std::string out;
  for (const std::string_view frame : frames) {
    std::vector<Token> ids(frame.size() / sizeof(Token));
    std::memcpy(ids.data(), frame.data(), frame.size());
    if (!ids.empty()) NIBBLE_CHECK_OK(check_ids(ids, model.vocab_size()));
    const std::string text = detokenize_one(model, ids, special);
    append_frame(out, static_cast<std::uint32_t>(text.size()), text.data(), text.size());
  }
  return write_file("-", out.data(), out.size());
}

}  // namespace nibble::peer
