// Prefixes in files, on the tiny reference checkpoints: the same tokens as without, also in the
// next process and with keys and values in int8.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "glmv/runtime/golden_cases_for_test.h"

namespace glmv::runtime {
namespace {

class PrefixSpill : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / fmt::format("glmv_prefix_spill_{}", ::getpid());
    fs::remove_all(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<Engine> open(const std::string& model, const std::string& kv_dtype = "auto",
                               bool on_disk = true, int64_t kv_cache_tokens = 0) {
    EngineOptions options{.model_dir = golden_dir(model),
                          .device = kv_dtype == "int8" ? "cpu" : tensor::test_device(),
                          .num_threads = 1,
                          .kv_cache_tokens = kv_cache_tokens,
                          .kv_cache_dtype = kv_dtype,
                          .encoder_cache_mb = 0};
    if (on_disk) options.prefix_cache_dir = dir_;
    options.on_warning = [this](const std::string& text) { warning_ = text; };
    auto engine = Engine::load(options, {});
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }

  fs::path dir_;
  std::string warning_;
};

TEST_F(PrefixSpill, TheNextProcessFindsThePrefixAndEncodesNoPicture) {
  for (const std::string kv_dtype : {"auto", "int8"}) {
    for (const std::string& model : kModels) {
      fs::remove_all(dir_);
      const Request request = long_request(model, 150, 40);
      const auto num_prompt = static_cast<int64_t>(request.input.input_ids.size());
      const auto want = tokens_of(*submit(*open(model, kv_dtype, false), request));
      EXPECT_EQ(tokens_of(*submit(*open(model, kv_dtype), request)), want) << model;

      const auto engine = open(model, kv_dtype);
      TokenEvent last;
      EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want) << model << " " << kv_dtype;
      EXPECT_EQ(last.usage.cached_tokens, (num_prompt - 1) / 64 * 64) << model;
      EXPECT_EQ(last.timings.vision_ms, 0);
      EXPECT_EQ(engine->metrics().cache.loaded_blocks, (num_prompt - 1) / 64);
      // The next turn finds the answer too, by now in memory or in files.
      Request turn = request;
      turn.input.append_text(want);
      turn.input.append_text(std::vector<int32_t>{5, 6, 7});
      const auto answer = tokens_of(*submit(*open(model, kv_dtype), turn), &last);
      EXPECT_EQ(last.usage.cached_tokens, (num_prompt + 39) / 64 * 64);
      EXPECT_EQ(answer, tokens_of(*submit(*open(model, kv_dtype, false), turn))) << model;
      EXPECT_EQ(warning_, "");
    }
  }
}

// The last token of the last picture lies in a block that is not full.
TEST_F(PrefixSpill, APictureThatEndsInsideABlockIsNotEncodedAgain) {
  for (const std::string& model : kModels) {
    fs::remove_all(dir_);
    const Request request = read_case(model, "2img").request;
    const auto want = tokens_of(*submit(*open(model, "auto", false), request));
    EXPECT_EQ(tokens_of(*submit(*open(model), request)), want) << model;
    const auto engine = open(model);
    TokenEvent last;
    EXPECT_EQ(tokens_of(*submit(*engine, request), &last), want) << model;
    EXPECT_EQ(last.timings.vision_ms, 0) << model;
    EXPECT_EQ(engine->metrics().encoder_cache.hits, engine->metrics().encoder_cache.queries);
    EXPECT_GT(engine->metrics().encoder_cache.hits, 0) << model;
    Request salted = request;
    salted.cache_salt = "another";
    tokens_of(*submit(*engine, salted), &last);
    EXPECT_GT(last.timings.vision_ms, 0) << model;
  }
}

TEST_F(PrefixSpill, OtherModelsDtypesAndSaltsFindNothing) {
  Request request = long_request("glm4v", 150, 3);
  TokenEvent last;
  tokens_of(*submit(*open("glm4v"), request));
  tokens_of(*submit(*open("glm4v", "int8"), request), &last);
  EXPECT_EQ(last.usage.cached_tokens, 0);
  auto other = Engine::load(
      {.model_dir = golden_dir("glm4v"), .quantize = "int8", .prefix_cache_dir = dir_}, {});
  ASSERT_TRUE(other);
  tokens_of(*submit(**other, request), &last);
  EXPECT_EQ(last.usage.cached_tokens, 0);
  request.cache_salt = "another";
  tokens_of(*submit(*open("glm4v"), request), &last);
  EXPECT_EQ(last.usage.cached_tokens, 0);
  request.cache_salt = "";
  tokens_of(*submit(*open("glm4v"), request), &last);
  EXPECT_GT(last.usage.cached_tokens, 0);
}

// What is found stops at the damage; the answer stays the same.
TEST_F(PrefixSpill, DamagedFilesAreComputedAgain) {
  const Request request = long_request("glm4v", 290, 20);
  TokenEvent last;
  const auto want = tokens_of(*submit(*open("glm4v"), request));
  size_t num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
    if (!entry.is_regular_file()) continue;
    ++num_files;
    fs::resize_file(entry.path(), entry.file_size() / 2);
  }
  EXPECT_GE(num_files, 5u);
  EXPECT_EQ(tokens_of(*submit(*open("glm4v"), request), &last), want);
  EXPECT_EQ(last.usage.cached_tokens, 0);
  EXPECT_EQ(tokens_of(*submit(*open("glm4v"), request), &last), want);
  EXPECT_GE(last.usage.cached_tokens, 5 * 64);
}

TEST_F(PrefixSpill, WhenTheFolderIsGoneRequestsGoOnAndAWarningIsGiven) {
  auto engine = open("glm4v");
  const Request request = long_request("glm4v", 150, 10);
  fs::remove_all(dir_);
  std::ofstream(dir_) << "a file";
  const auto want = tokens_of(*submit(*open("glm4v", "auto", false), request));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tokens_of(*submit(*engine, request)), want);
  EXPECT_EQ(engine->metrics().cache.used_blocks, 0);
  engine.reset();
  EXPECT_THAT(warning_, testing::HasSubstr("not written"));
  const auto refused =
      Engine::load({.model_dir = golden_dir("glm4v"), .prefix_cache_dir = dir_}, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr(dir_.string()));
}

// The blocks that are being written are the only ones left: they give way.
TEST_F(PrefixSpill, WritingHoldsUpNoRequest) {
  const auto engine = open("glm4v", "auto", true, 5 * 64);
  const auto roomy = open("glm4v", "auto", false);
  for (int i = 0; i < 6; ++i) {
    const Request request = long_request("glm4v", 200 + i, 10);
    EXPECT_EQ(tokens_of(*submit(*engine, request)), tokens_of(*submit(*roomy, request))) << i;
  }
}

TEST_F(PrefixSpill, OptionsThatContradict) {
  EXPECT_FALSE(Engine::load(
      {.model_dir = golden_dir("glm4v"), .prefix_cache = false, .prefix_cache_dir = dir_}, {}));
  EXPECT_FALSE(Engine::load(
      {.model_dir = golden_dir("glm4v"), .prefix_cache_dir = dir_, .prefix_cache_disk_gb = 1e-9},
      {}));
  auto loaded = model::load_model(golden_dir("glm4v").string());
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(make_engine(std::shared_ptr<const model::Vlm>(std::move(loaded->model)),
                           EngineSetup{.options = {.prefix_cache_dir = dir_}}));
}

}  // namespace
}  // namespace glmv::runtime
