// Encoded pictures that outlive their keys and values, on the tiny reference checkpoints.

#include <gtest/gtest.h>

#include "glmv/runtime/golden_cases_for_test.h"

namespace glmv::runtime {
namespace {

std::unique_ptr<Engine> engine_with(bool prefix_cache, int64_t encoder_cache_mb) {
  return *Engine::load({.model_dir = golden_dir("glm4v"),
                        .device = tensor::test_device(),
                        .num_threads = 1,
                        .prefix_cache = prefix_cache,
                        .encoder_cache_mb = encoder_cache_mb},
                       {});
}

TEST(EncoderCache, TheSamePictureIsEncodedOnce) {
  const auto engine = engine_with(false, 16);
  const Request request = long_request("glm4v", 30, 12);
  ASSERT_EQ(request.input.media.size(), 2u);
  TokenEvent last;
  const auto want = tokens_of(*submit(*engine, request), &last);
  EXPECT_GT(last.timings.vision_ms, 0);
  const int64_t encoded = engine->metrics().encoded_patches;
  EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want);
  EXPECT_EQ(last.usage.cached_tokens, 0);  // nothing of it was in the prefix cache
  EXPECT_EQ(last.timings.vision_ms, 0);
  // The pictures in another prompt, in the other order.
  Request turned = long_request("glm4v", 40, 12);
  if (turned.input.media[0].grid == turned.input.media[1].grid) {
    std::swap(turned.input.media[0], turned.input.media[1]);
  }
  tokens_of(*submit(*engine, turned));
  const EngineMetrics metrics = engine->metrics();
  EXPECT_EQ(metrics.encoded_patches, encoded);
  EXPECT_EQ(metrics.encoder_cache.queries, 6);
  EXPECT_EQ(metrics.encoder_cache.hits, 4);
  EXPECT_GT(metrics.encoder_cache.bytes, 0);
}

TEST(EncoderCache, AnotherPictureOrAnotherTenantFindsNothing) {
  const auto engine = engine_with(true, 16);
  Request request = long_request("glm4v", 30, 4);
  TokenEvent last;
  tokens_of(*submit(*engine, request));
  request.cache_salt = "another";
  tokens_of(*submit(*engine, request), &last);
  EXPECT_GT(last.timings.vision_ms, 0);
  EXPECT_EQ(last.usage.cached_tokens, 0);
  tokens_of(*submit(*engine, request), &last);
  EXPECT_EQ(last.timings.vision_ms, 0);
  request.input.media[1].patches[7] += 0.5f;
  tokens_of(*submit(*engine, request), &last);
  EXPECT_GT(last.timings.vision_ms, 0);
  EXPECT_EQ(engine->metrics().encoder_cache.hits, 1);  // the first picture, as before
}

TEST(EncoderCache, ProgressCountsWhatWasFound) {
  const auto engine = engine_with(false, 16);
  Request request = long_request("glm4v", 30, 4);
  tokens_of(*submit(*engine, request));
  const int64_t first = request.input.media[0].grid.num_patches();
  request.input.media[1].patches[7] += 0.5f;
  const auto stream = submit(*engine, request);
  bool seen = false;
  for (TokenEvent e = stream->next(); e.finish == FinishReason::kNone; e = stream->next()) {
    if (!e.progress || e.progress->phase != Phase::kEncodingMedia) continue;
    EXPECT_EQ(e.progress->cached, first);
    EXPECT_GE(e.progress->done, first);
    seen = true;
  }
  EXPECT_TRUE(seen);
  EXPECT_GT(engine->metrics().encoder_seconds, 0);
}

TEST(EncoderCache, CanBeTurnedOff) {
  const auto engine = engine_with(false, 0);
  const Request request = long_request("glm4v", 30, 4);
  TokenEvent last;
  tokens_of(*submit(*engine, request));
  tokens_of(*submit(*engine, request), &last);
  EXPECT_GT(last.timings.vision_ms, 0);
  EXPECT_EQ(engine->metrics().encoder_cache.hits, 0);
  EXPECT_FALSE(Engine::load({.model_dir = golden_dir("glm4v"), .encoder_cache_mb = -1}, {}));
}

}  // namespace
}  // namespace glmv::runtime
