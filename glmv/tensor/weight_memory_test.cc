#include "glmv/tensor/weight_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace glmv::tensor {
namespace {

TEST(WeightMemory, PiecesAreApartAndOutliveIt) {
  std::vector<at::Tensor> pieces;
  {
    WeightMemory memory;
    for (const int64_t bytes : {1, 100, 3000000, 64, 300000000, 5}) {
      pieces.push_back(memory.allocate(bytes));
      ASSERT_EQ(pieces.back().numel(), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces.back().data_ptr()) % 64, 0u);
      pieces.back().narrow(0, 0, std::min<int64_t>(bytes, 1000)).fill_(int64_t(pieces.size()));
      pieces.back().narrow(0, bytes - 1, 1).fill_(int64_t(pieces.size()));
    }
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i][0].item<int64_t>(), int64_t(i) + 1);
    EXPECT_EQ(pieces[i][-1].item<int64_t>(), int64_t(i) + 1);
  }
}

TEST(WeightMemory, LargePiecesBeginWithAHugePage) {
  const at::Tensor bytes = huge_page_bytes(5000001);
  EXPECT_EQ(bytes.numel(), 5000001);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data_ptr()) % (2u << 20), 0u);
  bytes[-1].fill_(7);
  EXPECT_EQ(bytes[-1].item<int64_t>(), 7);
}

}  // namespace
}  // namespace glmv::tensor
