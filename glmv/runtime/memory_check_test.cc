#include "glmv/runtime/memory_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace glmv::runtime {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kMib = 1 << 20;

class FakeRoot {
 public:
  FakeRoot()
      : path_(fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(path_);
  }
  ~FakeRoot() { fs::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(AvailableMemory, ReadsMeminfo) {
  const FakeRoot root;
  EXPECT_EQ(available_memory_bytes(root.path()), std::nullopt);
  root.write("proc/meminfo", "MemTotal:  9999 kB\nMemAvailable:    2048 kB\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 2 * kMib);
}

TEST(AvailableMemory, GroupsOfVersionTwoLimitIncludingParents) {
  const FakeRoot root;
  root.write("proc/meminfo", "MemAvailable: 1048576 kB\n");
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  root.write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root.write("sys/fs/cgroup/outer/inner/memory.current", "1048576\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 1024 * kMib);
  root.write("sys/fs/cgroup/outer/memory.max", std::to_string(100 * kMib));
  root.write("sys/fs/cgroup/outer/memory.current", std::to_string(90 * kMib));
  EXPECT_EQ(available_memory_bytes(root.path()), 10 * kMib);
  // File pages that can be dropped are free.
  root.write("sys/fs/cgroup/outer/memory.stat",
             "anon 5\ninactive_file " + std::to_string(50 * kMib) + "\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 60 * kMib);
}

TEST(AvailableMemory, GroupsOfVersionOne) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "7:cpu:/x\n4:memory:/box\n");
  root.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", std::to_string(8 * kMib));
  root.write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", std::to_string(3 * kMib));
  EXPECT_EQ(available_memory_bytes(root.path()), 5 * kMib);
}

TEST(DefaultCacheTokens, FollowsTheMemoryBesideTheWeights) {
  const MemoryNeed need{.weights_bytes = 500 * kMib,
                        .cache_bytes = kMib / 16,
                        .work_bytes = 12 * kMib,
                        .cache_tokens = 1};  // 16 tokens a MiB
  EXPECT_EQ(default_cache_tokens(need, std::nullopt, 2000, 4), 8000);
  EXPECT_EQ(default_cache_tokens(need, 9999 * kMib, 2000, 4), 8000);
  EXPECT_EQ(default_cache_tokens(need, 1024 * kMib, 2000, 4), 256 * 16);    // half of the room
  EXPECT_EQ(default_cache_tokens(need, 612 * kMib, 1400, 4), 87 * 16 + 8);  // one request: 87.5 MiB
  EXPECT_EQ(default_cache_tokens(need, 100 * kMib, 2000, 4), 1024);         // tried all the same
  EXPECT_EQ(default_cache_tokens(need, 100 * kMib, 300, 4), 300);
}

TEST(CheckMemory, SaysHowMuchIsNeeded) {
  const MemoryNeed need{.weights_bytes = 2048 * kMib,
                        .cache_bytes = 512 * kMib,
                        .work_bytes = 512 * kMib,
                        .cache_tokens = 8192};
  EXPECT_TRUE(check_memory(need, 3072 * kMib, "model"));
  const auto result = check_memory(need, 3071 * kMib, "some/model");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kResourceExhausted);
  EXPECT_THAT(result.error().message, HasSubstr("some/model needs 3.00 GiB"));
  EXPECT_THAT(result.error().message, HasSubstr("weights 2.00, cache of 8192 tokens 0.50"));
}

// Weights, work, encoded and decoded media and keys and values together stay below what there is,
// down to where only a short request fits.
TEST(MemoryShares, TheSumStaysBelowTheLimit) {
  for (const int64_t token_bytes : {int64_t{1000}, int64_t{40960}, int64_t{188416}}) {
    for (int64_t available = 3000 * kMib; available < 200000 * kMib; available += 777 * kMib) {
      MemoryNeed need{.weights_bytes = 2000 * kMib,
                      .cache_bytes = token_bytes,
                      .work_bytes = 300 * kMib,
                      .cache_tokens = 1};
      need.encoder_cache_bytes = side_cache_bytes(need, available, 1024 * kMib);
      EXPECT_LE(need.encoder_cache_bytes, 1024 * kMib);
      EXPECT_GT(need.encoder_cache_bytes, 0);
      need.media_cache_bytes = side_cache_bytes(need, available, 1024 * kMib);
      EXPECT_LE(need.media_cache_bytes, need.encoder_cache_bytes);
      EXPECT_GT(need.media_cache_bytes, 0);
      need.cache_tokens = default_cache_tokens(need, available, 65536, 8);
      need.cache_bytes = need.cache_tokens * token_bytes;
      EXPECT_GE(need.cache_tokens, 1024);
      EXPECT_LE(need.total_bytes(), available) << token_bytes;
    }
  }
  const MemoryNeed full{.weights_bytes = 2000 * kMib, .work_bytes = 64 * kMib, .cache_tokens = 1};
  EXPECT_EQ(side_cache_bytes(full, 2000 * kMib, 1024 * kMib), 0);
  EXPECT_EQ(side_cache_bytes(full, std::nullopt, 1024 * kMib), 1024 * kMib);
}

TEST(MemoryShares, APictureTooLargeForTheFreeMemoryIsRefusedWithTheNumbers) {
  checkpoint::ModelConfig config;
  config.vision.hidden_size = 1536;
  config.vision.block_intermediate_size = 4096;
  const int64_t work = vision_work_bytes(config, 2, 60000);
  EXPECT_GT(work, 1000 * kMib);
  EXPECT_LT(work, 4000 * kMib);
  EXPECT_TRUE(check_medium(0, 60000, work, work));
  const auto refused = check_medium(2, 60000, work, 512 * kMib);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("media[2] has 60000 patches"));
  EXPECT_THAT(refused.error().message, HasSubstr("0.50 GiB are free"));
}

}  // namespace
}  // namespace glmv::runtime
