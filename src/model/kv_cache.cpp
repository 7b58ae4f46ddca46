#include "model/kv_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/kernels.h"

namespace nibble {
namespace {

constexpr size_t kPageAlignment = 64;  // of pages and of each layer's part

// Pages are cut from slabs, which the system may hold in its large pages: what attention reads of a page is a few KiB for each head, and
// in small pages each of these would be a stream of its own.
constexpr size_t kSlabBytes = size_t(16) << 20, kLargePage = size_t(2) << 20;

size_t align_up(size_t value, size_t alignment = kPageAlignment) { return (value + alignment - 1) / alignment * alignment; }

}  // namespace

std::string_view kv_type_name(KvType type) { return type == KvType::kF16 ? "f16" : "q8_0"; }

KvLayout::KvLayout(const ModelConfig& config, KvType kv_type) : type(kv_type) {
  // Cannot overflow: check_model_config bounds every factor.
  for (const LayerConfig& layer : config.layers) {
    const size_t part = align_up(size_t(layer.kv_heads) * size_t(kv_head_bytes(type, config.head_dim)));
    layers.push_back({page_bytes, page_bytes + part});
    page_bytes += 2 * part;
  }
}

uint64_t KvLayout::bytes_for(int64_t positions) const {
  return KvPool::pages_for(positions) * uint64_t(page_bytes);
}

KvPool::KvPool(KvLayout layout, uint64_t limit_bytes)
    : layout_(std::move(layout)), max_pages_(size_t(limit_bytes / layout_.page_bytes)) {}

KvPool::~KvPool() {
  for (uint8_t* slab : slabs_) std::free(slab);
}

Status KvPool::add_slab() {
  const size_t left = max_pages_ - used_ - free_.size();
  const size_t pages = std::clamp<size_t>(kSlabBytes / layout_.page_bytes, 1, left);
  const size_t wanted = pages * layout_.page_bytes, alignment = wanted >= kLargePage ? kLargePage : kPageAlignment;
  auto* const slab = static_cast<uint8_t*>(std::aligned_alloc(alignment, align_up(wanted, alignment)));
  if (!slab) return fail(ErrorKind::kLimit, "KV cache: no memory for ", pages, " pages of ", layout_.page_bytes, " bytes");
#if defined(MADV_HUGEPAGE)
  if (alignment == kLargePage) madvise(slab, align_up(wanted, alignment), MADV_HUGEPAGE);  // a wish
#endif
  slabs_.push_back(slab);
  next_ = slab, slab_pages_ = pages;
  return {};
}

Result<uint8_t*> KvPool::take() {
  if (used_ == max_pages_)
    return fail(ErrorKind::kLimit, "KV cache: all ", max_pages_, " pages of ", kKvPageTokens,
                " positions are in use (limit ", uint64_t(max_pages_) * layout_.page_bytes, " bytes)");
  uint8_t* page = nullptr;
  if (!free_.empty()) {
    page = free_.back();
    free_.pop_back();
  } else {
    if (slab_pages_ == 0) NIBBLE_CHECK_OK(add_slab());
    page = std::exchange(next_, next_ + layout_.page_bytes);
    --slab_pages_;
  }
  // Attention multiplies masked positions by zero: what stands there must be finite.
  std::memset(page, 0, layout_.page_bytes);
  ++used_;
  return page;
}

void KvPool::give(uint8_t* page) {
  free_.push_back(page);
  --used_;
}

KvSequence::KvSequence(KvPool& pool)
    : pool_(&pool), k_tables_(pool.layout().layers.size()), v_tables_(pool.layout().layers.size()) {}

KvSequence::KvSequence(KvSequence&& other) noexcept
    : pool_(other.pool_),
      length_(std::exchange(other.length_, 0)),
      pages_(std::exchange(other.pages_, {})),
      k_tables_(std::exchange(other.k_tables_, {})),
      v_tables_(std::exchange(other.v_tables_, {})) {}

KvSequence& KvSequence::operator=(KvSequence&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(length_, other.length_);
  pages_.swap(other.pages_);
  k_tables_.swap(other.k_tables_);
  v_tables_.swap(other.v_tables_);
  return *this;
}

KvSequence::~KvSequence() { drop_pages(0); }

Status KvSequence::reserve(int64_t positions) {
  const size_t before = pages_.size(), wanted = KvPool::pages_for(positions);
  while (pages_.size() < wanted) {
    Result<uint8_t*> page = pool_->take();
    if (!page) {
      drop_pages(before);
      return forward_error(std::move(page).error());
    }
    pages_.push_back(*page);
    for (size_t layer = 0; layer < k_tables_.size(); ++layer) {
      k_tables_[layer].push_back(*page + pool_->layout().layers[layer].k);
      v_tables_[layer].push_back(*page + pool_->layout().layers[layer].v);
    }
  }
  return {};
}

void KvSequence::truncate(int64_t length) {
  length_ = std::clamp<int64_t>(length, 0, length_);
  drop_pages(KvPool::pages_for(length_));
}

void KvSequence::drop_pages(size_t keep) {
  while (pages_.size() > keep) {
    pool_->give(pages_.back());
    pages_.pop_back();
    for (auto& table : k_tables_) table.pop_back();
    for (auto& table : v_tables_) table.pop_back();
  }
}

Result<int64_t> default_context(const KvLayout& layout, int64_t most, uint64_t budget_bytes, int sequences) {
  const uint64_t pages = budget_bytes / layout.page_bytes / uint64_t(std::max(sequences, 1));
  if (pages == 0)
    return fail(ErrorKind::kLimit, "KV cache: ", budget_bytes, " bytes do not hold one page of ",
                layout.page_bytes, " bytes for each of ", sequences, " sequences");
  if (pages >= KvPool::pages_for(most)) return most;
  return int64_t(pages) * kKvPageTokens;
}

}  // namespace nibble
