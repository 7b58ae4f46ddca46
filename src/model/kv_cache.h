// The KV cache: keys and values in f16 or q8_0, in pages of kKvPageTokens positions for all layers (layout:
// kernels/kernels.h). Pages are allocated as positions are used, up to a limit in bytes. Not thread-safe: a
// pool and its sequences belong to the one thread that runs forward passes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernels/kernels.h"
#include "model/model_config.h"

namespace nibble {

std::string_view kv_type_name(KvType type);
inline constexpr KvType kKvTypes[] = {KvType::kF16, KvType::kQ8_0};

// Where each layer's keys and values lie in a page, in bytes.
struct KvLayout {
  struct Layer {
    size_t k = 0, v = 0;
    bool operator==(const Layer&) const = default;
  };
  KvType type = KvType::kF16;
  std::vector<Layer> layers;
  size_t page_bytes = 0;
  KvLayout() = default;
  explicit KvLayout(const ModelConfig& config, KvType kv_type = KvType::kF16);
  bool operator==(const KvLayout&) const = default;
  uint64_t bytes_for(int64_t positions) const;  // whole pages
};

class KvPool {
 public:
  // Never holds more than limit_bytes in pages.
  KvPool(KvLayout layout, uint64_t limit_bytes);
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;
  ~KvPool();  // all sequences are gone by then

  const KvLayout& layout() const { return layout_; }
  size_t max_pages() const { return max_pages_; }
  size_t used_pages() const { return used_; }  // held by sequences
  size_t available_pages() const { return max_pages_ - used_; }
  uint64_t allocated_bytes() const { return (used_ + free_.size()) * layout_.page_bytes; }
  static size_t pages_for(int64_t positions) {
    return size_t((positions + kKvPageTokens - 1) / kKvPageTokens);
  }

 private:
  friend class KvSequence;
  Result<uint8_t*> take();  // zeroed
  void give(uint8_t* page);
  Status add_slab();
  KvLayout layout_;
  size_t max_pages_ = 0, used_ = 0;
  std::vector<uint8_t*> free_, slabs_;
  uint8_t* next_ = nullptr;  // pages of the last slab that were never used
  size_t slab_pages_ = 0;
};

// One sequence's positions [0, length).
class KvSequence {
 public:
  explicit KvSequence(KvPool& pool);
  KvSequence(KvSequence&& other) noexcept;
  KvSequence& operator=(KvSequence&& other) noexcept;
  ~KvSequence();

  int64_t length() const { return length_; }  // positions whose keys and values are stored
  size_t pages() const { return pages_.size(); }
  const KvLayout& layout() const { return pool_->layout(); }
  // Makes room for positions [0, positions): takes pages, kLimit when the pool has none left (then nothing
  // changed).
  Status reserve(int64_t positions);
  // Forgets positions [length, ...) and gives pages back that hold none of the rest.
  void truncate(int64_t length);
  // Declares positions [0, length) stored; they are reserved. Called by the forward pass.
  void extend(int64_t length) { length_ = length; }

  // This layer's part of each page, for AttentionArgs.
  const uint8_t* const* k_pages(int layer) const { return k_tables_[size_t(layer)].data(); }
  const uint8_t* const* v_pages(int layer) const { return v_tables_[size_t(layer)].data(); }
  uint8_t* k_page(int layer, int64_t position) {
    return pages_[page_of(position)] + pool_->layout().layers[size_t(layer)].k;
  }
  uint8_t* v_page(int layer, int64_t position) {
    return pages_[page_of(position)] + pool_->layout().layers[size_t(layer)].v;
  }

 private:
  static size_t page_of(int64_t position) { return size_t(position / kKvPageTokens); }
  void drop_pages(size_t keep);
  KvPool* pool_;
  int64_t length_ = 0;
  std::vector<uint8_t*> pages_;
  std::vector<std::vector<const uint8_t*>> k_tables_, v_tables_;  // (layers, pages)
};

// The context to run with when none is asked for: `most`, the model's, or what fits budget_bytes when `sequences` run
// at once, whichever is smaller; whole pages. kLimit when not even one page a sequence fits.
Result<int64_t> default_context(const KvLayout& layout, int64_t most, uint64_t budget_bytes, int sequences = 1);

}  // namespace nibble
