#include "glmv/base/check.h"
#include "glmv/model/vlm.h"

namespace glmv::model {

KvCache::KvCache(const checkpoint::TextConfig& config, at::ScalarType dtype, at::Device device,
                 int64_t capacity) {
  const auto options = at::TensorOptions().dtype(dtype).device(device);
  const std::vector<int64_t> shape = {config.num_key_value_heads, capacity, config.head_dim};
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.push_back({at::empty(shape, options), at::empty(shape, options)});
  }
}

void KvCache::truncate(int64_t length) {
  GLMV_CHECK(length >= 0 && length <= length_, "truncate to {} of {}", length, length_);
  length_ = length;
}

void KvCache::grow(at::Tensor& store, int64_t used, int64_t needed) {
  if (needed <= store.size(1)) return;
  const int64_t capacity = std::max(needed, store.size(1) + store.size(1) / 2);
  at::Tensor larger = at::empty({store.size(0), capacity, store.size(2)}, store.options());
  larger.narrow(1, 0, used).copy_(store.narrow(1, 0, used));
  store = larger;
}

std::pair<at::Tensor, at::Tensor> KvCache::append(int64_t layer, const at::Tensor& keys,
                                                  const at::Tensor& values) {
  Layer& slot = layers_.at(layer);
  const int64_t n = keys.size(0);
  const int64_t end = length_ + n;
  const auto put = [&](at::Tensor& store, const at::Tensor& rows) {
    grow(store, length_, end);
    store.narrow(1, length_, n).copy_(rows.transpose(0, 1));
    return store.narrow(1, 0, end);
  };
  return {put(slot.keys, keys), put(slot.values, values)};
}

}  // namespace glmv::model
