// The last layer computes only the outputs that a batch asks for: they equal the same rows of a
// batch that asks for all, and the keys and values of the others are there for what follows.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numeric>

#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"

namespace glmv::model {
namespace {

// One sequence without a cache, others behind caches that hold 0, 5 and 70 tokens.
constexpr int64_t kHeld[] = {-1, 0, 5, 70};
constexpr int64_t kTokens[] = {33, 40, 18, 9};

struct Batch {
  Batch(const Vlm& model, bool int8)
      : vlm(model),
        pool(std::make_shared<KvPool>(model.config().text, model.dtype(), model.device(), 1024,
                                      int8)) {
    for (const int64_t held : kHeld) {
      KvCache& cache = caches.emplace_back(pool);
      if (held > 0) feed({held}, {held}, {&cache});
    }
  }

  at::Tensor feed(const std::vector<int64_t>& tokens, const std::vector<int64_t>& outputs,
                  const std::vector<KvCache*>& with) {
    TextBatch batch;
    std::vector<int64_t> ids, positions;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const int64_t begin = with[i] == nullptr ? 0 : with[i]->length();
      for (int64_t t = begin; t < begin + tokens[i]; ++t) {
        ids.push_back(3 + t * 7 % 290);
        positions.push_back(t);
      }
      batch.sequences.push_back(
          {.num_tokens = tokens[i], .cache = with[i], .num_outputs = outputs[i]});
    }
    const auto tensor = [](const std::vector<int64_t>& v) {
      return at::tensor(at::ArrayRef<int64_t>(v), at::kLong);
    };
    batch.hidden_ND = vlm.embed(tensor(ids));
    batch.position_ids_3N = tensor(positions).expand({3, std::ssize(positions)}).contiguous();
    return vlm.forward_text(batch);
  }

  // The batch with these outputs, and a token behind every cache.
  std::pair<at::Tensor, at::Tensor> run(const std::vector<int64_t>& outputs) {
    std::vector<KvCache*> with, behind;
    for (size_t i = 0; i < caches.size(); ++i) {
      with.push_back(kHeld[i] < 0 ? nullptr : &caches[i]);
      if (with.back() != nullptr) behind.push_back(with.back());
    }
    const at::Tensor first = feed({std::begin(kTokens), std::end(kTokens)}, outputs, with);
    const std::vector<int64_t> ones(behind.size(), 1);
    return {first, feed(ones, ones, behind)};
  }

  const Vlm& vlm;
  std::shared_ptr<KvPool> pool;
  std::vector<KvCache> caches;
};

struct Types {
  const char* name;
  const char* dtype;
  bool int8;  // of the cache
};

class OutputsTest : public testing::TestWithParam<Types> {};

TEST_P(OutputsTest, EqualTheSameRowsOfABatchOfAllOutputs) {
  const c10::InferenceMode no_grad;
  for (const char* model : {"glm4v", "glm4v_moe", "glm_ocr"}) {
    const auto loaded = load_model(golden_dir(model), {.dtype = GetParam().dtype});
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto [every, next] =
        Batch(*loaded->model, GetParam().int8).run({std::begin(kTokens), std::end(kTokens)});
    // Other numbers of rows take other products, which round apart.
    const double atol = every.scalar_type() == at::kFloat ? 1e-5 : 5e-2;

    for (const std::vector<int64_t>& outputs : std::vector<std::vector<int64_t>>{
             {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 3, 0, 9}, {33, 0, 1, 2}, {5, 40, 17, 1}}) {
      std::vector<at::Tensor> want;
      int64_t end = 0;
      for (size_t i = 0; i < outputs.size(); ++i) {
        end += kTokens[i];
        want.push_back(every.narrow(0, end - outputs[i], outputs[i]));
      }
      const auto [got, got_next] = Batch(*loaded->model, GetParam().int8).run(outputs);
      ASSERT_EQ(got.size(0), std::accumulate(outputs.begin(), outputs.end(), int64_t{0}));
      EXPECT_TRUE(at::allclose(got, at::cat(want), 2e-2, atol)) << model;
      EXPECT_TRUE(at::allclose(got_next, next, 2e-2, atol)) << model;
    }
  }
}

TEST_P(OutputsTest, MoreThanTheTokensAreRefused) {
  const c10::InferenceMode no_grad;
  const auto loaded = load_model(golden_dir("glm4v"), {.dtype = GetParam().dtype});
  ASSERT_TRUE(loaded);
  Batch batch(*loaded->model, GetParam().int8);
  EXPECT_THROW(batch.feed({4}, {5}, {nullptr}), std::exception);
}

TEST(Int8Cache, ChangesLittle) {
  const c10::InferenceMode no_grad;
  for (const char* model : {"glm4v", "glm4v_moe", "glm_ocr"}) {
    const auto loaded = load_model(golden_dir(model), {.dtype = "bfloat16"});
    ASSERT_TRUE(loaded) << loaded.error().message;
    const std::vector<int64_t> all = {std::begin(kTokens), std::end(kTokens)};
    const auto [want, want_next] = Batch(*loaded->model, false).run(all);
    const auto [got, got_next] = Batch(*loaded->model, true).run(all);
    EXPECT_LT(relative_l2(got, want), 0.03) << model;
    EXPECT_LT(relative_l2(got_next, want_next), 0.03) << model;
    // The sequence without a cache is as it was; the others are not, or nothing was rounded.
    EXPECT_TRUE(
        at::allclose(got.narrow(0, 0, kTokens[0]), want.narrow(0, 0, kTokens[0]), 2e-2, 5e-2));
    EXPECT_GT(relative_l2(got_next, want_next), 1e-5) << model;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, OutputsTest,
                         testing::Values(Types{"fp32", "float32", false},
                                         Types{"bf16", "bfloat16", false},
                                         Types{"fp32_int8", "float32", true},
                                         Types{"bf16_int8", "bfloat16", true}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace glmv::model
