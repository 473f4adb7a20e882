// glmv_vision_error MODEL_DIR DTYPE [EVAL_JSONL [LIMIT]]: what --quant-vision int8 changes, beside
// the same model without it. With a file of `glmv synth`: relative error of the tower's rows, KL
// divergence and agreement of the logits along the model's own greedy answers. Without: random
// weights of the config's shapes and random patches of 448 x 448 and 1008 x 1008, rows only.

#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "glmv/base/json.h"
#include "glmv/model/vlm.h"
#include "glmv/processing/processor.h"
#include "glmv/text/messages.h"

namespace {

using glmv::model::Vlm;
using glmv::processing::ModelInput;

constexpr int kMaxAnswer = 64;

template <class T>
at::Tensor longs(const std::vector<T>& values) {
  return at::tensor(at::ArrayRef<T>(values), at::kLong);
}

double relative_error(const at::Tensor& got, const at::Tensor& want) {
  const at::Tensor a = got.to(at::kDouble), b = want.to(at::kDouble);
  return ((a - b).norm() / b.norm()).item<double>();
}

struct Sums {
  double error = 0, worst_error = 0, kl = 0, worst_kl = 0;
  int64_t pictures = 0, tokens = 0, same = 0;
};

// Logits of the tokens [first, end) of the input, fp64.
at::Tensor logits_of(const Vlm& model, const ModelInput& input, const at::Tensor& rows,
                     int64_t first) {
  const at::Tensor positions = at::stack(
      {longs(input.position_ids[0]), longs(input.position_ids[1]), longs(input.position_ids[2])});
  const at::Tensor hidden =
      model.embed(longs(input.input_ids), rows, at::nonzero(longs(input.mm_token_types)).flatten());
  const at::Tensor out = model.forward_text({hidden, positions, {{hidden.size(0), nullptr}}});
  return model.logits(out.narrow(0, first, out.size(0) - first)).to(at::kDouble);
}

void compare(const Vlm& exact, const Vlm& rounded, ModelInput input, Sums& sums) {
  glmv::processing::Medium& medium = input.media.at(0);
  const at::Tensor patches =
      at::from_blob(medium.patches.data(),
                    {medium.grid.num_patches(), exact.config().vision.patch_dim()}, at::kFloat);
  const at::Tensor want = exact.encode_images(patches, {&medium.grid, 1});
  const at::Tensor got = rounded.encode_images(patches, {&medium.grid, 1});
  const double error = relative_error(got, want);
  sums.error += error;
  sums.worst_error = std::max(sums.worst_error, error);
  ++sums.pictures;

  const auto first = static_cast<int64_t>(input.input_ids.size()) - 1;
  const auto& stops = exact.config().eos_token_ids;
  for (int i = 0; i < kMaxAnswer; ++i) {
    const auto last = static_cast<int64_t>(input.input_ids.size()) - 1;
    const int64_t id = logits_of(exact, input, want, last).argmax().item<int64_t>();
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) break;
    const auto next = static_cast<int32_t>(id);
    input.append_text({&next, 1});
  }
  const at::Tensor p = logits_of(exact, input, want, first).log_softmax(-1);
  const at::Tensor q = logits_of(rounded, input, got, first).log_softmax(-1);
  const at::Tensor kl = (p.exp() * (p - q)).sum(-1);
  sums.kl += kl.sum().item<double>();
  sums.worst_kl = std::max(sums.worst_kl, kl.max().item<double>());
  sums.tokens += kl.numel();
  sums.same += (p.argmax(-1) == q.argmax(-1)).sum().item<int64_t>();
}

glmv::Result<int> on_questions(const std::string& dir, const Vlm& exact, const Vlm& rounded,
                               const std::filesystem::path& file, int limit) {
  GLMV_ASSIGN(const auto processor, glmv::processing::Processor::load(dir));
  std::ifstream in(file);
  Sums sums;
  std::string line;
  while (sums.pictures < limit && std::getline(in, line)) {
    GLMV_ASSIGN(const glmv::Json item, glmv::parse_json(line, file.string()));
    glmv::text::Message user = glmv::text::Message::user("");
    user.content = {
        {.kind = glmv::text::PartKind::kImage,
         .source = (file.parent_path() / item.at("image").get<std::string>()).string()},
        {.kind = glmv::text::PartKind::kText, .text = item.at("question").get<std::string>()}};
    user.content_is_string = false;
    GLMV_ASSIGN(ModelInput input, processor.process({&user, 1}, {}));
    compare(exact, rounded, std::move(input), sums);
  }
  if (sums.pictures == 0) return glmv::invalid_argument("{} has no questions", file.string());
  const double n = static_cast<double>(sums.pictures), t = static_cast<double>(sums.tokens);
  std::printf(
      "%d pictures: relative error of the rows %.4f (worst %.4f); %d tokens: KL %.3g (worst "
      "%.3g), the same best token %.2f %%\n",
      static_cast<int>(sums.pictures), sums.error / n, sums.worst_error,
      static_cast<int>(sums.tokens), sums.kl / t, sums.worst_kl,
      100.0 * static_cast<double>(sums.same) / t);
  return 0;
}

int on_random(const Vlm& exact, const Vlm& rounded) {
  for (const int64_t side : {32, 72}) {
    const glmv::Grid grid{1, side, side};
    const at::Tensor patches =
        at::rand({grid.num_patches(), exact.config().vision.patch_dim()}) * 4 - 2;
    const at::Tensor want = exact.encode_images(patches, {&grid, 1});
    const at::Tensor got = rounded.encode_images(patches, {&grid, 1});
    std::printf("random weights, %d x %d patches: relative error of the rows %.4f\n",
                static_cast<int>(side), static_cast<int>(side), relative_error(got, want));
  }
  return 0;
}

glmv::Result<int> run(int argc, char** argv) {
  const c10::InferenceMode no_grad;
  const std::string dir = argv[1];
  const bool random = argc == 3;
  glmv::model::LoadOptions options{.dtype = argv[2], .load_format = random ? "dummy" : "auto"};
  GLMV_ASSIGN(const auto exact, glmv::model::load_model(dir, options));
  options.quantize_vision_bits = 8;
  GLMV_ASSIGN(const auto rounded, glmv::model::load_model(dir, options));
  if (random) return on_random(*exact.model, *rounded.model);
  return on_questions(dir, *exact.model, *rounded.model, argv[3],
                      argc > 4 ? std::atoi(argv[4]) : 1 << 30);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: glmv_vision_error MODEL_DIR DTYPE [EVAL_JSONL [LIMIT]]\n");
    return 2;
  }
  const auto done = run(argc, argv);
  if (!done) std::cerr << done.error().message << "\n";
  return done ? *done : 1;
}
