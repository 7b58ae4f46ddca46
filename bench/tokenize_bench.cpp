// How fast texts become ids, one thread and all of them, beside what limits it: reading every byte once and
// writing every id once at the speed of memory. Vocabularies are GGUF files given as arguments; without a
// text file
// (--text FILE) the text is 3 MB of English-like prose: words drawn by Zipf's law, the usual punctuation.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "text/tokenizer.h"
#include "text/vocabulary_reader.h"

namespace nibble {
namespace {

constexpr size_t kBytes = 3'000'000;

// A vocabulary's own whole words, most of them short, drawn so that the n-th comes with frequency 1/n.
std::string make_prose(size_t bytes) {
  std::mt19937_64 random(42);
  constexpr const char* kStarts[] = {"b", "c", "d", "f",  "g",  "h",  "l",  "m",  "n",  "p", "r",
                                     "s", "t", "w", "st", "th", "tr", "sh", "pr", "gr", "",  ""};
  constexpr const char* kVowels[] = {"a", "e", "i", "o", "u", "ea", "ou", "ai", "ee"};
  constexpr const char* kEnds[] = {"n", "t", "r", "s", "d", "l", "ng", "st", "nd", "ck", "", "m"};
  constexpr const char* kSuffixes[] = {"", "", "", "", "s", "ed", "ing", "ly", "er", "tion", "ment", "ness"};
  const auto pick = [&](const auto& list) { return list[random() % std::size(list)]; };
  std::vector<std::string> words = {
      "the",   "of",   "and",  "to",    "a",     "in",    "is",    "that",   "it",    "was",
      "for",   "on",   "as",   "with",  "he",    "be",    "at",    "by",     "this",  "had",
      "not",   "are",  "but",  "from",  "or",    "have",  "an",    "they",   "which", "one",
      "you",   "were", "her",  "all",   "she",   "there", "would", "their",  "we",    "him",
      "been",  "has",  "when", "who",   "will",  "more",  "no",    "if",     "out",   "so",
      "said",  "what", "up",   "its",   "about", "into",  "than",  "them",   "can",   "only",
      "other", "new",  "some", "could", "time",  "these", "two",   "may",    "then",  "do",
      "first", "any",  "my",   "now",   "such",  "like",  "our",   "over",   "man",   "me",
      "even",  "most", "made", "after", "also",  "did",   "many",  "before", "must",  "through"};
  while (words.size() < 30000) {
    std::string word;
    for (uint64_t syllables = 1 + random() % 3; syllables > 0; --syllables)
      word += std::string(pick(kStarts)) + pick(kVowels) + pick(kEnds);
    words.push_back(word + pick(kSuffixes));
  }
  std::vector<double> cumulative;
  double sum = 0;
  for (size_t i = 0; i < words.size(); ++i) cumulative.push_back(sum += 1.0 / double(i + 1));
  std::uniform_real_distribution<double> uniform(0, sum);
  std::string text;
  bool capital = true;
  while (text.size() < bytes) {
    const size_t index =
        size_t(std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random)) - cumulative.begin());
    std::string word = words[std::min(index, words.size() - 1)];
    if (capital) word[0] = char(std::toupper(word[0]));
    capital = false;
    text += word;
    const uint64_t after = random() % 100;
    if (after < 7) {
      text += ". ";
      capital = true;
    } else if (after < 14) {
      text += ", ";
    } else if (after < 15) {
      text += ".\n\n";
      capital = true;
    } else if (after < 16) {
      text += " 19" + std::to_string(10 + random() % 90) + " ";
    } else if (after < 17) {
      text += "'s ";
    } else {
      text += ' ';
    }
  }
  return text;
}

double seconds_of(const auto& work) {
  double best = 1e9;
  for (int i = 0; i < 7; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

Status measure(const std::string& path, const std::string& pre, const std::string& text) {
  NIBBLE_TRY(const GgufFile file, GgufFile::open(path));
  NIBBLE_TRY(const VocabularyData data, read_vocabulary(file));
  const auto created = std::chrono::steady_clock::now();
  NIBBLE_TRY(const Tokenizer tokenizer, Tokenizer::create(data, {.pre = pre}));
  const double create_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - created).count();
  const double mb = double(text.size()) / 1e6;
  std::vector<TokenId> ids;
  const auto scratch = tokenizer.make_scratch();
  const double warm = seconds_of([&] {
    ids.clear();
    tokenizer.encode(text, {}, *scratch, ids);
  });
  const double cold = seconds_of([&] { ids = tokenizer.encode(text); });
  std::vector<std::string_view> texts;
  for (size_t at = 0; at < text.size(); at += 4096) texts.push_back(std::string_view(text).substr(at, 4096));
  const double batch = seconds_of([&] { tokenizer.encode_batch(texts); });
  std::vector<TokenId> copy(ids.size());
  std::string bytes(text.size(), '\0');
  const double memory = seconds_of([&] {
    std::memcpy(copy.data(), ids.data(), ids.size() * sizeof(TokenId));
    std::memcpy(bytes.data(), text.data(), text.size());
  });
  std::printf(
      "{\"vocabulary\": \"%s\", \"model\": \"%s\", \"pre\": \"%s\", \"create_ms\": %.1f, \"text_mb\": %.1f, "
      "\"tokens\": %zu, "
      "\"warm_mb_s\": %.1f, \"cold_mb_s\": %.1f, \"batch_mb_s\": %.1f, \"threads\": %u, \"memory_mb_s\": "
      "%.0f}\n",
      path.substr(path.rfind('/') + 1).c_str(), std::string(tokenizer.model()).c_str(),
      std::string(tokenizer.pre()).c_str(), create_ms, mb, ids.size(), mb / warm, mb / cold, mb / batch,
      std::thread::hardware_concurrency(), mb / memory);
  return {};
}

int run(int argc, char** argv) {
  std::string text, pre;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--text" && i + 1 < argc) {
      std::ifstream in(argv[++i], std::ios::binary);
      text.assign(std::istreambuf_iterator<char>(in), {});
    } else if (argument == "--pre" && i + 1 < argc) {
      pre = argv[++i];
    } else {
      files.emplace_back(argument);
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: tokenize_bench [--text FILE] [--pre NAME] VOCABULARY.gguf...\n");
    return 64;
  }
  if (text.empty()) text = make_prose(kBytes);
  for (const std::string& file : files) {
    if (const Status status = measure(file, pre, text); !status) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace nibble

int main(int argc, char** argv) { return nibble::run(argc, argv); }
