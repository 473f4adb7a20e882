// Several positions of one sequence at once, as speculative decoding verifies them: the same hidden
// states as one by one, and nothing is left of the rejected ones.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"

namespace glmv::model {
namespace {

struct Decoding {
  explicit Decoding(const Vlm& model)
      : vlm(model),
        cache(std::make_shared<KvPool>(model.config().text, model.dtype(), model.device(), 1024)) {}
  // Hidden rows of `ids` behind what the cache holds.
  at::Tensor feed(const std::vector<int64_t>& ids) {
    const auto n = static_cast<int64_t>(ids.size());
    const at::Tensor positions = at::arange(cache.length(), cache.length() + n).expand({3, n});
    return vlm.forward_text({vlm.embed(at::tensor(at::ArrayRef<int64_t>(ids), at::kLong)),
                             positions.contiguous(),
                             {{n, &cache}}});
  }
  const Vlm& vlm;
  KvCache cache;
};

class VerifyTest : public testing::TestWithParam<const char*> {};

TEST_P(VerifyTest, ManyAtOnceEqualOneByOneAndRejectedOnesLeaveNoTrace) {
  const c10::InferenceMode no_grad;
  for (const char* model : {"glm4v", "glm4v_moe", "glm_ocr"}) {
    const auto loaded = load_model(golden_dir(model), {.dtype = GetParam()});
    ASSERT_TRUE(loaded) << loaded.error().message;
    std::vector<int64_t> prompt;
    for (int64_t i = 0; i < 61; ++i) prompt.push_back(3 + i * 5 % 290);
    // Across the end of a block.
    const std::vector<int64_t> drafted = {7, 11, 19, 23, 42, 5, 8, 100};
    const auto equal = [&](const at::Tensor& a, const at::Tensor& b) {
      // The Linears of bf16 rows and the attention are the same in every batch, to the bit; fp32
      // Linears and experts are products of a library.
      const bool exact = std::string(GetParam()) == "bfloat16" && std::string(model) != "glm4v_moe";
      return exact ? at::equal(a, b)
                   : at::allclose(a, b, 2e-2, a.scalar_type() == at::kFloat ? 1e-5 : 5e-2);
    };

    Decoding one(*loaded->model);
    one.feed(prompt);
    std::vector<at::Tensor> rows;
    for (const int64_t id : drafted) rows.push_back(one.feed({id}));
    Decoding many(*loaded->model);
    many.feed(prompt);
    EXPECT_TRUE(equal(many.feed(drafted), at::cat(rows))) << model;

    // Two are accepted; another token follows.
    many.cache.truncate(63);
    Decoding plain(*loaded->model);
    plain.feed(prompt);
    plain.feed({7});
    plain.feed({11});
    EXPECT_TRUE(equal(many.feed({200}), plain.feed({200}))) << model;
    many.cache.check_integrity();
    EXPECT_EQ(many.cache.length(), 64);
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, VerifyTest, testing::Values("float32", "bfloat16"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace glmv::model
