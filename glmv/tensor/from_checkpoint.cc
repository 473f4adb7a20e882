#include "glmv/tensor/from_checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "glmv/base/check.h"
#include "glmv/base/mmap.h"
#include "glmv/base/random.h"
#include "glmv/checkpoint/ggml_blocks.h"
#include "glmv/tensor/device.h"

namespace glmv::tensor {
namespace {

constexpr int64_t kLargeWeightBytes = int64_t{4} << 20;

bool is_float(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf ||
         dtype == at::kDouble;
}

std::unexpected<Status> missing(const std::string& name) {
  return not_found(
      "the checkpoint has no tensor \"{}\"; is the folder complete and does "
      "config.json belong to it?",
      name);
}

std::unexpected<Status> not_finite(const std::string& name) {
  return invalid_argument(
      "tensor \"{}\" holds scales that are no numbers; the file is damaged or "
      "was written by a failed quantiser",
      name);
}

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::unexpected<Status> wrong_shape(const std::string& name, at::IntArrayRef got,
                                    at::IntArrayRef want) {
  return invalid_argument("tensor \"{}\" has shape {}, but config.json implies {}", name,
                          shape_text(got), shape_text(want));
}

// Values in [-bound, bound) in steps of bound / 2^15, the same for any number of threads: billions
// of them are filled at the speed of memory.
void fill_uniform(const at::Tensor& tensor, double bound, uint64_t seed) {
  constexpr int64_t kBlock = int64_t{1} << 16;
  const int64_t n = tensor.numel();
  const auto step = static_cast<float>(bound / 32768.0);
  const auto fill = [&](auto* data) {
    at::parallel_for(0, (n + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        Random random(seed + static_cast<uint64_t>(block));
        const int64_t stop = std::min(n, (block + 1) * kBlock);
        for (int64_t i = block * kBlock; i < stop;) {
          uint64_t bits = random.next_u64();
          for (int j = 0; j < 4 && i < stop; ++j, ++i, bits >>= 16) {
            data[i] = static_cast<float>(static_cast<int16_t>(bits & 0xffff)) * step;
          }
        }
      }
    });
  };
  if (tensor.scalar_type() == at::kBFloat16) {
    fill(tensor.mutable_data_ptr<at::BFloat16>());
  } else if (tensor.scalar_type() == at::kFloat) {
    fill(tensor.mutable_data_ptr<float>());
  } else {
    fill(tensor.mutable_data_ptr<at::Half>());
  }
}

}  // namespace

at::Tensor as_tensor(const checkpoint::TensorView& view) {
  const auto options = at::TensorOptions().dtype(to_scalar_type(view.dtype));
  const size_t element = static_cast<size_t>(checkpoint::dtype_size(view.dtype));
  if (reinterpret_cast<uintptr_t>(view.data.data()) % element != 0) {
    // The format allows any byte offset, the CPU's loads do not.
    at::Tensor copy = at::empty(view.shape, options);
    std::memcpy(copy.mutable_data_ptr(), view.data.data(), view.data.size());
    return copy;
  }
  auto owner = std::pair(view.file, view.memory);
  // The map is read-only; at::from_blob wants a mutable pointer but nothing writes through it.
  void* data = const_cast<std::byte*>(view.data.data());
  return at::from_blob(data, view.shape, [owner](void*) {}, options);
}

WeightSource::WeightSource(const checkpoint::Weights* weights, Options options)
    : weights_(weights), options_(options) {
  GLMV_CHECK(weights != nullptr || options.dummy);
}

bool WeightSource::has(const std::string& name, bool dummy_answer) const {
  if (options_.dummy) return dummy_answer;
  return weights_->tensors.contains(name);
}

Result<at::Tensor> WeightSource::from_blocks(const std::string& name) {
  if (!weights_->is_gguf) return missing(name);
  for (const checkpoint::GgmlRow& row : checkpoint::ggml_rows()) {
    const std::string stored = name + std::string(row.ending);
    const auto it = weights_->tensors.find(stored);
    if (row.ending.empty() || it == weights_->tensors.end()) continue;
    taken_.insert(stored);
    const checkpoint::TensorView& view = it->second;
    const int64_t num_blocks = view.shape[1] / row.bytes;
    const int64_t in = num_blocks * row.elements;
    const at::Tensor tensor =
        at::empty({view.shape[0], in}, options_.dtype == at::kFloat ? at::kFloat : at::kBFloat16);
    const bool is_fp32 = tensor.scalar_type() == at::kFloat;
    void* data = tensor.mutable_data_ptr();
    std::atomic<bool> finite = true;
    at::parallel_for(0, view.shape[0], 16, [&](int64_t begin, int64_t end) {
      std::vector<float> values(in);
      for (int64_t r = begin; r < end; ++r) {
        const std::byte* blocks = view.data.data() + r * view.shape[1];
        if (!checkpoint::has_finite_scales(row.type, blocks, num_blocks)) finite = false;
        checkpoint::dequantise_blocks(row.type, blocks, num_blocks, values.data());
        if (is_fp32) {
          std::copy(values.begin(), values.end(), static_cast<float*>(data) + r * in);
        } else {
          std::copy(values.begin(), values.end(), static_cast<at::BFloat16*>(data) + r * in);
        }
      }
    });
    if (!finite) return not_finite(name);
    return tensor;
  }
  return missing(name);
}

Result<at::Tensor> WeightSource::raw(const std::string& name) {
  const auto it = weights_->tensors.find(name);
  if (it == weights_->tensors.end()) return from_blocks(name);
  taken_.insert(name);
  at::Tensor tensor = as_tensor(it->second);
  if (!is_float(tensor.scalar_type())) {
    return invalid_argument("tensor \"{}\" has dtype {}; expected BF16, F16 or F32", name,
                            checkpoint::dtype_name(it->second.dtype));
  }
  return tensor;
}

at::Tensor WeightSource::convert(const at::Tensor& raw, at::ScalarType dtype) {
  at::Tensor tensor = raw.to(options_.device, dtype, false, options_.own_memory).contiguous();
  num_bytes_ += static_cast<int64_t>(tensor.nbytes());
  return tensor;
}

at::Tensor WeightSource::random(const std::string& name, at::IntArrayRef shape,
                                at::ScalarType dtype) {
  // A token reads every weight once: the fewer pages, the fewer look-ups of addresses.
  const int64_t num_bytes =
      c10::multiply_integers(shape) * static_cast<int64_t>(at::elementSize(dtype));
  at::Tensor tensor =
      options_.device.is_cpu() && num_bytes >= kLargeWeightBytes
          ? huge_page_bytes(num_bytes).view(dtype).view(shape)
          : at::empty(shape, at::TensorOptions().dtype(dtype).device(options_.device));
  if (shape.size() == 1) {
    tensor.fill_(name.ends_with("weight") ? 1.0 : 0.0);
  } else {
    const double fan_in = static_cast<double>(tensor.numel()) / static_cast<double>(shape[0]);
    // Uniform with the deviation 1/sqrt(fan_in): speed of values, not their quality, matters here.
    const double bound =
        name.find("embed_tokens") != std::string::npos ? 0.05 : std::sqrt(3.0 / fan_in);
    if (tensor.is_cpu()) {
      fill_uniform(tensor, bound, options_.dummy_seed ^ std::hash<std::string>{}(name));
    } else {
      tensor.uniform_(-bound, bound);
    }
  }
  num_bytes_ += static_cast<int64_t>(tensor.nbytes());
  return tensor;
}

Result<at::Tensor> WeightSource::take_as(const std::string& name, at::IntArrayRef shape,
                                         at::ScalarType dtype) {
  if (options_.dummy) return random(name, shape, dtype);
  GLMV_ASSIGN(const at::Tensor tensor, raw(name));
  if (tensor.sizes() != shape) return wrong_shape(name, tensor.sizes(), shape);
  return convert(tensor, dtype);
}

Result<at::Tensor> WeightSource::take(const std::string& name, at::IntArrayRef shape) {
  return take_as(name, shape, options_.dtype);
}

Result<at::Tensor> WeightSource::take_fp32(const std::string& name, at::IntArrayRef shape) {
  return take_as(name, shape, at::kFloat);
}

Result<at::Tensor> WeightSource::take_fused(const std::string& name,
                                            const std::vector<std::string>& pieces,
                                            const std::vector<int64_t>& piece_rows,
                                            at::IntArrayRef shape) {
  if (options_.dummy || has(name) || !has(pieces.front())) return take(name, shape);
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::vector<int64_t> want = shape.vec();
    want[0] = piece_rows[i];
    GLMV_ASSIGN(const at::Tensor part, raw(pieces[i]));
    if (part.sizes() != at::IntArrayRef(want)) return wrong_shape(pieces[i], part.sizes(), want);
    parts.push_back(part.to(options_.device, options_.dtype));
  }
  at::Tensor fused = at::cat(parts, 0);
  num_bytes_ += static_cast<int64_t>(fused.nbytes());
  return fused;
}

Result<at::Tensor> WeightSource::take_or_slice(const std::string& name, const std::string& fused,
                                               int64_t begin, at::IntArrayRef shape) {
  if (options_.dummy || has(name) || !has(fused)) return take(name, shape);
  GLMV_ASSIGN(const at::Tensor whole, raw(fused));
  if (whole.dim() != static_cast<int64_t>(shape.size()) || whole.size(0) < begin + shape[0] ||
      whole.sizes().slice(1) != shape.slice(1)) {
    return wrong_shape(fused, whole.sizes(), shape);
  }
  return convert(whole.narrow(0, begin, shape[0]), options_.dtype);
}

Result<at::Tensor> WeightSource::take_stacked(const std::string& stacked, int64_t index,
                                              int64_t num, int64_t rows, int64_t begin,
                                              at::IntArrayRef shape) {
  GLMV_ASSIGN(const at::Tensor whole, raw(stacked));
  const std::vector<int64_t> want = {num, rows, shape[1]};
  if (whole.sizes() != at::IntArrayRef(want)) return wrong_shape(stacked, whole.sizes(), want);
  return convert(whole.select(0, index).narrow(0, begin, shape[0]), options_.dtype);
}

Result<at::Tensor> WeightSource::take_stored(const std::string& name,
                                             std::initializer_list<at::ScalarType> dtypes,
                                             std::optional<int64_t> dim) {
  if (weights_ == nullptr) return missing(name);
  const auto it = weights_->tensors.find(name);
  if (it == weights_->tensors.end()) return missing(name);
  taken_.insert(name);
  at::Tensor tensor = as_tensor(it->second);
  if (std::ranges::find(dtypes, tensor.scalar_type()) == dtypes.end()) {
    return invalid_argument("tensor \"{}\" has dtype {}, which its format does not use", name,
                            checkpoint::dtype_name(it->second.dtype));
  }
  if (dim && tensor.dim() != *dim) {
    return invalid_argument("tensor \"{}\" has shape {}, expected {} dimension{}", name,
                            shape_text(tensor.sizes()), *dim, *dim == 1 ? "" : "s");
  }
  return tensor;
}

void WeightSource::drop_pages(const std::string& name) const {
  if (weights_ == nullptr) return;
  const std::string prefix = name + ".";
  for (auto it = weights_->tensors.lower_bound(prefix);
       it != weights_->tensors.end() && it->first.starts_with(prefix); ++it) {
    if (it->second.file == nullptr) continue;  // what is not mapped would be lost
    drop_file_pages(it->second.data.data(), it->second.data.size());
  }
}

std::vector<std::string> WeightSource::leftovers() const {
  std::vector<std::string> names;
  if (weights_ == nullptr) return names;
  for (const auto& [name, view] : weights_->tensors) {
    if (!taken_.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace glmv::tensor
