#include "text/text_index.h"

#include <bit>
#include <cstring>
#include <random>

namespace nibble {
namespace {

constexpr uint64_t kPrime = (uint64_t(1) << 61) - 1;

uint64_t multiply(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide(a) * b;
  const uint64_t sum = uint64_t(product & kPrime) + uint64_t(product >> 61);
  return sum >= kPrime ? sum - kPrime : sum;
}

uint64_t add(uint64_t a, uint64_t b) { return a + b >= kPrime ? a + b - kPrime : a + b; }

uint64_t base() {
  static const uint64_t drawn = [] {
    std::random_device device;
    return ((uint64_t(device()) << 32 | device()) % (kPrime - 512)) + 256;
  }();
  return drawn;
}

// Bytes count from 1, so that leading zero bytes change the hash.
uint64_t extend(uint64_t hash, uint64_t by, char byte) {
  return add(multiply(hash, by), uint64_t(uint8_t(byte)) + 1);
}

}  // namespace

TextIndex::TextIndex(size_t expected) : slots_(std::bit_ceil(expected * 2 + 16)) {}

uint64_t TextIndex::hash(std::string_view text) {
  const uint64_t by = base();
  uint64_t value = 0;
  for (char byte : text) value = extend(value, by, byte);
  return value;
}

void TextIndex::prefix_hashes(std::string_view text, std::vector<uint64_t>& prefix,
                              std::vector<uint64_t>& powers) {
  const uint64_t by = base();
  if (powers.empty()) powers.push_back(1);
  while (powers.size() <= text.size()) powers.push_back(multiply(powers.back(), by));
  prefix.resize(text.size() + 1);
  prefix[0] = 0;
  for (size_t i = 0; i < text.size(); ++i) prefix[i + 1] = extend(prefix[i], by, text[i]);
}

uint64_t TextIndex::substring(const std::vector<uint64_t>& prefix, const std::vector<uint64_t>& powers,
                              size_t begin, size_t end) {
  return add(prefix[end], kPrime - multiply(prefix[begin], powers[end - begin]));
}

uint32_t TextIndex::find(std::string_view text, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.value == kMissing) return kMissing;
    if (slot.hash == hash && slot.size == text.size() &&
        (text.empty() || std::memcmp(slot.data, text.data(), text.size()) == 0))
      return slot.value;
  }
}

uint32_t TextIndex::insert(std::string_view text, uint32_t value) {
  const uint64_t h = hash(text);
  if (const uint32_t there = find(text, h); there != kMissing) return there;
  if ((used_ + 1) * 2 > slots_.size()) grow();
  const size_t mask = slots_.size() - 1;
  size_t i = h & mask;
  while (slots_[i].value != kMissing) i = (i + 1) & mask;
  slots_[i] = {h, text.data(), uint32_t(text.size()), value};
  ++used_;
  return value;
}

void TextIndex::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.value == kMissing) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].value != kMissing) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

}  // namespace nibble
