#include "glmv/quant/quantizer.h"

#include <ATen/ATen.h>

#include <limits>

#include "glmv/base/check.h"

namespace glmv::quant {
namespace {

constexpr int kScaleSteps = 20;    // exponents 0, 1/20, ...
constexpr int kShrinkSteps = 10;   // factors 1, 0.95, ...
constexpr double kShrinkStep = 0.05;
constexpr int64_t kGptqBlock = 128;  // columns whose updates of the rest are put together

// Scale and zero point of groups [..., group], over the last dimension, kept.
struct Range {
  at::Tensor scale;  // fp32
  at::Tensor zero;   // fp32, whole numbers
};

Range range_of(const at::Tensor& groups, const QuantGrid& grid, const at::Tensor& shrink = {}) {
  const double top = (1 << grid.bits) - 1;
  at::Tensor low = groups.amin(-1, true).clamp_max(0);
  at::Tensor high = groups.amax(-1, true).clamp_min(0);
  if (shrink.defined()) {
    low = low * shrink;
    high = high * shrink;
  }
  const at::Tensor span = grid.symmetric ? 2 * at::maximum(-low, high) : high - low;
  // Rounded as they will be stored, so that q belongs to the stored value; never zero.
  at::Tensor scale = (span / top).clamp_min(1e-5).to(grid.scale_dtype).to(at::kFloat);
  at::Tensor zero = grid.symmetric ? at::full_like(scale, (1 << (grid.bits - 1)))
                                   : (-low / scale).round().clamp(0, top);
  return {scale, zero};
}

at::Tensor levels(const at::Tensor& values, const Range& range, const QuantGrid& grid) {
  return ((values / range.scale).round() + range.zero).clamp(0, (1 << grid.bits) - 1);
}

at::Tensor in_groups(const at::Tensor& w_OI, const QuantGrid& grid) {
  const int64_t group = grid.group_of(w_OI.size(1));
  GLMV_CHECK(w_OI.size(1) % group == 0, "groups of {} in {} inputs", group, w_OI.size(1));
  return w_OI.to(at::kFloat).unflatten(1, {-1, group});
}

// The weight after rounding, fp32.
at::Tensor rounded(const at::Tensor& w_OI, const QuantGrid& grid, const at::Tensor& shrink = {}) {
  const at::Tensor groups = in_groups(w_OI, grid);
  const Range range = range_of(groups, grid, shrink);
  return ((levels(groups, range, grid) - range.zero) * range.scale).flatten(1);
}

}  // namespace

at::Tensor dequantise(const QuantizedMatrix& m) {
  const at::Tensor q = m.q_OI.to(at::kFloat).unflatten(1, {m.scales_OG.size(1), -1});
  return ((q - m.zeros_OG.to(at::kFloat).unsqueeze(-1)) * m.scales_OG.unsqueeze(-1)).flatten(1);
}

QuantizedMatrix round_matrix(const at::Tensor& w_OI, const QuantGrid& grid,
                             const at::Tensor& shrink_OG) {
  const at::Tensor groups = in_groups(w_OI, grid);
  const Range range =
      range_of(groups, grid, shrink_OG.defined() ? shrink_OG.unsqueeze(-1) : at::Tensor());
  return {levels(groups, range, grid).flatten(1).to(at::kByte), range.scale.squeeze(-1),
          range.zero.squeeze(-1).to(at::kByte)};
}

Result<QuantizedMatrix> gptq(const at::Tensor& w_OI, const at::Tensor& gram_II,
                             const QuantGrid& grid, double damping) {
  const int64_t in = w_OI.size(1);
  const int64_t group = grid.group_of(in);
  if (!gram_II.isfinite().all().item<bool>()) {
    return invalid_argument("the activations of the calibration samples are not finite");
  }
  at::Tensor h = gram_II.clone();
  const at::Tensor dead = h.diagonal() == 0;
  const double mean = h.diagonal().mean().item<double>();
  h.diagonal().add_(damping * (mean > 0 ? mean : 1.0));
  // H^-1 = U^T U, U upper: row i of U says how an error of column i spreads to those behind it.
  const auto [lower, info] = at::linalg_cholesky_ex(h);
  if (info.item<int64_t>() != 0) {
    return invalid_argument("the calibration samples are too few or too alike to invert their gram "
                            "matrix; give more samples");
  }
  const auto [u, info_inverse] = at::linalg_cholesky_ex(at::cholesky_inverse(lower), true);
  if (info_inverse.item<int64_t>() != 0) {
    return invalid_argument("the inverse of the gram matrix of the calibration samples is not "
                            "positive; give more samples");
  }
  // Transposed: a column of the weight lies in one piece.
  at::Tensor w_IO = w_OI.to(at::kFloat).t().contiguous();
  w_IO.masked_fill_(dead.unsqueeze(1), 0.0);
  at::Tensor q_IO = at::empty_like(w_IO, at::kByte);
  at::Tensor scales_GO = at::empty({in / group, w_OI.size(0)}, at::kFloat);
  at::Tensor zeros_GO = at::empty_like(scales_GO);
  for (int64_t begin = 0; begin < in; begin += kGptqBlock) {
    const int64_t end = std::min(in, begin + kGptqBlock);
    at::Tensor errors = at::empty({end - begin, w_OI.size(0)}, at::kFloat);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t g = i / group;
      if (i % group == 0) {
        // Columns of the group that lie behind the block have not been updated for it yet; their
        // ranges change little by it.
        const Range range = range_of(w_IO.narrow(0, i, group).t(), grid);
        scales_GO[g] = range.scale.squeeze(-1);
        zeros_GO[g] = range.zero.squeeze(-1);
      }
      const Range range = {scales_GO[g], zeros_GO[g]};
      const at::Tensor column = w_IO[i];
      const at::Tensor q = levels(column, range, grid);
      q_IO[i].copy_(q);
      const at::Tensor error = (column - (q - range.zero) * range.scale) / u[i][i];
      errors[i - begin] = error;
      if (i + 1 < end) {
        w_IO.narrow(0, i + 1, end - i - 1)
            .sub_(u[i].narrow(0, i + 1, end - i - 1).unsqueeze(1) * error.unsqueeze(0));
      }
    }
    if (end < in) {
      const at::Tensor spread = u.narrow(0, begin, end - begin).narrow(1, end, in - end);
      w_IO.narrow(0, end, in - end).sub_(at::mm(spread.t(), errors));
    }
  }
  return QuantizedMatrix{q_IO.t().contiguous(), scales_GO.t().contiguous(),
                         zeros_GO.t().to(at::kByte).contiguous()};
}

at::Tensor search_input_scales(std::span<const at::Tensor> weights, const at::Tensor& x_NI,
                               const QuantGrid& grid) {
  const at::Tensor x = x_NI.to(at::kFloat);
  const at::Tensor magnitude = x.abs().mean(0).clamp_min(1e-8);
  std::vector<at::Tensor> wanted;
  for (const at::Tensor& w : weights) wanted.push_back(at::mm(x, w.to(at::kFloat).t()));
  at::Tensor best = at::ones({x.size(1)}, at::kFloat);
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step < kScaleSteps; ++step) {
    at::Tensor s = magnitude.pow(static_cast<double>(step) / kScaleSteps).clamp_min(1e-4);
    s = s / (s.max() * s.min()).sqrt();
    double error = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const at::Tensor w = rounded(weights[i].to(at::kFloat) * s, grid);
      error += (at::mm(x / s, w.t()) - wanted[i]).square().sum().item<double>();
    }
    if (error < least) {
      least = error;
      best = s;
    }
  }
  return best;
}

at::Tensor search_shrink(const at::Tensor& w_OI, const at::Tensor& x_NI, const QuantGrid& grid) {
  const at::Tensor w_OGK = in_groups(w_OI, grid);
  const at::Tensor x_GKN = x_NI.to(at::kFloat).t().unflatten(0, {w_OGK.size(1), -1}).contiguous();
  const at::Tensor w_GOK = w_OGK.transpose(0, 1).contiguous();
  at::Tensor best = at::ones({w_OGK.size(0), w_OGK.size(1)}, at::kFloat);
  at::Tensor least = at::full_like(best, std::numeric_limits<float>::infinity());
  for (int step = 0; step < kShrinkSteps; ++step) {
    const double factor = 1.0 - kShrinkStep * step;
    const Range range = range_of(w_GOK, grid, at::full({1}, factor));
    const at::Tensor change = (levels(w_GOK, range, grid) - range.zero) * range.scale - w_GOK;
    const at::Tensor error = at::bmm(change, x_GKN).square().sum(-1).t();  // [O, G]
    const at::Tensor better = error < least;
    best.masked_fill_(better, factor);
    least = at::where(better, error, least);
  }
  return best;
}

double output_error(const at::Tensor& w_OI, const at::Tensor& other_OI, const at::Tensor& x_NI) {
  const at::Tensor w = w_OI.to(at::kFloat);
  const auto energy = [&](const at::Tensor& m) {
    return (x_NI.defined() ? at::mm(x_NI.to(at::kFloat), m.t()) : m).square().sum().item<double>();
  };
  const double wanted = energy(w);
  return wanted > 0 ? energy(other_OI.to(at::kFloat) - w) / wanted : 0.0;
}

}  // namespace glmv::quant
