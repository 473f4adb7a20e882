// The engine over the tiny reference checkpoints: the 12 greedy tokens that transformers recorded
// (tests/golden/models), in every chunk size, alone and together.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "glmv/runtime/golden_cases_for_test.h"

namespace glmv::runtime {
namespace {

using testing::HasSubstr;

TEST(GoldenEngine, GreedyTokensOfTheReferenceInEveryChunkSize) {
  for (const std::string& model : kModels) {
    for (int64_t chunk : {1, 7, 512}) {
      const auto engine = load(model, chunk);
      for (const std::string& name : kCases) {
        const GoldenCase golden = read_case(model, name);
        TokenEvent last;
        EXPECT_EQ(tokens_of(*submit(*engine, golden.request), &last), golden.greedy)
            << model << " " << name << " chunk " << chunk;
        EXPECT_EQ(last.finish, FinishReason::kLength);
      }
    }
  }
}

TEST(GoldenEngine, SpeculationGivesTheSameTokens) {
  for (const std::string& model : kModels) {
    const auto engine = load(model, 512, 8, 4);
    for (const std::string& name : kCases) {
      const GoldenCase golden = read_case(model, name);
      EXPECT_EQ(tokens_of(*submit(*engine, golden.request)), golden.greedy) << model << " " << name;
    }
    // A long answer of a small random model goes round in circles.
    Request request = read_case(model, "text").request;
    request.stop.max_new_tokens = 60;
    const auto plain = load(model);
    const auto want = tokens_of(*submit(*plain, request));
    EXPECT_EQ(tokens_of(*submit(*engine, request)), want) << model;
    const EngineMetrics metrics = engine->metrics();
    EXPECT_GT(metrics.drafted_tokens, 0) << model;
    EXPECT_LE(metrics.accepted_tokens, metrics.drafted_tokens) << model;
  }
}

TEST(GoldenEngine, TogetherEqualsOneByOne) {
  for (const std::string& model : kModels) {
    const auto engine = load(model, 7, 6);
    std::vector<GoldenCase> goldens;
    std::vector<std::unique_ptr<TokenStream>> streams;
    for (int round = 0; round < 3; ++round) {
      for (const std::string& name : kCases) goldens.push_back(read_case(model, name));
    }
    for (const GoldenCase& golden : goldens) streams.push_back(submit(*engine, golden.request));
    for (size_t i = 0; i < streams.size(); ++i) {
      EXPECT_EQ(tokens_of(*streams[i]), goldens[i].greedy) << model << " request " << i;
    }
  }
}

TEST(GoldenEngine, TwoEnginesInOneProcess) {
  const auto a = load("glm4v");
  const auto b = load("glm_ocr");
  const GoldenCase golden_a = read_case("glm4v", "2img");
  const GoldenCase golden_b = read_case("glm_ocr", "2img");
  auto stream_a = submit(*a, golden_a.request);
  auto stream_b = submit(*b, golden_b.request);
  EXPECT_EQ(tokens_of(*stream_a), golden_a.greedy);
  EXPECT_EQ(tokens_of(*stream_b), golden_b.greedy);
}

TEST(GoldenEngine, CancelMidwayLeavesOthersAlone) {
  const auto engine = load("glm4v", 7);
  GoldenCase longer = read_case("glm4v", "2img");
  longer.request.stop.max_new_tokens = -1;
  auto cancelled = submit(*engine, longer.request);
  const GoldenCase golden = read_case("glm4v", "video");
  auto other = submit(*engine, golden.request);
  for (int i = 0; i < 3;) i += cancelled->next().token_id.has_value();
  engine->cancel(cancelled->id());
  TokenEvent last;
  tokens_of(*cancelled, &last);
  EXPECT_EQ(last.finish, FinishReason::kCancelled);
  EXPECT_EQ(tokens_of(*other), golden.greedy);
}

TEST(GoldenEngine, GoesOnToTheContextLimitAndRefusesLongerPrompts) {
  auto engine = *Engine::load({.model_dir = golden_dir("glm4v"), .max_context_tokens = 40}, {});
  GoldenCase golden = read_case("glm4v", "2img");
  golden.request.stop.max_new_tokens = -1;
  TokenEvent last;
  EXPECT_EQ(tokens_of(*submit(*engine, golden.request), &last),
            std::vector<int32_t>(golden.greedy.begin(), golden.greedy.begin() + 4));
  EXPECT_EQ(last.finish, FinishReason::kLength);
  EXPECT_EQ(last.usage.image_tokens, 22);

  engine = *Engine::load({.model_dir = golden_dir("glm4v"), .max_context_tokens = 36}, {});
  const auto refused = engine->submit(golden.request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("36 tokens (22 of them from pictures)"));
  EXPECT_THAT(refused.error().message, HasSubstr("--max-pixels"));
}

TEST(GoldenEngine, EosComesFromTheCheckpoint) {
  const auto engine = load("glm4v");
  GoldenCase golden = read_case("glm4v", "text");
  golden.request.stop.ignore_eos = false;
  golden.request.sampling.logit_bias = {{301, 1000.0}};
  TokenEvent last;
  EXPECT_TRUE(tokens_of(*submit(*engine, golden.request), &last).empty());
  EXPECT_EQ(last.stop_token_id, 301);
}

TEST(GoldenEngine, LogprobsAreThoseOfTheModel) {
  const auto engine = load("glm4v");
  GoldenCase golden = read_case("glm4v", "text");
  golden.request.sampling.num_logprobs = 2;
  const auto stream = submit(*engine, golden.request);
  const auto file = *checkpoint::open_safetensors(golden_dir("glm4v") / "text.safetensors");
  if (!file.tensors.contains("logits")) FAIL() << "the golden has no logits";
  const at::Tensor logits =
      tensor::as_tensor(file.tensors.at("logits")).reshape({-1, 320}).select(0, -1);
  const at::Tensor expected = at::log_softmax(logits, 0);
  while (true) {
    const TokenEvent event = stream->next();
    if (!event.token_id) continue;
    ASSERT_EQ(event.logprobs.size(), 3u);
    EXPECT_EQ(event.logprobs[0].token_id, golden.greedy[0]);
    for (const TokenLogprob& entry : event.logprobs) {
      EXPECT_NEAR(entry.logprob, expected[entry.token_id].item<float>(), 1e-4);
    }
    break;
  }
}

TEST(GoldenEngine, ACachedPrefixGivesTheSameTokensAndEncodesNoPicture) {
  for (const std::string& model : kModels) {
    const auto engine = load(model);
    const auto uncached = *Engine::load({.model_dir = golden_dir(model),
                                         .device = tensor::test_device(),
                                         .num_threads = 1,
                                         .prefix_cache = false},
                                        {});
    const Request request = long_request(model, 150, 40);
    const auto num_prompt = static_cast<int64_t>(request.input.input_ids.size());
    const auto want = tokens_of(*submit(*uncached, request));
    TokenEvent last;
    EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want) << model;
    EXPECT_EQ(last.usage.cached_tokens, 0);
    EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want) << model;
    EXPECT_EQ(last.usage.cached_tokens, (num_prompt - 1) / 64 * 64);
    EXPECT_EQ(last.timings.vision_ms, 0);

    // The next turn: what was generated is known as well.
    Request turn = request;
    turn.input.append_text(want);
    turn.input.append_text(std::vector<int32_t>{5, 6, 7});
    const auto answer = tokens_of(*submit(*engine, turn), &last);
    EXPECT_EQ(answer, tokens_of(*submit(*uncached, turn))) << model;
    EXPECT_EQ(last.usage.cached_tokens, (num_prompt + 39) / 64 * 64);

    // Another picture under the same ids.
    Request other = request;
    for (float& value : other.input.media[0].patches) value = -value;
    const auto different = tokens_of(*submit(*engine, other), &last);
    EXPECT_EQ(last.usage.cached_tokens, 0);
    EXPECT_GT(last.timings.vision_ms, 0);
    EXPECT_EQ(different, tokens_of(*submit(*uncached, other), &last)) << model;
    EXPECT_EQ(last.usage.cached_tokens, 0);
    EXPECT_EQ(uncached->metrics().cache.cached_blocks, 0);
    EXPECT_GT(engine->metrics().cache.cached_blocks, 0);
    EXPECT_EQ(engine->metrics().cache.used_blocks, 0);
  }
}

// Five blocks for requests that grow to three each: most are put back on the way.
TEST(GoldenEngine, PreemptedRequestsEndAsTheyWouldAlone) {
  for (const bool prefix_cache : {false, true}) {
    for (const std::string& model : kModels) {
      auto loaded =
          model::load_model(golden_dir(model).string(), {.device = tensor::test_device()});
      ASSERT_TRUE(loaded) << loaded.error().message;
      const auto engine = *make_engine(std::shared_ptr<const model::Vlm>(std::move(loaded->model)),
                                       EngineSetup{.options = {.num_threads = 1,
                                                               .prefill_chunk_tokens = 32,
                                                               .kv_cache_tokens = 5 * 64,
                                                               .prefix_cache = prefix_cache},
                                                   .check_integrity = true});
      const auto roomy = load(model, 32);
      std::vector<std::unique_ptr<TokenStream>> streams;
      for (int i = 0; i < 4; ++i) {
        streams.push_back(submit(*engine, long_request(model, 20 + 13 * i, 100)));
      }
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(tokens_of(*streams[i]),
                  tokens_of(*submit(*roomy, long_request(model, 20 + 13 * i, 100))))
            << model << " request " << i;
      }
      EXPECT_GT(engine->metrics().num_preempted, 0) << model;
      EXPECT_EQ(engine->metrics().cache.max_blocks, 5);
      EXPECT_EQ(engine->metrics().cache.used_blocks, 0);
    }
  }
}

TEST(MakeEngine, SharesALoadedModel) {
  auto loaded = model::load_model(golden_dir("glm_ocr").string());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::shared_ptr<const model::Vlm> shared = std::move(loaded->model);
  const GoldenCase golden = read_case("glm_ocr", "2img");
  const auto a = *make_engine(shared, EngineSetup{});
  const auto b = *make_engine(shared, EngineSetup{});
  auto stream_a = submit(*a, golden.request);
  auto stream_b = submit(*b, golden.request);
  EXPECT_EQ(tokens_of(*stream_a), golden.greedy);
  EXPECT_EQ(tokens_of(*stream_b), golden.greedy);
}

TEST(EngineLoad, ErrorsNameWhatIsWrong) {
  const auto missing = Engine::load({.model_dir = "/nonexistent/model"}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/model"));
  const auto too_long =
      Engine::load({.model_dir = golden_dir("glm4v"), .max_context_tokens = 1 << 20}, {});
  ASSERT_FALSE(too_long);
  EXPECT_THAT(too_long.error().message, HasSubstr("2048"));
}

// A config of a size that no machine has is refused before any weight is touched.
TEST(EngineLoad, RefusesAModelThatCannotFit) {
  const fs::path dir = fs::path(testing::TempDir()) / "glmv_huge_model";
  fs::create_directories(dir);
  Json config = (*checkpoint::read_model_config(golden_dir("glm4v"))).raw;
  config["text_config"]["num_hidden_layers"] = 1000;
  config["text_config"]["intermediate_size"] = 1 << 20;
  std::ofstream(dir / "config.json") << config.dump();
  const auto result = Engine::load({.model_dir = dir, .load_format = "dummy"}, {});
  fs::remove_all(dir);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kResourceExhausted) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr("GiB of memory"));
}

}  // namespace
}  // namespace glmv::runtime
