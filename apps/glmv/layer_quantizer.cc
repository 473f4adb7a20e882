#include "apps/glmv/layer_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>

#include "apps/glmv/layer_inputs.h"
#include "glmv/quant/pack.h"
#include "glmv/tensor/ops.h"

namespace glmv::app {
namespace {

using model::DecoderLayer;
using model::Mlp;
using quant::Linear;

constexpr int64_t kExpertSampleRows = 128;  // of the rows that reach an expert, for the searches
constexpr int64_t kRoutedRows = 4096;       // that the router sees at once
constexpr int64_t kLeastRows = 16;          // fewer say nothing about the inputs of a Linear

at::Tensor weight_of(const Linear& linear) { return linear.method().tensors().front().second; }
at::Tensor fp32_weight(const Linear& linear) {
  return weight_of(linear).to(at::kFloat, false, true);
}

std::vector<Linear*> first_half(Mlp& mlp) {
  if (mlp.gate_up_proj) return {&*mlp.gate_up_proj};
  return {&mlp.gate_proj, &mlp.up_proj};
}

// Takes the factors out of a norm, or as much of them as its dtype can give; returns that.
at::Tensor fold_into(at::Tensor& norm, const at::Tensor& s) {
  const at::Tensor before = norm.to(at::kFloat);
  const at::Tensor after = (before / s).to(norm.scalar_type());
  at::Tensor given = at::where(after == 0, at::ones_like(s), before / after.to(at::kFloat));
  given = at::where(given.isfinite().logical_and(given > 0), given, at::ones_like(s));
  norm = after;
  return given;
}

// Logs of what the parts of a layer see.
struct Logs {
  std::shared_ptr<InputLog> attention, output, mlp, down;
};

class LayerRun {
 public:
  LayerRun(const DecoderLayer& original, int64_t num_rows, const LayerQuantOptions& options)
      : original_(original), layer_(original), num_rows_(num_rows), options_(options) {}

  Result<QuantizedLayer> all(const RunLayer& run);

 private:
  bool is(const char* method) const { return options_.method == method; }
  // Fewer rows leave most directions of the inputs open, which GPTQ would fill with errors.
  bool enough(const Inputs& inputs, int64_t in) const {
    return inputs.num_rows >= std::max(kLeastRows, is("gptq") ? in / 4 : 0);
  }
  bool fits(const Linear& linear) const {
    const at::Tensor w = weight_of(linear);
    return quant::fits_format(options_.format, options_.grid, w.size(0), w.size(1));
  }
  void observe(const RunLayer& run);
  Inputs seen(const std::shared_ptr<InputLog>& log) const {
    return log == nullptr ? Inputs{} : log->inputs();
  }
  // Factors for Linears behind a norm of their own, already taken from it; undefined: none.
  at::Tensor norm_factors(at::Tensor& norm, const std::vector<Linear*>& readers,
                          const Inputs& inputs) const;
  Result<void> attention();
  // s_D: factors on its inputs (undefined: none).
  Result<void> mlp(Mlp& mlp, const at::Tensor& s_D, const Inputs& inputs, const Inputs& middle);
  Result<void> experts(model::Moe& moe);
  // w_OI: the weight as fp32, with factors s_I on its inputs, which are to be divided by them.
  Result<void> store(const Linear& linear, const at::Tensor& w_OI, const Inputs& inputs,
                     const at::Tensor& s_I, bool clips);
  // What is not quantised.
  void store_rest();

  const DecoderLayer& original_;
  DecoderLayer layer_;  // with what norms and the router took up
  int64_t num_rows_;
  const LayerQuantOptions& options_;
  Logs logs_;
  std::set<std::string> done_;  // names of stored weights
  QuantizedLayer result_;
};

Result<QuantizedLayer> LayerRun::all(const RunLayer& run) {
  if (run) observe(run);
  GLMV_RETURN_IF_ERROR(attention());
  if (auto* dense = std::get_if<Mlp>(&layer_.mlp)) {
    const Inputs inputs = seen(logs_.mlp);
    const at::Tensor s = norm_factors(layer_.post_attention_layernorm, first_half(*dense), inputs);
    GLMV_RETURN_IF_ERROR(mlp(*dense, s, inputs, seen(logs_.down)));
  } else {
    GLMV_RETURN_IF_ERROR(experts(std::get<model::Moe>(layer_.mlp)));
  }
  store_rest();
  return std::move(result_);
}

void LayerRun::observe(const RunLayer& run) {
  DecoderLayer layer = original_;
  const int64_t stride = std::max<int64_t>(1, num_rows_ / options_.sample_rows);
  const auto watch = [&](Linear& linear) {
    auto log = std::make_shared<InputLog>(stride, options_.sample_rows, is("gptq"));
    linear = observed(linear, log);
    return log;
  };
  logs_.attention = watch(layer.self_attn.q_proj);
  logs_.output = watch(layer.self_attn.o_proj);
  if (auto* dense = std::get_if<Mlp>(&layer.mlp)) {
    logs_.mlp = watch(*first_half(*dense).front());
    logs_.down = watch(dense->down_proj);
  } else {
    // All rows, in order: which of them reach an expert is found again from the router.
    Linear& gate = std::get<model::Moe>(layer.mlp).shared_experts.gate_proj;
    logs_.mlp = std::make_shared<InputLog>(1, std::numeric_limits<int64_t>::max(), false);
    gate = observed(gate, logs_.mlp);
  }
  run(layer);
}

at::Tensor LayerRun::norm_factors(at::Tensor& norm, const std::vector<Linear*>& readers,
                                  const Inputs& inputs) const {
  const auto quantised = [&](const Linear* reader) { return fits(*reader); };
  if (!is("awq") || !enough(inputs, norm.size(0)) || !std::ranges::any_of(readers, quantised)) {
    return {};
  }
  quant::ScaleSearch search(inputs.rows_NI, options_.grid);
  for (const Linear* reader : readers) {
    if (fits(*reader)) search.add(fp32_weight(*reader), inputs.rows_NI);
  }
  return fold_into(norm, search.best());
}

Result<void> LayerRun::attention() {
  model::Attention& attention = layer_.self_attn;
  const Inputs inputs = seen(logs_.attention);
  const std::vector<Linear*> readers = {&attention.q_proj, &attention.k_proj, &attention.v_proj};
  const at::Tensor s = norm_factors(layer_.input_layernorm, readers, inputs);
  for (const Linear* reader : readers) {
    at::Tensor w = fp32_weight(*reader);
    if (s.defined()) w.mul_(s);
    // The scores of attention react to clipped queries and keys out of proportion.
    GLMV_RETURN_IF_ERROR(store(*reader, w, inputs, s, reader == &attention.v_proj));
  }
  // Several query heads share the rows of one value head, which cannot take up factors of o_proj.
  return store(attention.o_proj, fp32_weight(attention.o_proj), seen(logs_.output), {}, true);
}

Result<void> LayerRun::mlp(Mlp& mlp, const at::Tensor& s_D, const Inputs& inputs,
                           const Inputs& middle) {
  const std::vector<Linear*> half = first_half(mlp);
  at::Tensor down = fp32_weight(mlp.down_proj);
  at::Tensor s_down;
  if (is("awq") && fits(mlp.down_proj) && enough(middle, down.size(1))) {
    quant::ScaleSearch search(middle.rows_NI, options_.grid);
    search.add(down, middle.rows_NI);
    s_down = search.best();
    down.mul_(s_down);
  }
  for (const Linear* linear : half) {
    at::Tensor w = fp32_weight(*linear);
    if (s_D.defined()) w.mul_(s_D);
    if (s_down.defined() && linear == half.back()) {  // the last rows are those of up_proj
      const int64_t rows = s_down.size(0);
      w.narrow(0, w.size(0) - rows, rows).div_(s_down.unsqueeze(1));
    }
    GLMV_RETURN_IF_ERROR(store(*linear, w, inputs, s_D, true));
  }
  return store(mlp.down_proj, down, middle, s_down, true);
}

Result<void> LayerRun::experts(model::Moe& moe) {
  const at::Tensor x = logs_.mlp == nullptr ? at::Tensor() : logs_.mlp->kept();
  logs_.mlp.reset();
  at::Tensor chosen;  // [N, K]
  if (x.defined()) {
    std::vector<at::Tensor> parts;
    for (const at::Tensor& rows : x.split(kRoutedRows)) {
      parts.push_back(model::route(moe.config, rows, moe.gate, moe.correction_bias).indices);
    }
    chosen = at::cat(parts);
  }
  const auto rows_of = [&](size_t expert) {
    return x.index_select(0, (chosen == static_cast<int64_t>(expert)).any(1).nonzero().flatten());
  };
  std::vector<Mlp*> parts;
  for (Mlp& expert : moe.experts) parts.push_back(&expert);
  parts.push_back(&moe.shared_experts);
  const auto reaching = [&](size_t part) { return part < moe.experts.size() ? rows_of(part) : x; };
  at::Tensor s;
  if (is("awq") && x.defined() && x.size(0) >= kLeastRows) {
    quant::ScaleSearch search(x, options_.grid, true);
    for (size_t i = 0; i < parts.size(); ++i) {
      const Inputs inputs = inputs_of(reaching(i), kExpertSampleRows, false);
      if (inputs.num_rows == 0) continue;
      for (const Linear* linear : first_half(*parts[i])) {
        if (fits(*linear)) search.add(fp32_weight(*linear), inputs.rows_NI);
      }
    }
    s = fold_into(layer_.post_attention_layernorm, search.best());
    moe.gate = (moe.gate.to(at::kFloat) * s).to(moe.gate.scalar_type());
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    Inputs inputs, middle;
    if (x.defined()) {
      const bool gram = is("gptq");
      const at::Tensor rows = reaching(i);
      inputs = inputs_of(rows, options_.sample_rows, gram);
      if (inputs.num_rows > 0) {
        const at::Tensor inner = tensor::swiglu(parts[i]->gate_proj(rows), parts[i]->up_proj(rows));
        middle = inputs_of(inner, options_.sample_rows, gram);
      }
    }
    GLMV_RETURN_IF_ERROR(mlp(*parts[i], s, inputs, middle));
  }
  return {};
}

Result<void> LayerRun::store(const Linear& linear, const at::Tensor& w_OI, const Inputs& inputs,
                             const at::Tensor& s_I, bool clips) {
  const std::string& name = linear.name();
  const quant::QuantGrid& grid = options_.grid;
  const int64_t in = w_OI.size(1);
  done_.insert(name + ".weight");
  if (!w_OI.isfinite().all().item<bool>()) {
    return invalid_argument("{}.weight holds values that are no numbers", name);
  }
  if (!fits(linear)) {
    result_.tensors.emplace_back(name + ".weight", w_OI.to(weight_of(linear).scalar_type()));
    result_.kept.push_back(name);
    return {};
  }
  const bool has_rows = enough(inputs, in);
  if (!is("rtn") && !has_rows) result_.rounded.push_back(name);
  at::Tensor rows = inputs.rows_NI;
  const at::Tensor original = fp32_weight(linear);
  const double rounding_error =
      quant::output_error(original, quant::dequantise(quant::round_matrix(original, grid)), rows);
  if (s_I.defined() && rows.defined()) rows = rows / s_I;
  quant::QuantizedMatrix matrix;
  if (is("gptq") && has_rows) {
    auto solved = quant::gptq(w_OI, inputs.gram_II, grid);
    if (!solved) return in_context(name, solved.error());
    matrix = std::move(*solved);
  } else {
    const bool searches = is("awq") && clips && has_rows;
    matrix = quant::round_matrix(w_OI, grid,
                                 searches ? quant::search_shrink(w_OI, rows, grid) : at::Tensor());
  }
  if (!matrix.scales_OG.isfinite().all().item<bool>()) {
    return invalid_argument(
        "{}: values up to {:.3g} give scales that do not fit the format {}; use "
        "--format compressed-tensors",
        name, w_OI.abs().max().item<double>(), options_.format);
  }
  const double error = quant::output_error(w_OI, quant::dequantise(matrix), rows);
  result_.report.push_back({name, error, rounding_error});
  for (auto& [suffix, tensor] : quant::stored_tensors(options_.format, matrix, grid)) {
    result_.tensors.emplace_back(name + "." + suffix, std::move(tensor));
  }
  return {};
}

void LayerRun::store_rest() {
  std::vector<model::NamedParameter> parameters;
  layer_.collect(parameters);
  for (const model::NamedParameter& parameter : parameters) {
    if (done_.contains(parameter.name)) continue;
    result_.tensors.emplace_back(parameter.name, parameter.tensor.contiguous());
  }
}

}  // namespace

Result<QuantizedLayer> quantize_layer(const DecoderLayer& original, const RunLayer& run,
                                      int64_t num_rows, const LayerQuantOptions& options) {
  return LayerRun(original, num_rows, options).all(run);
}

}  // namespace glmv::app
