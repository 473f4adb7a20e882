#include "glmv/runtime/limited_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

namespace glmv::runtime {
namespace {

using testing::HasSubstr;

TEST(LimitedChild, ResultsComeBack) {
  EXPECT_TRUE(run_in_child([]() -> Result<void> { return {}; }, {}));
  const auto failed = run_in_child([]() -> Result<void> { return not_found("no \"x\" here"); }, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kNotFound);
  EXPECT_EQ(failed.error().message, "no \"x\" here");
  const auto thrown =
      run_in_child([]() -> Result<void> { throw std::runtime_error("thrown"); }, {});
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().message, "thrown");
}

TEST(LimitedChild, EndlessWorkEnds) {
  const auto result = run_in_child(
      []() -> Result<void> {
        std::atomic<int> count = 0;
        while (true) ++count;
      },
      {.cpu_seconds = 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kResourceExhausted);
  const auto asleep = run_in_child(
      []() -> Result<void> {
        std::this_thread::sleep_for(std::chrono::hours(1));
        return {};
      },
      {.wall_seconds = 1});
  ASSERT_FALSE(asleep);
  EXPECT_EQ(asleep.error().code, Code::kResourceExhausted);
}

// Sanitizers reserve address space and catch the crash themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(LimitedChild, TooMuchMemoryAndCrashesAreErrors) {
  const auto greedy = run_in_child(
      []() -> Result<void> {
        std::vector<std::vector<char>> all;
        while (true) all.emplace_back(size_t{16} << 20, 'x');
      },
      {.memory_bytes = int64_t{128} << 20});
  ASSERT_FALSE(greedy);
  EXPECT_EQ(greedy.error().code, Code::kResourceExhausted);
  const auto crashed = run_in_child([]() -> Result<void> { std::abort(); }, {});
  ASSERT_FALSE(crashed);
  EXPECT_THAT(crashed.error().message, HasSubstr("crashed"));
}
#endif

}  // namespace
}  // namespace glmv::runtime
