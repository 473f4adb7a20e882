// The same seed and prompt give the same tokens, whatever else the engine does: a table of ways to
// run the tiny reference checkpoints against the plainest one.

#include <gtest/gtest.h>

#include "glmv/runtime/golden_cases_for_test.h"

namespace glmv::runtime {
namespace {

struct Way {
  std::string name;
  EngineOptions options;   // of what differs from the plain way
  bool twice = false;      // the second time: its prefix, or its pictures, are known
  int num_neighbours = 0;  // other requests at the same time
};

std::vector<Way> ways() {
  return {
      {.name = "chunks of 1", .options = {.prefill_chunk_tokens = 1}},
      {.name = "chunks of 32", .options = {.prefill_chunk_tokens = 32}},
      {.name = "chunks of 50", .options = {.prefill_chunk_tokens = 50}},
      {.name = "prefix found", .options = {.prefix_cache = true}, .twice = true},
      {.name = "pictures found", .options = {.encoder_cache_mb = 16}, .twice = true},
      {.name = "prefix found, odd chunks",
       .options = {.prefill_chunk_tokens = 50, .prefix_cache = true},
       .twice = true},
      {.name = "neighbours", .options = {.max_running_requests = 4}, .num_neighbours = 3},
      {.name = "neighbours, shortest steps",
       .options = {.max_step_ms = 1e-6, .max_running_requests = 4},
       .num_neighbours = 3},
      {.name = "neighbours, shared prefix",
       .options = {.max_running_requests = 4, .prefix_cache = true},
       .num_neighbours = 3},
      {.name = "preempted",
       .options = {.max_running_requests = 4, .kv_cache_tokens = 7 * 64},
       .num_neighbours = 3},
      {.name = "preempted, prefix found",
       .options = {.max_running_requests = 4, .kv_cache_tokens = 7 * 64, .prefix_cache = true},
       .num_neighbours = 3},
      {.name = "speculation", .options = {.draft_tokens = 4}},
      {.name = "speculation, neighbours",
       .options = {.max_running_requests = 4, .draft_tokens = 4},
       .num_neighbours = 1},
  };
}

EngineOptions plain(const std::string& model) {
  return {.model_dir = golden_dir(model),
          .device = tensor::test_device(),
          .num_threads = 1,
          .max_running_requests = 1,
          .prefix_cache = false,
          .encoder_cache_mb = 0};
}

Request sampled(const std::string& model, int64_t num_text, uint64_t seed) {
  Request request = long_request(model, num_text, 60);
  request.sampling = {.temperature = 0.8, .top_p = 0.95, .seed = seed};
  return request;
}

class Determinism : public testing::TestWithParam<std::string> {};

TEST_P(Determinism, TheSameTokensInEveryWay) {
  const std::string& model = GetParam();
  const auto reference = *Engine::load(plain(model), {});
  const Request request = sampled(model, 100, 11);
  Request greedy = request;
  greedy.sampling = {.temperature = 0};
  const auto want = tokens_of(*submit(*reference, request));
  const auto want_greedy = tokens_of(*submit(*reference, greedy));
  EXPECT_NE(want, want_greedy);
  for (const Way& way : ways()) {
    EngineOptions options = plain(model);
    options.prefill_chunk_tokens = way.options.prefill_chunk_tokens;
    options.max_step_ms = way.options.max_step_ms;
    options.max_running_requests = way.num_neighbours > 0 ? way.options.max_running_requests : 1;
    options.kv_cache_tokens = way.options.kv_cache_tokens;
    options.draft_tokens = way.options.draft_tokens;
    options.prefix_cache = way.name.find("prefix") != std::string::npos;
    options.encoder_cache_mb = way.name == "pictures found" ? 16 : 0;
    const auto engine = *Engine::load(options, {});
    if (way.twice) tokens_of(*submit(*engine, request));
    std::vector<std::unique_ptr<TokenStream>> others;
    for (int i = 0; i < way.num_neighbours; ++i) {
      Request other = sampled(model, 60 + 40 * i, 5 + i);
      if (way.options.kv_cache_tokens > 0) other.stop.max_new_tokens = 200;  // more than is spared
      others.push_back(submit(*engine, std::move(other)));
    }
    TokenEvent last;
    const auto stream = submit(*engine, request);
    const auto greedy_stream = submit(*engine, greedy);
    EXPECT_EQ(tokens_of(*stream, &last), want) << model << ": " << way.name;
    EXPECT_EQ(tokens_of(*greedy_stream), want_greedy) << model << ": " << way.name << ", greedy";
    for (const auto& other : others) tokens_of(*other);
    // The way was really taken.
    const EngineMetrics metrics = engine->metrics();
    EXPECT_EQ(metrics.num_preempted > 0, way.options.kv_cache_tokens > 0) << way.name;
    EXPECT_EQ(metrics.cached_tokens > 0, options.prefix_cache) << way.name;
    EXPECT_EQ(metrics.encoder_cache.hits > 0, way.name == "pictures found") << way.name;
    EXPECT_EQ(metrics.drafted_tokens > 0, way.options.draft_tokens > 0) << way.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Determinism, testing::ValuesIn(kModels));

}  // namespace
}  // namespace glmv::runtime
