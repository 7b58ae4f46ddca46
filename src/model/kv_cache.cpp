#include "model/kv_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/kernels.h"

namespace nibble {
namespace {

constexpr size_t kPageAlignment = 64;  // of pages and of each layer's part

size_t align_up(size_t value) { return (value + kPageAlignment - 1) / kPageAlignment * kPageAlignment; }

}  // namespace

KvLayout::KvLayout(const ModelConfig& config) {
  // Cannot overflow: check_model_config bounds every factor.
  size_t values = 0;
  for (const LayerConfig& layer : config.layers) {
    const size_t part = align_up(size_t(layer.kv_heads) * size_t(config.head_dim) * kKvPageTokens);
    layers.push_back({values, values + part});
    values += 2 * part;
  }
  page_bytes = values * sizeof(uint16_t);
}

uint64_t KvLayout::bytes_for(int64_t positions) const {
  return KvPool::pages_for(positions) * uint64_t(page_bytes);
}

KvPool::KvPool(KvLayout layout, uint64_t limit_bytes)
    : layout_(std::move(layout)), max_pages_(size_t(limit_bytes / layout_.page_bytes)) {}

KvPool::~KvPool() {
  for (uint16_t* page : free_) std::free(page);
}

Result<uint16_t*> KvPool::take() {
  if (used_ == max_pages_)
    return fail(ErrorKind::kLimit, "KV cache: all ", max_pages_, " pages of ", kKvPageTokens,
                " positions are in use (limit ", uint64_t(max_pages_) * layout_.page_bytes, " bytes)");
  uint16_t* page = nullptr;
  if (!free_.empty()) {
    page = free_.back();
    free_.pop_back();
  } else {
    page = static_cast<uint16_t*>(std::aligned_alloc(kPageAlignment, layout_.page_bytes));
    if (!page)
      return fail(ErrorKind::kLimit, "KV cache: no memory for a page of ", layout_.page_bytes, " bytes");
  }
  // Attention multiplies masked positions by zero: what stands there must be finite.
  std::memset(page, 0, layout_.page_bytes);
  ++used_;
  return page;
}

void KvPool::give(uint16_t* page) {
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
    Result<uint16_t*> page = pool_->take();
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

Result<int64_t> default_context(const ModelConfig& config, uint64_t budget_bytes, int sequences) {
  const KvLayout layout(config);
  const uint64_t pages = budget_bytes / layout.page_bytes / uint64_t(std::max(sequences, 1));
  if (pages == 0)
    return fail(ErrorKind::kLimit, "KV cache: ", budget_bytes, " bytes do not hold one page of ",
                layout.page_bytes, " bytes for each of ", sequences, " sequences");
  if (pages >= KvPool::pages_for(config.context)) return config.context;
  return int64_t(pages) * kKvPageTokens;
}

}  // namespace nibble
