#include "apps/glmv/layer_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <memory>

#include "glmv/quant/pack.h"

namespace glmv::app {
namespace {

using model::DecoderLayer;
using quant::Linear;
using quant::QuantGrid;

// What the Linears that share an input see of the samples.
struct Seen {
  int64_t stride = 1;      // every stride-th row is kept
  int64_t max_rows = 0;
  bool wants_gram = false;
  int64_t num_seen = 0;
  std::vector<at::Tensor> kept;
  at::Tensor gram;         // fp32 [in, in]

  void add(const at::Tensor& x) {
    const int64_t n = x.size(0);
    if (wants_gram) {
      const at::Tensor rows = x.to(at::kFloat);
      const at::Tensor product = at::mm(rows.t(), rows);
      gram = gram.defined() ? gram.add_(product) : product;
    }
    const int64_t first = (stride - num_seen % stride) % stride;
    if (first < n && num_kept() < max_rows) {
      kept.push_back(x.slice(0, first, n, stride).to(at::kFloat));
    }
    num_seen += n;
  }
  int64_t num_kept() const {
    int64_t rows = 0;
    for (const at::Tensor& part : kept) rows += part.size(0);
    return rows;
  }
  // [rows, in]; undefined when nothing was seen.
  at::Tensor rows() const { return kept.empty() ? at::Tensor() : at::cat(kept); }
};

// Multiplies as before and notes its inputs.
class Observed final : public quant::LinearMethod {
 public:
  Observed(Linear inner, std::shared_ptr<Seen> seen)
      : inner_(std::move(inner)), seen_(std::move(seen)) {}
  at::Tensor apply(const at::Tensor& x) const override {
    seen_->add(x.reshape({-1, x.size(-1)}));
    return inner_(x);
  }
  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    return inner_.method().tensors();
  }

 private:
  Linear inner_;
  std::shared_ptr<Seen> seen_;
};

at::Tensor weight_of(const Linear& linear) { return linear.method().tensors().front().second; }

// Linears that share an input, the first of which observes it. What gives the input may take up
// factors on it: a norm, or rows [first_row, first_row + in) of another Linear.
struct InputGroup {
  std::vector<Linear*> readers;
  at::Tensor* norm = nullptr;
  Linear* producer = nullptr;
  int64_t first_row = 0;
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
};

void add_mlp(model::Mlp& mlp, at::Tensor* norm, std::vector<InputGroup>& groups) {
  InputGroup up{.norm = norm};
  InputGroup down{.readers = {&mlp.down_proj}};
  if (mlp.gate_up_proj) {
    up.readers = {&*mlp.gate_up_proj};
    down.producer = &*mlp.gate_up_proj;
    down.first_row = weight_of(*mlp.gate_up_proj).size(0) / 2;
  } else {
    up.readers = {&mlp.gate_proj, &mlp.up_proj};
    down.producer = &mlp.up_proj;
  }
  groups.push_back(std::move(up));
  groups.push_back(std::move(down));
}

std::vector<InputGroup> groups_of(DecoderLayer& layer) {
  std::vector<InputGroup> groups;
  model::Attention& attention = layer.self_attn;
  groups.push_back({.readers = {&attention.q_proj, &attention.k_proj, &attention.v_proj},
                    .norm = &layer.input_layernorm});
  // Several query heads share the rows of one value head, which cannot take up their factors.
  groups.push_back({.readers = {&attention.o_proj}});
  if (auto* mlp = std::get_if<model::Mlp>(&layer.mlp)) {
    add_mlp(*mlp, &layer.post_attention_layernorm, groups);
  } else {
    // The router and all experts read the same norm: it stays as it is.
    auto& moe = std::get<model::Moe>(layer.mlp);
    for (model::Mlp& expert : moe.experts) add_mlp(expert, nullptr, groups);
    add_mlp(moe.shared_experts, nullptr, groups);
  }
  return groups;
}

// Factors s on the inputs of the readers, taken from what gives the inputs.
void fold_scales(InputGroup& group, std::map<Linear*, at::Tensor>& weights, const QuantGrid& grid) {
  const at::Tensor rows = group.seen->rows();
  if (!rows.defined() || (group.norm == nullptr && group.producer == nullptr)) return;
  std::vector<at::Tensor> readers;
  for (Linear* reader : group.readers) readers.push_back(weights.at(reader));
  at::Tensor s = quant::search_input_scales(readers, rows, grid);
  if (group.norm != nullptr) {
    const at::Tensor before = group.norm->to(at::kFloat);
    const at::Tensor after = (before / s).to(group.norm->scalar_type());
    // The factors become what the rounded norm really gives up.
    s = at::where(after == 0, at::ones_like(s), before / after.to(at::kFloat));
    s = at::where(s.isfinite().logical_and(s > 0), s, at::ones_like(s));
    *group.norm = after;
  } else {
    weights.at(group.producer).narrow(0, group.first_row, s.size(0)).div_(s.unsqueeze(1));
  }
  for (Linear* reader : group.readers) weights.at(reader) = weights.at(reader) * s;
  for (at::Tensor& part : group.seen->kept) part = part / s;
}

Result<quant::QuantizedMatrix> quantise(const at::Tensor& w, const Seen& seen, bool clips,
                                        const LayerQuantOptions& options) {
  if (options.method == "gptq" && seen.gram.defined()) {
    return quant::gptq(w, seen.gram, options.grid);
  }
  const at::Tensor rows = seen.rows();
  at::Tensor shrink;
  if (options.method == "awq" && clips && rows.defined()) {
    shrink = quant::search_shrink(w, rows, options.grid);
  }
  return quant::round_matrix(w, options.grid, shrink);
}

}  // namespace

Result<QuantizedLayer> quantize_layer(const DecoderLayer& original, const RunLayer& run,
                                      int64_t num_rows, const LayerQuantOptions& options) {
  DecoderLayer layer = original;
  std::vector<InputGroup> groups = groups_of(layer);
  std::map<Linear*, at::Tensor> weights;  // fp32, changed by factors
  for (InputGroup& group : groups) {
    for (Linear* reader : group.readers) {
      weights[reader] = weight_of(*reader).to(at::kFloat, false, true);
    }
  }
  if (run) {
    DecoderLayer observed = original;
    std::vector<InputGroup> observers = groups_of(observed);
    for (size_t i = 0; i < groups.size(); ++i) {
      Seen& seen = *groups[i].seen;
      seen.max_rows = options.sample_rows;
      const bool expert = groups[i].readers.front()->name().find(".experts.") != std::string::npos;
      seen.stride = expert ? 1 : std::max<int64_t>(1, num_rows / options.sample_rows);
      seen.wants_gram = options.method == "gptq";
      Linear& first = *observers[i].readers.front();
      first = Linear(first.name(), std::make_shared<Observed>(first, groups[i].seen));
    }
    run(observed);
  }
  // Plain rounding of the weights as they were, for the report.
  std::map<Linear*, double> rounding_error;
  for (InputGroup& group : groups) {
    const at::Tensor rows = group.seen->rows();
    for (Linear* reader : group.readers) {
      const at::Tensor& w = weights.at(reader);
      if (!quant::fits_format(options.format, options.grid, w.size(0), w.size(1))) continue;
      const auto plain = quant::round_matrix(w, options.grid);
      rounding_error[reader] = quant::output_error(w, quant::dequantise(plain), rows);
    }
  }
  if (options.method == "awq") {
    for (InputGroup& group : groups) fold_scales(group, weights, options.grid);
  }

  QuantizedLayer result;
  std::map<std::string, Linear*> by_name;
  std::map<Linear*, const Seen*> seen_of;
  for (InputGroup& group : groups) {
    for (Linear* reader : group.readers) {
      by_name[reader->name()] = reader;
      seen_of[reader] = group.seen.get();
    }
  }
  std::vector<model::NamedParameter> parameters;
  layer.collect(parameters);
  for (const model::NamedParameter& parameter : parameters) {
    constexpr std::string_view kWeight = ".weight";
    const std::string& name = parameter.name;
    const std::string linear_name =
        name.ends_with(kWeight) ? name.substr(0, name.size() - kWeight.size()) : std::string();
    const auto found = by_name.find(linear_name);
    if (found == by_name.end()) {
      result.tensors.emplace_back(name, parameter.tensor.contiguous());
      continue;
    }
    Linear* linear = found->second;
    const at::Tensor& w = weights.at(linear);
    if (!quant::fits_format(options.format, options.grid, w.size(0), w.size(1))) {
      result.tensors.emplace_back(name, w.to(parameter.tensor.scalar_type()).contiguous());
      result.kept.push_back(linear_name);
      continue;
    }
    // The scores of attention react to clipped queries and keys out of proportion.
    const bool clips = !linear_name.ends_with("q_proj") && !linear_name.ends_with("k_proj");
    const Seen& seen = *seen_of.at(linear);
    auto matrix = quantise(w, seen, clips, options);
    if (!matrix) return in_context(linear_name, matrix.error());
    result.report.push_back({linear_name, quant::output_error(w, quant::dequantise(*matrix), seen.rows()),
                             rounding_error.at(linear)});
    for (auto& [suffix, tensor] : quant::stored_tensors(options.format, *matrix, options.grid)) {
      result.tensors.emplace_back(linear_name + "." + suffix, std::move(tensor));
    }
  }
  return result;
}

}  // namespace glmv::app
