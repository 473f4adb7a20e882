#include <gtest/gtest.h>

#include "glmv/checkpoint/test_support.h"
#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {
namespace {

TEST(TensorNames, MapToCanonicalSpelling) {
  const auto cases = testing::read_cases("tensor_names.jsonl");
  ASSERT_GE(cases.size(), 25u);
  for (const Json& item : cases) {
    const std::string name = item["name"];
    EXPECT_EQ(canonical_name(name, testing::config_of(item["base"])),
              item["canonical"].get<std::string>())
        << name;
  }
}

TEST(TensorNames, CanonicalNamesStayAsTheyAre) {
  for (const char* base : {"glm4_1v", "glm4_5v", "glm_ocr"}) {
    const ModelConfig config = testing::config_of(base);
    for (const TensorSpec& spec : expected_tensors(config)) {
      ASSERT_EQ(canonical_name(spec.name, config), spec.name);
    }
  }
}

}  // namespace
}  // namespace glmv::checkpoint
