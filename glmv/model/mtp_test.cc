// The layer that predicts one token more, against the same in fp64 over the whole sequence; by any
// chunks; from a checkpoint with tensors of its own and with those of the model.

#include "glmv/model/text/mtp.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"
#include "glmv/tensor/ops.h"

namespace glmv::model {
namespace {

namespace fs = std::filesystem;

// A folder with a tiny config that says so many MTP layers.
class MtpTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           fmt::format("glmv_mtp_{}_{}", GetParam(), static_cast<int>(::getpid()));
    fs::create_directories(dir_);
    Json config = *read_json_file(golden_dir(GetParam()) + "/config.json");
    config["text_config"]["num_nextn_predict_layers"] = 1;
    ASSERT_TRUE(write_file_atomic(dir_ / "config.json", config.dump()));
  }
  void TearDown() override { fs::remove_all(dir_); }

  LoadedModel load(bool mtp) const {
    auto loaded =
        load_model(dir_.string(), {.dtype = "float32", .load_format = "dummy", .mtp = mtp});
    EXPECT_TRUE(loaded) << loaded.error().message;
    return std::move(*loaded);
  }

  fs::path dir_;
};

at::Tensor norm64(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return x * (x.square().mean(-1, true) + eps).rsqrt() * weight.to(at::kDouble);
}

at::Tensor linear64(const quant::Linear& linear, const at::Tensor& x) {
  std::optional<at::Tensor> weight, bias;
  for (const auto& [name, tensor] : linear.method().tensors()) {
    (name == "bias" ? bias : weight) = tensor.to(at::kDouble);
  }
  return at::linear(x, *weight, bias);
}

at::Tensor mlp64(const Mlp& mlp, const at::Tensor& x) {
  at::Tensor gate, up;
  if (mlp.gate_up_proj) {
    const auto both = linear64(*mlp.gate_up_proj, x).chunk(2, -1);
    gate = both[0], up = both[1];
  } else {
    gate = linear64(mlp.gate_proj, x), up = linear64(mlp.up_proj, x);
  }
  return linear64(mlp.down_proj, at::silu(gate) * up);
}

at::Tensor rope64(const at::Tensor& x_NHE, const at::Tensor& positions_N,
                  const checkpoint::RopeConfig& rope, int64_t head_dim) {
  const RopeTable table =
      text_rope(rope, positions_N.expand({3, positions_N.size(0)}).contiguous(), at::kFloat);
  return tensor::apply_rope(x_NHE.to(at::kFloat), table.cos, table.sin, rope.interleaved)
      .to(at::kDouble)
      .narrow(-1, 0, head_dim);
}

// h' of all tokens, each of which attends to those before it.
at::Tensor reference(const MtpLayer& mtp, const at::Tensor& ids, const at::Tensor& previous) {
  const checkpoint::TextConfig& c = mtp.config;
  const double eps = c.rms_norm_eps;
  const int64_t n = ids.size(0), g = c.num_key_value_heads, h = c.num_attention_heads;
  const at::Tensor e = at::embedding(mtp.embed_tokens, ids).to(at::kDouble);
  at::Tensor x = linear64(
      mtp.eh_proj,
      at::cat({norm64(e, mtp.enorm, eps), norm64(previous.to(at::kDouble), mtp.hnorm, eps)}, -1));
  const DecoderLayer& layer = mtp.layer;
  const at::Tensor y = norm64(x, layer.input_layernorm, eps);
  const at::Tensor positions = at::arange(n);
  const auto heads = [&](const quant::Linear& l, int64_t count) {
    return linear64(l, y).view({n, count, c.head_dim});
  };
  const at::Tensor q = rope64(heads(layer.self_attn.q_proj, h), positions, c.rope, c.head_dim);
  const at::Tensor k = rope64(heads(layer.self_attn.k_proj, g), positions, c.rope, c.head_dim)
                           .repeat_interleave(h / g, 1);
  const at::Tensor v = heads(layer.self_attn.v_proj, g).repeat_interleave(h / g, 1);
  at::Tensor scores = at::einsum("nhe,mhe->hnm", {q, k}) / std::sqrt(double(c.head_dim));
  scores = scores.masked_fill(at::ones({n, n}, at::kBool).triu(1), -1e300).softmax(-1);
  at::Tensor out = at::einsum("hnm,mhe->nhe", {scores, v}).reshape({n, -1});
  out = linear64(layer.self_attn.o_proj, out);
  if (layer.post_self_attn_layernorm.defined()) {
    out = norm64(out, layer.post_self_attn_layernorm, eps);
  }
  x = x + out;
  const at::Tensor z = norm64(x, layer.post_attention_layernorm, eps);
  if (const auto* moe = std::get_if<Moe>(&layer.mlp)) {
    const Routing routing = route(moe->config, z.to(at::kFloat), moe->gate, moe->correction_bias);
    out = mlp64(moe->shared_experts, z);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < routing.indices.size(1); ++j) {
        const auto expert = static_cast<size_t>(routing.indices[i][j].item<int64_t>());
        out[i] += mlp64(moe->experts[expert], z[i]) * routing.weights[i][j].item<double>();
      }
    }
  } else {
    out = mlp64(std::get<Mlp>(layer.mlp), z);
  }
  if (layer.post_mlp_layernorm.defined()) out = norm64(out, layer.post_mlp_layernorm, eps);
  return norm64(x + out, mtp.norm, eps);
}

TEST_P(MtpTest, EqualsTheWholeSequenceInDoublesByAnyChunks) {
  const c10::InferenceMode no_grad;
  const LoadedModel loaded = load(true);
  const MtpLayer* mtp = loaded.model->mtp();
  ASSERT_NE(mtp, nullptr);
  const checkpoint::TextConfig layers = cached_layers(mtp->config, mtp);
  const int64_t n = 150, d = layers.hidden_size;
  const at::Tensor ids = at::arange(n) * 7 % 290;
  const at::Tensor previous =
      at::cat({at::zeros({1, d}), at::sin(at::arange((n - 1) * d)).view({n - 1, d})});
  const at::Tensor want = reference(*mtp, ids, previous);
  for (const int64_t chunk : {n, int64_t{64}, int64_t{7}, int64_t{1}}) {
    KvCache cache(std::make_shared<KvPool>(layers, at::kFloat, at::kCPU, 1024));
    ASSERT_TRUE(cache.reserve(n));
    std::vector<at::Tensor> rows;
    for (int64_t i = 0; i < n; i += chunk) {
      const int64_t count = std::min(chunk, n - i);
      const auto feed = [&](const at::Tensor& some_ids) {
        return mtp->forward(mtp->embed(some_ids), previous.narrow(0, i, count),
                            at::arange(i, i + count).expand({3, count}).contiguous(), cache, i);
      };
      feed(at::zeros({count}, at::kLong));  // wrong guesses, which the next line writes over
      rows.push_back(feed(ids.narrow(0, i, count)));
    }
    const at::Tensor got = at::cat(rows).to(at::kDouble);
    EXPECT_LT((got - want).abs().max().item<double>(), 2e-5) << "chunks of " << chunk;
    EXPECT_EQ(cache.length(), 0);
  }
  EXPECT_EQ(mtp->logits(want.to(at::kFloat)).size(1), layers.vocab_size);
}

TEST_P(MtpTest, IsThereWhereAskedFor) {
  const LoadedModel without = load(false), with = load(true);
  EXPECT_EQ(without.model->mtp(), nullptr);
  EXPECT_GT(with.weight_bytes, without.weight_bytes);
  // Without tensors of their own, embedding and head are the model's.
  for (const NamedParameter& parameter : with.model->parameters()) {
    if (parameter.name != "model.language_model.embed_tokens.weight") continue;
    EXPECT_EQ(parameter.tensor.data_ptr(), with.model->mtp()->embed_tokens.data_ptr());
  }
}

INSTANTIATE_TEST_SUITE_P(Families, MtpTest, testing::Values("glm_ocr", "glm4v_moe", "glm4v"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace glmv::model
