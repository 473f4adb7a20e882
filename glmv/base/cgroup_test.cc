#include "glmv/base/cgroup.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace glmv {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kMib = 1 << 20;

class Cgroup : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(root_); }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  // Of each case: they run side by side.
  const fs::path root_ =
      fs::path(testing::TempDir()) /
      (std::string("glmv_cgroup_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(Cgroup, NothingIsKnownWithoutFiles) {
  EXPECT_FALSE(memory_limit_bytes(root_));
  EXPECT_FALSE(memory_used_bytes(root_));
  EXPECT_FALSE(memory_room_bytes(root_));
  EXPECT_FALSE(meminfo_bytes("MemTotal", root_));
}

TEST_F(Cgroup, VersionTwoWithParents) {
  write("proc/self/cgroup", "0::/outer/inner\n");
  write("proc/meminfo", "MemTotal:  3 kB\nMemTotalX: 9 kB\n");
  EXPECT_EQ(meminfo_bytes("MemTotal", root_), 3072);
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("sys/fs/cgroup/outer/inner/memory.current", std::to_string(kMib));
  EXPECT_FALSE(memory_limit_bytes(root_));
  EXPECT_EQ(memory_used_bytes(root_), kMib);
  write("sys/fs/cgroup/outer/memory.max", std::to_string(100 * kMib));
  write("sys/fs/cgroup/outer/memory.current", std::to_string(90 * kMib));
  write("sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file " + std::to_string(50 * kMib));
  EXPECT_EQ(memory_limit_bytes(root_), 100 * kMib);
  EXPECT_EQ(memory_used_bytes(root_), 40 * kMib);
  EXPECT_EQ(memory_room_bytes(root_), 60 * kMib);
  // The lowest limit need not be the tightest: what is left counts.
  write("sys/fs/cgroup/outer/inner/memory.max", std::to_string(80 * kMib));
  EXPECT_EQ(memory_limit_bytes(root_), 80 * kMib);
  EXPECT_EQ(memory_used_bytes(root_), kMib);
  EXPECT_EQ(memory_room_bytes(root_), 60 * kMib);
}

TEST_F(Cgroup, TimeOfTheProcessors) {
  EXPECT_FALSE(cpu_limit_cores(root_));
  write("proc/self/cgroup", "0::/outer/inner\n");
  write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  EXPECT_FALSE(cpu_limit_cores(root_));
  write("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_limit_cores(root_), 1.5);
  write("proc/self/cgroup", "4:cpu,cpuacct:/box\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cpu_limit_cores(root_));
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cpu_limit_cores(root_), 4.0);
}

TEST_F(Cgroup, VersionOne) {
  write("proc/self/cgroup", "7:cpu:/x\n4:memory:/box\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", std::to_string(500 * kMib));
  EXPECT_FALSE(memory_limit_bytes(root_));
  write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", std::to_string(8 * kMib));
  write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", std::to_string(9 * kMib));
  EXPECT_EQ(memory_limit_bytes(root_), 8 * kMib);
  EXPECT_EQ(memory_room_bytes(root_), 0);
}

}  // namespace
}  // namespace glmv
