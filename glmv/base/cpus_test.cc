#include "glmv/base/cpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace glmv {
namespace {

TEST(Cpus, ListsAreNumbersAndRanges) {
  EXPECT_EQ(*parse_cpu_list("3"), CpuList({3}));
  EXPECT_EQ(*parse_cpu_list("8,0-3,2"), CpuList({0, 1, 2, 3, 8}));
  for (const char* text :
       {"", ",", "1,", "-1", "3-1", "a", "1-", "0-99999", "1 2", "9999999999999"}) {
    const auto list = parse_cpu_list(text);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, Code::kInvalidArgument);
    EXPECT_NE(list.error().message.find("0-3,8"), std::string::npos);
  }
}

TEST(Cpus, ABoundThreadPassesItsPlaceOn) {
  const CpuList allowed = allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  std::thread([&] {
    ASSERT_TRUE(bind_thread({allowed.back()}));
    EXPECT_EQ(allowed_cpus(), CpuList({allowed.back()}));
    std::thread([&] { EXPECT_EQ(allowed_cpus(), CpuList({allowed.back()})); }).join();
  }).join();
  EXPECT_EQ(allowed_cpus(), allowed);
}

TEST(Cpus, MissingOnesAreNamedAndNothingChanges) {
  const CpuList allowed = allowed_cpus();
  for (const CpuList& wanted : {CpuList{8000}, CpuList{allowed.front(), 8000}}) {
    const auto bound = bind_thread(wanted);
    ASSERT_FALSE(bound);
    EXPECT_NE(bound.error().message.find("CPU 8000:"), std::string::npos) << bound.error().message;
    EXPECT_EQ(allowed_cpus(), allowed);
  }
}

TEST(Cpus, NodesAreThoseWithCpusThatMayBeUsed) {
  const auto root =
      std::filesystem::temp_directory_path() / ("glmv_nodes_" + std::to_string(::getpid()));
  const auto node = [&](const std::string& name, const std::string& cpus) {
    std::filesystem::create_directories(root / name);
    std::ofstream(root / name / "cpulist") << cpus << "\n";
  };
  node("node0", "0-3");
  node("node10", "8-11");
  node("node2", "4-7");
  node("node3", "");  // memory alone
  node("nodes", "0");
  EXPECT_EQ(numa_nodes({1, 4, 5, 9}, root), (std::vector<CpuList>{{1}, {4, 5}, {9}}));
  EXPECT_EQ(numa_nodes({4, 5}, root), (std::vector<CpuList>{{4, 5}}));
  EXPECT_EQ(numa_nodes({4, 5}, root / "none"), (std::vector<CpuList>{{4, 5}}));
  std::filesystem::remove_all(root);
}

TEST(Cpus, WorkersSpreadEvenly) {
  const std::vector<CpuList> one = {{0, 1}}, two = {{0, 1}, {2, 3}};
  EXPECT_TRUE(place_workers(2, {}, one).empty());
  EXPECT_EQ(place_workers(3, {}, two), (std::vector<CpuList>{{0, 1}, {0, 1}, {2, 3}}));
  EXPECT_EQ(place_workers(2, {1, 5}, two), (std::vector<CpuList>{{1}, {5}}));
  EXPECT_EQ(place_workers(2, {0, 1, 2, 3}, two), (std::vector<CpuList>{{0}, {2}}));
  EXPECT_EQ(place_workers(3, {1, 5}, one), (std::vector<CpuList>{{1, 5}, {1, 5}, {1, 5}}));
}

}  // namespace
}  // namespace glmv
