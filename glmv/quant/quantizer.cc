#include "glmv/quant/quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "glmv/base/check.h"
#include "glmv/quant/rounding.h"
#include "glmv/quant/tile_products.h"

namespace glmv::quant {
namespace {

constexpr int kScaleSteps = 20;   // exponents 0, 1/20, ...
constexpr int kShrinkSteps = 10;  // factors 1, 0.95, ...
constexpr float kShrinkStep = 0.05F;
constexpr int64_t kGptqBlock = 128;  // inputs whose updates of the rest are put together
constexpr int64_t kChunkRows = 256;  // outputs that a search has in work, to stay in the caches

// Calls with at most kChunkRows consecutive rows and the number of the first.
template <class F>
void for_chunks(const at::Tensor& w_OI, F&& f) {
  for (int64_t begin = 0; begin < w_OI.size(0); begin += kChunkRows) {
    f(w_OI.narrow(0, begin, std::min(kChunkRows, w_OI.size(0) - begin)), begin);
  }
}

double sum_of_squares(const at::Tensor& x) { return x.square().sum(at::kDouble).item<double>(); }

}  // namespace

at::Tensor dequantise(const QuantizedMatrix& m) {
  const at::Tensor q = m.q_OI.to(at::kFloat).unflatten(1, {m.scales_OG.size(1), -1});
  return ((q - m.zeros_OG.to(at::kFloat).unsqueeze(-1)) * m.scales_OG.unsqueeze(-1)).flatten(1);
}

QuantizedMatrix round_matrix(const at::Tensor& w_OI, const QuantGrid& grid,
                             const at::Tensor& shrink_OG) {
  return round_groups(w_OI, grid, shrink_OG);
}

Result<QuantizedMatrix> gptq(const at::Tensor& w_OI, const at::Tensor& gram_II,
                             const QuantGrid& grid, double damping) {
  const int64_t in = w_OI.size(1);
  if (!gram_II.isfinite().all().item<bool>()) {
    return invalid_argument("the activations of the calibration samples are not finite");
  }
  at::Tensor h = gram_II.clone();
  const at::Tensor dead = h.diagonal() == 0;
  const double mean = h.diagonal().mean().item<double>();
  h.diagonal().add_(damping * (mean > 0 ? mean : 1.0));
  // H^-1 = U^T U, U upper: row i of U says how an error of column i spreads to those behind it.
  auto [lower, info] = at::linalg_cholesky_ex(h);
  if (info.item<int64_t>() != 0) {
    return invalid_argument(
        "the calibration samples are too few or too alike to invert their gram "
        "matrix; give more samples");
  }
  h = at::cholesky_inverse(lower);
  lower.reset();
  const auto [u, info_inverse] = at::linalg_cholesky_ex(h, true);
  h.reset();
  if (info_inverse.item<int64_t>() != 0) {
    return invalid_argument(
        "the inverse of the gram matrix of the calibration samples is not "
        "positive; give more samples");
  }
  at::Tensor w = w_OI.to(at::kFloat, false, true).contiguous();
  w.masked_fill_(dead.unsqueeze(0), 0.0);
  QuantizedMatrix matrix;
  for (int64_t begin = 0; begin < in; begin += kGptqBlock) {
    const int64_t width = std::min(kGptqBlock, in - begin);
    const int64_t end = begin + width;
    const at::Tensor rows = u.narrow(0, begin, width);
    const at::Tensor changes = gptq_block(w, begin, rows.narrow(1, begin, width), grid, matrix);
    if (end == in) break;
    at::Tensor rest = w.narrow(1, end, in - end);
    rest.addmm_(changes, rows.narrow(1, end, in - end), 1, -1);
  }
  return matrix;
}

ScaleSearch::ScaleSearch(const at::Tensor& x_NI, const QuantGrid& grid, bool powers_of_two)
    : grid_(grid) {
  const at::Tensor magnitude = x_NI.to(at::kFloat).abs().mean(0).clamp_min(1e-8);
  for (int step = 0; step < kScaleSteps; ++step) {
    at::Tensor s = magnitude.pow(static_cast<double>(step) / kScaleSteps).clamp_min(1e-4);
    s = s / (s.max() * s.min()).sqrt();
    if (powers_of_two) s = s.log2().round().exp2();
    if (!candidates_.empty() && s.equal(candidates_.back())) continue;
    candidates_.push_back(s);
  }
  errors_.resize(candidates_.size());
}

void ScaleSearch::add(const at::Tensor& w_OI, const at::Tensor& x_NI) {
  // Rounding the products' operands to bf16 changes the sums by much less than the candidates do.
  const auto dtype = has_bf16_products() ? at::kBFloat16 : at::kFloat;
  const at::Tensor x_IN = x_NI.to(dtype).t();
  at::Tensor change;
  for_chunks(w_OI, [&](const at::Tensor& w, int64_t) {
    for (size_t i = 0; i < candidates_.size(); ++i) {
      rounding_change(w, grid_, candidates_[i], 1, change);
      errors_[i] += sum_of_squares(at::mm(change.to(dtype), x_IN));
    }
  });
}

at::Tensor ScaleSearch::best() const {
  return candidates_[std::min_element(errors_.begin(), errors_.end()) - errors_.begin()];
}

at::Tensor search_shrink(const at::Tensor& w_OI, const at::Tensor& x_NI, const QuantGrid& grid) {
  const int64_t in = w_OI.size(1), group = grid.group_of(in), num_groups = in / group;
  const at::Tensor x_GNK =
      x_NI.to(at::kFloat).unflatten(1, {num_groups, group}).transpose(0, 1).contiguous();
  // |x_g d^T|^2 = d (x_g^T x_g) d^T for the change d of a group g: less work where it is narrow.
  const bool by_gram = group < x_NI.size(0);
  const at::Tensor x_GKN = x_GNK.transpose(1, 2);
  const at::Tensor gram_GKK = by_gram ? at::bmm(x_GKN, x_GNK) : at::Tensor();
  at::Tensor best = at::ones({w_OI.size(0), num_groups}, at::kFloat);
  at::Tensor change;
  for_chunks(w_OI, [&](const at::Tensor& w, int64_t begin) {
    at::Tensor factors = best.narrow(0, begin, w.size(0));
    at::Tensor least = at::full_like(factors, std::numeric_limits<float>::infinity());
    for (int step = 0; step < kShrinkSteps; ++step) {
      const float factor = 1 - kShrinkStep * static_cast<float>(step);
      rounding_change(w, grid, {}, factor, change);
      const at::Tensor d_GOK = change.unflatten(1, {num_groups, group}).transpose(0, 1);
      const at::Tensor error_GO = by_gram ? (at::bmm(d_GOK, gram_GKK) * d_GOK).sum(-1)
                                          : at::bmm(d_GOK, x_GKN).square().sum(-1);
      const at::Tensor error = error_GO.t();
      factors.masked_fill_(error < least, factor);
      least = at::minimum(error, least);
    }
  });
  return best;
}

double output_error(const at::Tensor& w_OI, const at::Tensor& other_OI, const at::Tensor& x_NI) {
  const at::Tensor x_IN = x_NI.defined() ? x_NI.to(at::kFloat).t() : x_NI;
  double wanted = 0, changed = 0;
  for_chunks(w_OI, [&](const at::Tensor& rows, int64_t begin) {
    const at::Tensor w = rows.to(at::kFloat);
    const at::Tensor change = other_OI.narrow(0, begin, w.size(0)).to(at::kFloat) - w;
    wanted += sum_of_squares(x_IN.defined() ? at::mm(w, x_IN) : w);
    changed += sum_of_squares(x_IN.defined() ? at::mm(change, x_IN) : change);
  });
  return wanted > 0 ? changed / wanted : 0.0;
}

}  // namespace glmv::quant
