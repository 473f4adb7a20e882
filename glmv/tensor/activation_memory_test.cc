#include "glmv/tensor/activation_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <thread>

#include "glmv/base/kept_memory.h"

namespace glmv::tensor {
namespace {

constexpr int64_t kMegabyte = 1 << 20;

at::Tensor bytes(int64_t n) { return at::empty({n}, at::kByte); }

class ActivationMemory : public testing::Test {
 protected:
  static void SetUpTestSuite() { keep_activation_memory(); }
  void SetUp() override { release_kept_memory(); }
  void TearDown() override { release_kept_memory(); }
};

TEST_F(ActivationMemory, LargeBlocksAreUsedAgain) {
  const void* first = nullptr;
  {
    const at::Tensor a = bytes(40 * kMegabyte);
    first = a.const_data_ptr();
  }
  EXPECT_EQ(kept_bytes(), 40 * kMegabyte);
  // Of about the same size, but not of half.
  const at::Tensor half = bytes(20 * kMegabyte);
  EXPECT_NE(half.const_data_ptr(), first);
  const at::Tensor again = bytes(39 * kMegabyte);
  EXPECT_EQ(again.const_data_ptr(), first);
  EXPECT_EQ(kept_bytes(), 0);
}

TEST_F(ActivationMemory, SmallTensorsAreNotKept) {
  {
    const at::Tensor a = bytes(kMegabyte);
  }
  EXPECT_EQ(kept_bytes(), 0);
}

TEST_F(ActivationMemory, KeepsNoMoreThanItsLimit) {
  {
    std::vector<at::Tensor> all;
    for (int i = 0; i < 5; ++i) all.push_back(bytes(300 * kMegabyte));
  }
  EXPECT_LE(kept_bytes(), kKeptBytes);
  EXPECT_EQ(kept_bytes(), 900 * kMegabyte);
}

TEST_F(ActivationMemory, KeepsNoMoreThanWasUsedAtOnce) {
  const void* last = nullptr;
  for (int i = 0; i < 30; ++i) {  // none of these sizes serves for the next
    last = bytes((6 + i * i / 2) * kMegabyte).const_data_ptr();
    EXPECT_LE(kept_bytes(), (6 + i * i / 2 + 1) * kMegabyte);
  }
  // What was given back last is there.
  EXPECT_EQ(bytes((6 + 29 * 29 / 2) * kMegabyte).const_data_ptr(), last);
}

TEST_F(ActivationMemory, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) {
        at::Tensor a = bytes((5 + (i + t) % 7) * kMegabyte);
        a.fill_(t);
        EXPECT_EQ(a[a.size(0) - 1].item<uint8_t>(), t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace glmv::tensor
