#include "apps/glmv/quantize_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "apps/glmv/quantize_folder.h"
#include "glmv/checkpoint/weights.h"
#include "glmv/model/glm_vlm.h"
#include "glmv/quant/pack.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/ops.h"
#include "glmv/train/collator.h"
#include "glmv/train/micro_batch.h"

namespace glmv::app {
namespace {

using model::DecoderLayer;

constexpr const char* kEmbedding = "model.language_model.embed_tokens.weight";

// Samples on their way through the layers.
struct Stream {
  std::vector<train::MicroBatch> batches;  // one sample each
  std::vector<at::Tensor> hidden;          // [N, D] before the next layer

  int64_t num_rows() const {
    int64_t rows = 0;
    for (const at::Tensor& x : hidden) rows += x.size(0);
    return rows;
  }
};

// The input checkpoint: everything but the decoder's layers, and these one by one.
struct Original {
  checkpoint::ModelConfig config;
  checkpoint::Weights weights;
  std::unique_ptr<tensor::WeightSource> source;
  std::unique_ptr<model::Vlm> owner;
  const model::GlmVlm* model = nullptr;  // with no layer
};

Result<std::unique_ptr<Original>> open_original(const std::filesystem::path& input) {
  auto original = std::make_unique<Original>();
  GLMV_ASSIGN(original->config, checkpoint::read_model_config(input));
  GLMV_ASSIGN(original->weights, checkpoint::open_weights(input, original->config));
  if (!original->config.quantization.is_null() || original->weights.is_gguf) {
    return invalid_argument("{} is quantised already; start from its BF16 checkpoint",
                            input.string());
  }
  const auto embedding = original->weights.tensors.find(kEmbedding);
  if (embedding == original->weights.tensors.end()) {
    return invalid_argument("{}: tensor \"{}\" is missing", input.string(), kEmbedding);
  }
  original->source = std::make_unique<tensor::WeightSource>(
      &original->weights,
      tensor::WeightSource::Options{.dtype = tensor::to_scalar_type(embedding->second.dtype)});
  checkpoint::ModelConfig without_layers = original->config;
  without_layers.text.num_hidden_layers = 0;
  auto owner = model::GlmVlm::load(*original->source, nullptr, without_layers);
  if (!owner) return in_context(input.string(), owner.error());
  original->owner = std::move(*owner);
  original->model = dynamic_cast<const model::GlmVlm*>(original->owner.get());
  return original;
}

class Run {
 public:
  Run(const QuantizeJob& job, Original& original, const QuantizeFolder& folder)
      : job_(job),
        original_(original),
        model_(*original.model),
        folder_(folder),
        num_layers_(original.config.text.num_hidden_layers) {}

  Result<QuantizeSummary> all();

 private:
  bool calibrates() const { return job_.samples != nullptr && job_.layer.method != "rtn"; }
  Result<void> encode_samples();
  // Samples [first, last) of a source behind those in the stream.
  Result<void> encode(const train::SampleSource& source, int64_t first, int64_t last,
                      const train::Collator& collator, Stream& stream);
  Result<bool> do_layer(int64_t index);
  // All hidden states of a stream through one layer; kept in the stream, or dropped.
  void through(const DecoderLayer& layer, Stream& stream, bool keeps) const;
  double hidden_error() const;
  // The layer as it was written.
  Result<DecoderLayer> read_written(int64_t index, checkpoint::SafetensorsFile file) const;
  void compare();
  Result<void> finish();
  bool progress(int64_t done, const std::string& what) const {
    return !job_.on_progress || job_.on_progress(done, num_layers_, what);
  }

  const QuantizeJob& job_;
  Original& original_;
  const model::GlmVlm& model_;
  const QuantizeFolder& folder_;
  int64_t num_layers_;
  Stream calibration_;    // through the quantised layers
  Stream eval_;           // likewise
  Stream eval_original_;  // through the original ones
  QuantizeSummary summary_;
};

Result<QuantizeSummary> Run::all() {
  const at::NoGradGuard no_grad;
  if (job_.samples != nullptr || job_.eval_samples != nullptr) {
    GLMV_RETURN_IF_ERROR(encode_samples());
  }
  for (int64_t i = 0; i < num_layers_; ++i) {
    GLMV_ASSIGN(const bool go_on, do_layer(i));
    if (!go_on) {
      summary_.stopped = true;
      return std::move(summary_);
    }
  }
  compare();
  GLMV_RETURN_IF_ERROR(finish());
  return std::move(summary_);
}

Result<void> Run::encode_samples() {
  GLMV_ASSIGN(const processing::Processor processor, processing::Processor::load(job_.input));
  GLMV_ASSIGN(const train::Collator collator, train::Collator::create(processor, {}));
  int64_t num_calibration = 0;
  if (job_.samples != nullptr) {
    const int64_t size = job_.samples->size();
    const bool splits = job_.eval_samples == nullptr;
    const int64_t num_eval = splits ? std::min(job_.num_eval_samples, size / 2) : 0;
    num_calibration = std::min(job_.num_samples, size - num_eval);
    if (calibrates()) {
      GLMV_RETURN_IF_ERROR(encode(*job_.samples, 0, num_calibration, collator, calibration_));
    }
    if (splits) {
      GLMV_RETURN_IF_ERROR(
          encode(*job_.samples, num_calibration, num_calibration + num_eval, collator, eval_));
    }
  }
  if (job_.eval_samples != nullptr) {
    GLMV_RETURN_IF_ERROR(encode(*job_.eval_samples, 0,
                                std::min(job_.num_eval_samples, job_.eval_samples->size()),
                                collator, eval_));
  }
  if (calibrates() && calibration_.hidden.empty()) {
    return invalid_argument("no calibration sample has at most {} tokens; raise --max-tokens",
                            job_.max_tokens);
  }
  eval_original_ = eval_;
  return {};
}

Result<void> Run::encode(const train::SampleSource& source, int64_t first, int64_t last,
                         const train::Collator& collator, Stream& stream) {
  for (int64_t i = first; i < last; ++i) {
    if (!progress(0, fmt::format("reading sample {} of {}", i - first + 1, last - first))) break;
    GLMV_ASSIGN(train::Sample sample, source.get(i));
    GLMV_ASSIGN(const train::EncodedSample encoded, collator.encode(std::move(sample)));
    if (static_cast<int64_t>(encoded.input.input_ids.size()) > job_.max_tokens) continue;
    const train::EncodedSample* one = &encoded;
    train::MicroBatch batch = train::make_micro_batch(std::span(&one, 1), model_.device());
    at::Tensor rows;
    if (batch.patches.defined()) rows = model_.encode_images(batch.patches, batch.grids);
    stream.hidden.push_back(model_.embed(batch.input_ids_N, rows, batch.image_positions_M));
    batch.patches = at::Tensor();
    stream.batches.push_back(std::move(batch));
  }
  return {};
}

void Run::through(const DecoderLayer& layer, Stream& stream, bool keeps) const {
  model::Decoder one;
  one.config = original_.config.text;
  one.layers = {layer};
  one.norm = model_.decoder().norm;
  for (size_t i = 0; i < stream.hidden.size(); ++i) {
    const model::TextBatch batch{.hidden_ND = stream.hidden[i],
                                 .position_ids_3N = stream.batches[i].position_ids_3N,
                                 .sequences = stream.batches[i].sequences};
    at::Tensor after;
    one.forward(batch, [&](int64_t, const char*, const at::Tensor& x) { after = x; });
    if (keeps) stream.hidden[i] = after;
  }
}

double Run::hidden_error() const {
  double change = 0, size = 0;
  for (size_t i = 0; i < eval_.hidden.size(); ++i) {
    const at::Tensor original = eval_original_.hidden[i].to(at::kFloat);
    change += (eval_.hidden[i].to(at::kFloat) - original).square().sum(at::kDouble).item<double>();
    size += original.square().sum(at::kDouble).item<double>();
  }
  return size > 0 ? change / size : 0;
}

Result<DecoderLayer> Run::read_written(int64_t index, checkpoint::SafetensorsFile file) const {
  checkpoint::Weights weights;
  weights.tensors = std::move(file.tensors);
  GLMV_ASSIGN(const checkpoint::QuantConfig config,
              checkpoint::parse_quant_config(
                  quant::quantization_config(job_.layer.format, job_.layer.grid, {})));
  tensor::WeightSource source(&weights, {.dtype = model_.dtype(), .quantization = config});
  return model::load_layer(source, original_.config.text, index);
}

Result<bool> Run::do_layer(int64_t index) {
  GLMV_ASSIGN(const DecoderLayer layer,
              model::load_layer(*original_.source, original_.config.text, index));
  if (folder_.has_layer(index)) {
    ++summary_.num_resumed;
  } else {
    if (!progress(index, "quantising")) return false;
    RunLayer run;
    if (calibrates()) {
      run = [this](const DecoderLayer& observed) { through(observed, calibration_, false); };
    }
    GLMV_ASSIGN(const QuantizedLayer done,
                quantize_layer(layer, run, calibration_.num_rows(), job_.layer));
    GLMV_RETURN_IF_ERROR(folder_.write_layer(index, done));
  }
  GLMV_ASSIGN(checkpoint::SafetensorsFile file, folder_.open_layer(index));
  GLMV_ASSIGN(QuantizedLayer report, folder_.report_of(file));
  std::ranges::move(report.report, std::back_inserter(summary_.linears));
  std::ranges::move(report.kept, std::back_inserter(summary_.kept));
  std::ranges::move(report.rounded, std::back_inserter(summary_.rounded));
  if (!calibration_.hidden.empty() || !eval_.hidden.empty()) {
    if (!progress(index, "running the samples")) return false;
    GLMV_ASSIGN(const DecoderLayer written, read_written(index, std::move(file)));
    if (index + 1 < num_layers_) through(written, calibration_, true);
    through(written, eval_, true);
    through(layer, eval_original_, true);
    if (!eval_.hidden.empty()) summary_.hidden_errors.push_back(hidden_error());
  }
  original_.source->drop_pages(layer.name);
  return progress(index + 1, "");
}

void Run::compare() {
  if (eval_.hidden.empty()) return;
  at::Tensor head = model_.decoder().embed_tokens;
  for (const model::NamedParameter& parameter : model_.parameters()) {
    if (parameter.name == "lm_head.weight") head = parameter.tensor;
  }
  const auto final_rows = [&](const at::Tensor& hidden, const at::Tensor& rows) {
    return tensor::rms_norm(hidden.index_select(0, rows), model_.decoder().norm,
                            original_.config.text.rms_norm_eps);
  };
  // Tokens of replies first, then the rest of the text.
  std::vector<at::Tensor> original[2], other[2], next[2];
  for (size_t i = 0; i < eval_.hidden.size(); ++i) {
    const train::MicroBatch& batch = eval_.batches[i];
    const auto add = [&](int part, const at::Tensor& rows, const at::Tensor& targets) {
      original[part].push_back(final_rows(eval_original_.hidden[i], rows));
      other[part].push_back(final_rows(eval_.hidden[i], rows));
      next[part].push_back(targets);
    };
    add(0, batch.rows_K, batch.targets_K);
    at::Tensor is_rest = at::ones_like(batch.input_ids_N, at::kBool);  // by the token that follows
    if (batch.image_positions_M.defined()) is_rest.index_fill_(0, batch.image_positions_M, false);
    is_rest = is_rest.roll(-1);
    is_rest[-1] = false;  // nothing follows the last
    const at::Tensor rows = is_rest.index_fill(0, batch.rows_K, false).nonzero().flatten();
    add(1, rows, batch.input_ids_N.index_select(0, rows + 1));
  }
  const int64_t num_replies = at::cat(next[0]).size(0);
  const auto both = [](std::vector<at::Tensor>(&parts)[2]) {
    return at::cat({at::cat(parts[0]), at::cat(parts[1])});
  };
  progress(num_layers_, "comparing the last states");
  const TokenDistances tokens(both(original), both(other), head, both(next));
  summary_.replies = tokens.first(num_replies);
  summary_.text = tokens.first(tokens.size());
}

Result<void> Run::finish() {
  if (!folder_.has_rest()) {
    QuantizeFolder::Tensors rest;
    for (const model::NamedParameter& parameter : model_.parameters()) {
      rest.emplace_back(parameter.name, parameter.tensor.contiguous());
    }
    GLMV_RETURN_IF_ERROR(folder_.write_rest(rest));
  }
  GLMV_ASSIGN(Json config, read_json_file(job_.input / "config.json"));
  const bool awq = job_.layer.format == "awq";
  std::vector<std::string> kept = {"lm_head", awq ? "visual" : "re:.*visual.*"};
  if (const auto& moe = original_.config.text.moe) {
    // Readers of AWQ look for parts of names: "mlp.gate" alone would find the gate_proj of dense
    // layers.
    for (int64_t i = moe->first_k_dense_replace; awq && i < num_layers_; ++i) {
      kept.push_back(fmt::format("layers.{}.mlp.gate", i));
    }
    if (!awq) kept.emplace_back("re:.*mlp[.]gate$");
  }
  kept.insert(kept.end(), summary_.kept.begin(), summary_.kept.end());
  config["quantization_config"] =
      quant::quantization_config(job_.layer.format, job_.layer.grid, kept);
  GLMV_ASSIGN(summary_.output_bytes, folder_.finish(job_.input, config));
  return {};
}

}  // namespace

Result<QuantizeSummary> quantize_checkpoint(const QuantizeJob& job) {
  GLMV_RETURN_IF_ERROR(quant::check_format(job.layer.format, job.layer.grid));
  std::error_code error;
  if (std::filesystem::equivalent(job.input, job.output, error)) {
    return invalid_argument("{}: input and output must be different folders", job.input.string());
  }
  GLMV_ASSIGN(const std::unique_ptr<Original> original, open_original(job.input));
  Json fingerprint = job.fingerprint;
  fingerprint["input_bytes"] = original->weights.total_bytes;
  GLMV_ASSIGN(
      const QuantizeFolder folder,
      QuantizeFolder::open(job.output, original->config.text.num_hidden_layers, fingerprint));
  GLMV_ASSIGN(QuantizeSummary summary, Run(job, *original, folder).all());
  summary.input_bytes = original->weights.total_bytes;
  return summary;
}

}  // namespace glmv::app
