#include "apps/glmv/quantize_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "glmv/base/files.h"
#include "glmv/checkpoint/weights.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/model/glm_vlm.h"
#include "glmv/quant/pack.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/ops.h"
#include "glmv/train/collator.h"
#include "glmv/train/micro_batch.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;
using model::DecoderLayer;

constexpr const char* kStateFile = "quantize.json";
constexpr const char* kReportKey = "glmv_quantize";  // in the metadata of a layer's shard

// What a layer says about itself, kept with it for a run that goes on from there.
std::string report_text(const QuantizedLayer& layer) {
  Json linears = Json::array();
  for (const LinearReport& linear : layer.report) {
    linears.push_back({linear.name, linear.error, linear.rounding_error});
  }
  return Json{{"linears", linears}, {"kept", layer.kept}}.dump();
}

Result<void> add_report(const std::string& text, QuantizeSummary& summary) {
  GLMV_ASSIGN(const Json report, parse_json(text, kReportKey));
  for (const Json& linear : report.at("linears")) {
    summary.linears.push_back({linear.at(0), linear.at(1), linear.at(2)});
  }
  for (const Json& name : report.at("kept")) summary.kept.push_back(name);
  return {};
}

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

class Run {
 public:
  Run(const QuantizeJob& job, const model::GlmVlm& model)
      : job_(job), model_(model), num_layers_(model.config().text.num_hidden_layers) {}

  Result<QuantizeSummary> all();

 private:
  bool calibrates() const { return job_.samples != nullptr && job_.layer.method != "rtn"; }
  Result<void> prepare_folder();
  Result<void> encode_samples(const processing::Processor& processor);
  Result<bool> do_layer(int64_t index);
  Result<void> write_rest();
  Result<void> finish();
  void compare();

  fs::path shard(int64_t number) const {
    return job_.output / fmt::format("model-{:05}-of-{:05}.safetensors", number + 1,
                                     num_layers_ + 1);
  }
  // All hidden states of a stream through one layer.
  std::vector<at::Tensor> through(const DecoderLayer& layer, const Stream& stream) const;
  Result<void> write_shard(int64_t number,
                           const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                           const std::map<std::string, std::string>& metadata = {});
  // The layer as it was written.
  Result<DecoderLayer> read_layer(int64_t index) const;
  bool progress(int64_t done, const std::string& what) const {
    return !job_.on_progress || job_.on_progress(done, num_layers_, what);
  }

  const QuantizeJob& job_;
  const model::GlmVlm& model_;
  int64_t num_layers_;
  Stream calibration_;    // through the quantised layers
  Stream eval_;           // likewise
  Stream eval_original_;  // through the original ones
  QuantizeSummary summary_;
};

Result<QuantizeSummary> Run::all() {
  const at::NoGradGuard no_grad;
  GLMV_RETURN_IF_ERROR(prepare_folder());
  if (job_.samples != nullptr) {
    GLMV_ASSIGN(const processing::Processor processor, processing::Processor::load(job_.input));
    GLMV_RETURN_IF_ERROR(encode_samples(processor));
  }
  for (int64_t i = 0; i < num_layers_; ++i) {
    GLMV_ASSIGN(const bool go_on, do_layer(i));
    if (!go_on) {
      summary_.stopped = true;
      return std::move(summary_);
    }
  }
  compare();
  GLMV_RETURN_IF_ERROR(write_rest());
  GLMV_RETURN_IF_ERROR(finish());
  return std::move(summary_);
}

Result<void> Run::prepare_folder() {
  std::error_code error;
  if (fs::equivalent(job_.input, job_.output, error)) {
    return invalid_argument("{}: input and output must be different folders", job_.input.string());
  }
  fs::create_directories(job_.output, error);
  if (error) return invalid_argument("cannot create {}: {}", job_.output.string(), error.message());
  const fs::path state = job_.output / kStateFile;
  if (fs::exists(state, error)) {
    GLMV_ASSIGN(const Json saved, read_json_file(state));
    if (saved != job_.fingerprint) {
      return invalid_argument("{} was begun with other options ({}); use the same, or another "
                              "folder", job_.output.string(), saved.dump());
    }
    return {};
  }
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json"}) {
    if (fs::exists(job_.output / name, error)) {
      return invalid_argument("{} holds a checkpoint already; give another folder",
                              job_.output.string());
    }
  }
  return write_file_atomic(state, job_.fingerprint.dump(2) + "\n");
}

Result<void> Run::encode_samples(const processing::Processor& processor) {
  GLMV_ASSIGN(const train::Collator collator, train::Collator::create(processor, {}));
  const int64_t wanted = std::min(job_.num_samples + job_.num_eval_samples, job_.samples->size());
  const int64_t num_eval = std::min(job_.num_eval_samples, wanted / 2);
  const int64_t num_calibration = wanted - num_eval;
  for (int64_t i = calibrates() ? 0 : num_calibration; i < wanted; ++i) {
    if (!progress(0, fmt::format("reading sample {} of {}", i + 1, wanted))) break;
    GLMV_ASSIGN(train::Sample sample, job_.samples->get(i));
    GLMV_ASSIGN(const train::EncodedSample encoded, collator.encode(std::move(sample)));
    if (static_cast<int64_t>(encoded.input.input_ids.size()) > job_.max_tokens) continue;
    const train::EncodedSample* one = &encoded;
    train::MicroBatch batch = train::make_micro_batch(std::span(&one, 1), model_.device());
    at::Tensor rows;
    if (batch.patches.defined()) rows = model_.encode_images(batch.patches, batch.grids, {});
    at::Tensor hidden = model_.embed(batch.input_ids_N, rows, batch.image_positions_M);
    batch.patches = at::Tensor();
    Stream& stream = i < num_calibration ? calibration_ : eval_;
    stream.batches.push_back(std::move(batch));
    stream.hidden.push_back(std::move(hidden));
  }
  if (calibrates() && calibration_.hidden.empty()) {
    return invalid_argument("no calibration sample has at most {} tokens; raise --max-tokens",
                            job_.max_tokens);
  }
  eval_original_ = eval_;
  return {};
}

std::vector<at::Tensor> Run::through(const DecoderLayer& layer, const Stream& stream) const {
  model::Decoder one;
  one.config = model_.config().text;
  one.layers = {layer};
  one.norm = model_.decoder().norm;
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < stream.hidden.size(); ++i) {
    const model::TextBatch batch{.hidden_ND = stream.hidden[i],
                                 .position_ids_3N = stream.batches[i].position_ids_3N,
                                 .sequences = stream.batches[i].sequences};
    at::Tensor after;
    one.forward(batch, [&](int64_t, const char*, const at::Tensor& x) { after = x; });
    out.push_back(after);
  }
  return out;
}

Result<void> Run::write_shard(int64_t number,
                              const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<checkpoint::TensorToWrite> rows;
  for (const auto& [name, tensor] : tensors) {
    rows.push_back({name, tensor::from_scalar_type(tensor.scalar_type()), tensor.sizes().vec(),
                    {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  return checkpoint::write_safetensors(shard(number), rows, metadata);
}

Result<DecoderLayer> Run::read_layer(int64_t index) const {
  GLMV_ASSIGN(checkpoint::SafetensorsFile file, checkpoint::open_safetensors(shard(index + 1)));
  checkpoint::Weights weights;
  weights.tensors = std::move(file.tensors);
  GLMV_ASSIGN(const checkpoint::QuantConfig config,
              checkpoint::parse_quant_config(
                  quant::quantization_config(job_.layer.format, job_.layer.grid, {})));
  tensor::WeightSource source(&weights, {.dtype = model_.dtype(), .quantization = config});
  return model::load_layer(source, model_.config().text, index);
}

Result<bool> Run::do_layer(int64_t index) {
  const DecoderLayer& layer = model_.decoder().layers[index];
  std::error_code error;
  if (fs::exists(shard(index + 1), error)) {
    ++summary_.num_resumed;
    GLMV_ASSIGN(const checkpoint::SafetensorsFile file,
                checkpoint::open_safetensors(shard(index + 1)));
    if (const auto it = file.metadata.find(kReportKey); it != file.metadata.end()) {
      GLMV_RETURN_IF_ERROR(add_report(it->second, summary_));
    }
  } else {
    if (!progress(index, "quantising")) return false;
    RunLayer run;
    if (calibrates()) {
      run = [this](const DecoderLayer& observed) { through(observed, calibration_); };
    }
    GLMV_ASSIGN(const QuantizedLayer done,
                quantize_layer(layer, run, calibration_.num_rows(), job_.layer));
    GLMV_RETURN_IF_ERROR(
        write_shard(index + 1, done.tensors, {{kReportKey, report_text(done)}}));
    summary_.linears.insert(summary_.linears.end(), done.report.begin(), done.report.end());
    summary_.kept.insert(summary_.kept.end(), done.kept.begin(), done.kept.end());
  }
  if (calibration_.hidden.empty() && eval_.hidden.empty()) return progress(index + 1, "");
  if (!progress(index, "running the samples")) return false;
  GLMV_ASSIGN(const DecoderLayer written, read_layer(index));
  if (index + 1 < num_layers_) calibration_.hidden = through(written, calibration_);
  eval_.hidden = through(written, eval_);
  eval_original_.hidden = through(layer, eval_original_);
  return progress(index + 1, "");
}

void Run::compare() {
  double kl = 0, loss = 0, original_loss = 0;
  int64_t num = 0;
  for (size_t i = 0; i < eval_.hidden.size(); ++i) {
    const train::MicroBatch& batch = eval_.batches[i];
    const auto log_probs = [&](const at::Tensor& hidden) {
      const at::Tensor rows = hidden.index_select(0, batch.rows_K);
      const at::Tensor normed = tensor::rms_norm(rows, model_.decoder().norm,
                                                 model_.config().text.rms_norm_eps);
      return model_.logits(normed).to(at::kFloat).log_softmax(-1);
    };
    const at::Tensor mine = log_probs(eval_.hidden[i]);
    const at::Tensor theirs = log_probs(eval_original_.hidden[i]);
    kl += (theirs.exp() * (theirs - mine)).sum().item<double>();
    const at::Tensor targets = batch.targets_K.unsqueeze(1);
    loss -= mine.gather(1, targets).sum().item<double>();
    original_loss -= theirs.gather(1, targets).sum().item<double>();
    num += batch.rows_K.size(0);
  }
  if (num == 0) return;
  const auto n = static_cast<double>(num);
  summary_.kl = kl / n;
  summary_.perplexity = std::exp(loss / n);
  summary_.original_perplexity = std::exp(original_loss / n);
}

Result<void> Run::write_rest() {
  std::error_code error;
  if (fs::exists(shard(0), error)) return {};
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const model::NamedParameter& parameter : model_.parameters()) {
    if (parameter.name.starts_with("model.language_model.layers.")) continue;
    tensors.emplace_back(parameter.name, parameter.tensor.contiguous());
  }
  return write_shard(0, tensors);
}

// Index, side files, config.json.
Result<void> Run::finish() {
  Json map = Json::object();
  int64_t bytes = 0;
  for (int64_t number = 0; number <= num_layers_; ++number) {
    GLMV_ASSIGN(const checkpoint::SafetensorsFile file, checkpoint::open_safetensors(shard(number)));
    for (const auto& [name, view] : file.tensors) {
      map[name] = shard(number).filename().string();
      bytes += static_cast<int64_t>(view.data.size());
    }
  }
  summary_.output_bytes = bytes;
  const Json index = {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
  GLMV_RETURN_IF_ERROR(write_file_atomic(job_.output / "model.safetensors.index.json",
                                         index.dump(2) + "\n"));
  GLMV_ASSIGN(Json config, read_json_file(job_.input / "config.json"));
  std::vector<std::string> kept = {"lm_head", "visual"};
  if (job_.layer.format == "compressed-tensors") kept[1] = "re:.*visual.*";
  if (model_.config().text.moe) {
    kept.push_back(job_.layer.format == "awq" ? "mlp.gate" : "re:.*mlp[.]gate$");
  }
  kept.insert(kept.end(), summary_.kept.begin(), summary_.kept.end());
  config["quantization_config"] =
      quant::quantization_config(job_.layer.format, job_.layer.grid, kept);
  GLMV_RETURN_IF_ERROR(checkpoint::copy_side_files(job_.input, job_.output));
  GLMV_RETURN_IF_ERROR(write_file_atomic(job_.output / "config.json", config.dump(2) + "\n"));
  return {};
}

}  // namespace

Result<QuantizeSummary> quantize_checkpoint(const QuantizeJob& job) {
  GLMV_RETURN_IF_ERROR(quant::check_format(job.layer.format, job.layer.grid));
  GLMV_ASSIGN(const checkpoint::ModelConfig config, checkpoint::read_model_config(job.input));
  if (!config.quantization.is_null()) {
    return invalid_argument("{} is quantised already; start from its BF16 checkpoint",
                            job.input.string());
  }
  GLMV_ASSIGN(const model::LoadedModel loaded, model::load_model(job.input.string()));
  const auto* vlm = dynamic_cast<const model::GlmVlm*>(loaded.model.get());
  if (vlm == nullptr) return unsupported("{}: this family cannot be quantised", job.input.string());
  Run run(job, *vlm);
  GLMV_ASSIGN(QuantizeSummary summary, run.all());
  summary.input_bytes = loaded.weight_bytes;
  return summary;
}

}  // namespace glmv::app
