// Speculation by a checkpoint's MTP layer: the same tokens as without, right guesses taken,
// whatever chunks, prefixes, preemptions and neighbours do to its keys and values.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "glmv/checkpoint/writer.h"
#include "glmv/runtime/golden_cases_for_test.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::runtime {
namespace {

class MtpEngine : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / fmt::format("glmv_mtp_engine_{}", ::getpid());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  // The golden glm_ocr with an MTP layer. `simple`: attention and MLPs add nothing, so a token
  // follows from the one before it alone, and the MTP layer knows which; else it guesses at random.
  void write_model(bool simple) const {
    const fs::path from = golden_dir("glm_ocr");
    ASSERT_TRUE(checkpoint::copy_side_files(from, dir_));
    const auto file = *checkpoint::open_safetensors(from / "model.safetensors");
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, view] : file.tensors) {
      at::Tensor tensor = tensor::as_tensor(view).clone();
      const bool adds =
          name.ends_with("self_attn.o_proj.weight") || name.ends_with("mlp.down_proj.weight");
      if (simple && adds && name.find("language_model") != name.npos) tensor.zero_();
      tensors[name] = tensor;
    }
    const std::string layers = "model.language_model.layers.";
    for (const auto& [name, tensor] : std::map(tensors)) {
      if (!name.starts_with(layers + "2.")) continue;
      tensors[layers + "3." + name.substr(layers.size() + 2)] = tensor;
    }
    const at::Tensor norm = tensors.at("model.language_model.norm.weight");
    const int64_t d = norm.size(0);
    tensors[layers + "3.enorm.weight"] = at::ones({d});
    tensors[layers + "3.hnorm.weight"] = at::ones({d});
    tensors[layers + "3.eh_proj.weight"] =
        simple ? at::cat({at::eye(d), at::zeros({d, d})}, 1).contiguous()
               : at::cos(at::arange(2 * d * d)).view({d, 2 * d});
    tensors[layers + "3.shared_head.norm.weight"] = norm;
    tensors[layers + "3.shared_head.head.weight"] = tensors.at("lm_head.weight");
    std::vector<checkpoint::TensorToWrite> list;
    for (auto& [name, tensor] : tensors) {
      tensor = tensor.to(at::kFloat).contiguous();
      list.push_back({name,
                      checkpoint::DType::kF32,
                      tensor.sizes().vec(),
                      {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    ASSERT_TRUE(checkpoint::write_weights(dir_, list));
  }

  std::unique_ptr<Engine> open(EngineOptions options) const {
    options.model_dir = dir_;
    options.device = tensor::test_device();
    options.num_threads = 1;
    auto engine = Engine::load(options, {});
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }

  fs::path dir_;
};

// Prompts that repeat nothing, so that only the layer guesses at first.
Request request_of(const std::string& name, int64_t max_new_tokens) {
  Request request = read_case("glm_ocr", name).request;
  request.stop.max_new_tokens = max_new_tokens;
  return request;
}

TEST_F(MtpEngine, TheSameTokensAsWithoutInEveryWay) {
  for (const bool simple : {true, false}) {
    write_model(simple);
    for (const std::string& name : kCases) {
      const Request request = request_of(name, 90);
      const auto want = tokens_of(*submit(*open({.draft_tokens = 0}), request));
      for (const int64_t chunk : {512, 7}) {
        for (const int64_t drafts : {1, 3}) {
          const auto engine = open({.prefill_chunk_tokens = chunk, .draft_tokens = drafts});
          for (int again = 0; again < 2; ++again) {  // then behind its own prefix
            EXPECT_EQ(tokens_of(*submit(*engine, request)), want)
                << name << " chunk " << chunk << " drafts " << drafts << " again " << again;
          }
          EXPECT_GT(engine->metrics().drafted_tokens, 0);
        }
      }
    }
  }
}

TEST_F(MtpEngine, RightGuessesAreTaken) {
  write_model(true);
  const auto engine = open({.draft_tokens = 3});
  // Few tokens: look-ups have nothing to go by yet.
  tokens_of(*submit(*engine, request_of("text", 24)));
  const EngineMetrics metrics = engine->metrics();
  EXPECT_GE(metrics.accepted_tokens, 12);
  EXPECT_GE(metrics.accepted_tokens * 10, metrics.drafted_tokens * 6);
  EXPECT_LT(metrics.num_steps, 20);
}

TEST_F(MtpEngine, NeighboursAndFullCachesChangeNothing) {
  write_model(false);
  const Request request = request_of("text", 150);
  const auto want = tokens_of(*submit(*open({.draft_tokens = 0}), request));
  const auto num_prompt = static_cast<int64_t>(request.input.input_ids.size());
  const int64_t blocks = (num_prompt + 150 + 63) / 64;
  // Room for hardly more than one: the second is put back again and again, and alone at the end.
  const auto engine = open({.kv_cache_tokens = (blocks + 2) * 64, .draft_tokens = 3});
  const auto first = submit(*engine, request), second = submit(*engine, request);
  EXPECT_EQ(tokens_of(*first), want);
  EXPECT_EQ(tokens_of(*second), want);
}

TEST_F(MtpEngine, PrefixesInFilesServeTheLayerToo) {
  write_model(true);
  const Request request = long_request("glm_ocr", 150, 100);
  const auto want = tokens_of(*submit(*open({.draft_tokens = 0}), request));
  for (int run = 0; run < 2; ++run) {
    const auto engine = open({.draft_tokens = 3, .prefix_cache_dir = dir_ / "prefixes"});
    TokenEvent last;
    EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want) << run;
    EXPECT_EQ(last.usage.cached_tokens > 0, run == 1);
    EXPECT_GT(engine->metrics().accepted_tokens, 0);
  }
  // Without the layer, blocks are others.
  const auto engine = open({.draft_tokens = 0, .prefix_cache_dir = dir_ / "prefixes"});
  TokenEvent last;
  EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want);
  EXPECT_EQ(last.usage.cached_tokens, 0);
}

}  // namespace
}  // namespace glmv::runtime
