// The named pre-tokenizers as data.
#include <algorithm>

#include "text/pretokenizer.h"
#include "text/unicode.h"

namespace nibble {
namespace {

using Contractions = WordRules::Contractions;
using Kind = PretokenizerStep::Kind;

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
constexpr WordRules kGpt2Words = {Contractions::kLowercase, false, false, 0, "", false};
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
constexpr WordRules kLlama3Words = {Contractions::kAnyCase, true, false, 3, "\r\n", true};
// The same with \p{N} alone.
constexpr WordRules kQwen2Words = {Contractions::kAnyCase, true, false, 1, "\r\n", true};
// [^\r\n\p{L}\p{N}]?[upper]*[lower]+|[^\r\n\p{L}\p{N}]?[upper]+[lower]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|...
constexpr WordRules kTekkenWords = {Contractions::kNone, true, true, 1, "\r\n/", true};
// The same with (?i:'s|'t|'re|'ve|'m|'ll|'d)? after the letters, and \p{N}{1,3}.
constexpr WordRules kGpt4oWords = {Contractions::kSuffix, true, true, 3, "\r\n/", true};

// Letters that have case, as DeepSeek's tokenizer lists them.
constexpr CodepointRange kCasedLetterRanges[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
    {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
    {0x376, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},
    {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},
    {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},
    {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},
    {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},
    {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
    {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},
    {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},   {0x2107, 0x2107},
    {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},
    {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
    {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},
    {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},
    {0xA771, 0xA787},   {0xA78B, 0xA78E},   {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},
    {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943}};
constexpr CodepointRange kMarkRanges[] = {{0x21, 0x2F},     {0x3A, 0x7E},     {0x2018, 0x201F},
                                          {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
constexpr CodepointRange kAsianRanges[] = {{0x0800, 0x9FA5}, {0xAC00, 0xD7FF}};

constexpr CodepointSet kNewlines = {.ascii = "\r\n"};
constexpr CodepointSet kCasedLetters = {.ranges = kCasedLetterRanges};
constexpr CodepointSet kMarks = {.ranges = kMarkRanges};
constexpr CodepointSet kAsian = {.ranges = kAsianRanges};
constexpr CodepointSet kNumbers = {.classes = kNumber};
constexpr CodepointSet kLetters = {.classes = kLetter};
constexpr CodepointSet kPunctuationOnly = {.classes = kPunctuation};
constexpr CodepointSet kAsciiDigits = {.ascii = "0123456789"};
constexpr CodepointSet kFalconMarks = {.classes = kPunctuation, .ascii = "$+<=>^~|`"};
constexpr CodepointSet kDefaultMarks = {.classes = kPunctuation, .ascii = "$+<=>^~|"};

constexpr PretokenizerStep words(const WordRules& rules) { return {.kind = Kind::kWords, .words = &rules}; }
constexpr PretokenizerStep run(const CodepointSet& set, uint32_t least = 1, uint32_t most = 0) {
  return {.kind = Kind::kRun, .set = &set, .least = least, .most = most};
}
constexpr PretokenizerStep spaced_run(const CodepointSet& set) {  // \s?[set]+
  return {.kind = Kind::kRun, .set = &set, .leading_space = true};
}

constexpr PretokenizerStep kGpt2[] = {words(kGpt2Words)};
constexpr PretokenizerStep kLlama3[] = {words(kLlama3Words)};
constexpr PretokenizerStep kQwen2[] = {words(kQwen2Words)};
constexpr PretokenizerStep kTekken[] = {words(kTekkenWords)};
constexpr PretokenizerStep kGpt4o[] = {words(kGpt4oWords)};
constexpr PretokenizerStep kStarcoder[] = {run(kNumbers, 1, 1), words(kGpt2Words)};
constexpr PretokenizerStep kFalcon[] = {run(kFalconMarks), words(kGpt2Words), run(kAsciiDigits, 3, 3)};
constexpr PretokenizerStep kDefault[] = {run(kDefaultMarks), words(kGpt2Words), run(kNumbers),
                                         run(kAsciiDigits, 3, 3)};
constexpr PretokenizerStep kDeepseekLlm[] = {run(kNewlines, 1, 1), spaced_run(kCasedLetters),
                                             spaced_run(kMarks),   {.kind = Kind::kTrailingSpace},
                                             run(kAsian),          run(kNumbers)};
constexpr PretokenizerStep kDeepseekCoder[] = {run(kNewlines, 1, 1), spaced_run(kLetters),
                                               spaced_run(kPunctuationOnly), run(kAsian),
                                               run(kNumbers, 1, 1)};

constexpr Pretokenizer kPretokenizers[] = {
    {"default", kDefault, false},
    {"llama-bpe", kLlama3, true},
    {"llama3", kLlama3, true},
    {"llama-v3", kLlama3, true},
    {"falcon3", kLlama3, true},
    {"falcon-h1", kLlama3, true},
    {"pixtral", kLlama3, true},
    {"midm-2.0", kLlama3, true},
    {"lfm2", kLlama3, true},
    {"jina-v5-nano", kLlama3, true},
    {"dbrx", kLlama3, false},
    {"smaug-bpe", kLlama3, false},
    {"chatglm-bpe", kLlama3, false},
    {"glm4", kLlama3, false},
    {"gpt-2", kGpt2, false},
    {"mpt", kGpt2, false},
    {"phi-2", kGpt2, false},
    {"olmo", kGpt2, false},
    {"jais", kGpt2, false},
    {"trillion", kGpt2, false},
    {"exaone4", kGpt2, false},
    {"gigachat", kGpt2, false},
    {"modern-bert", kGpt2, false},
    {"roberta-bpe", kGpt2, false},
    {"jina-es", kGpt2, false},
    {"jina-de", kGpt2, false},
    {"jina-v1-en", kGpt2, false},
    {"jina-v2-es", kGpt2, false},
    {"jina-v2-de", kGpt2, false},
    {"jina-v2-code", kGpt2, false},
    {"qwen2", kQwen2, false},
    {"deepseek-r1-qwen", kQwen2, false},
    {"stablelm2", kQwen2, false},
    {"megrez", kQwen2, false},
    {"hunyuan", kQwen2, false},
    {"grok-2", kQwen2, false},
    {"starcoder", kStarcoder, false},
    {"refact", kStarcoder, false},
    {"smollm", kStarcoder, false},
    {"command-r", kStarcoder, false},
    {"codeshell", kStarcoder, false},
    {"exaone", kStarcoder, false},
    {"minerva-7b", kStarcoder, false},
    {"falcon", kFalcon, false},
    {"deepseek-llm", kDeepseekLlm, false},
    {"deepseek-coder", kDeepseekCoder, false},
    {"tekken", kTekken, true},
    {"gpt-4o", kGpt4o, false},
    {"llama4", kGpt4o, false},
    {"kanana2", kGpt4o, false},
};

}  // namespace

std::span<const Pretokenizer> pretokenizers() { return kPretokenizers; }

const Pretokenizer* find_pretokenizer(std::string_view name) {
  const auto* row = std::find_if(std::begin(kPretokenizers), std::end(kPretokenizers),
                                 [&](const Pretokenizer& p) { return p.name == name; });
  return row == std::end(kPretokenizers) ? nullptr : row;
}

}  // namespace nibble
