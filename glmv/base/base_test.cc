#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "glmv/base/check.h"
#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/base/mmap.h"
#include "glmv/base/random.h"
#include "glmv/base/utf8.h"

namespace glmv {
namespace {

std::filesystem::path temp_file(const std::string& name) {
  return std::filesystem::temp_directory_path() / fmt::format("glmv_base_{}_{}", ::getpid(), name);
}

TEST(Utf8, RepairReplacesMaximalSubparts) {
  EXPECT_EQ(repair_utf8("\xE4\xBD\xA0"), "\xE4\xBD\xA0");
  EXPECT_EQ(repair_utf8("\xE4\xBD"), "\xEF\xBF\xBD");
  EXPECT_EQ(repair_utf8("\xBD\xA0"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"
                        "a"),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(repair_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, FindsTheFirstBadByteAndRoundTrips) {
  EXPECT_EQ(find_invalid_utf8("abc"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2u);
  for (char32_t c : {U'a', U'\u00e9', U'\u4f60', U'\U0001F600'}) {
    std::string text;
    append_utf8(text, c);
    EXPECT_EQ(decode_utf8(text, 0).code_point, c);
  }
}

TEST(Json, ErrorsNameTheSource) {
  EXPECT_EQ((*parse_json(R"({"b":1,"a":[2]})", "x"))["a"][0], 2);
  const auto bad = parse_json("{\"a\":", "config.json");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_NE(bad.error().message.find("config.json"), std::string::npos);
  EXPECT_FALSE(parse_json(std::string(100000, '['), "deep"));
  EXPECT_FALSE(parse_json("\"\xFF\"", "utf8"));
}

TEST(Files, AtomicWriteReadsBackAndLeavesNoTemporary) {
  const auto path = temp_file("atomic");
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(read_file(path, 2).error().code, Code::kResourceExhausted);
  const auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().size(), 3u);
  std::filesystem::remove(path);
  EXPECT_EQ(read_file(path).error().code, Code::kNotFound);
  EXPECT_EQ(MappedFile::open(path).error().code, Code::kNotFound);
}

TEST(Random, IsTheSameEverywhereAndResumes) {
  Random a(1234);
  Random b(1234);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_u64(), b.next_u64());
  const Random::State state = a.state();
  const double x = a.uniform();
  a.set_state(state);
  EXPECT_EQ(a.uniform(), x);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(a.below(7), 7u);
    const int64_t v = a.between(-2, 2);
    EXPECT_TRUE(v >= -2 && v <= 2);
  }
}

TEST(Check, ThrowsWithDetail) {
  EXPECT_THROW(GLMV_CHECK(1 == 2, "value {}", 7), InternalError);
  EXPECT_NO_THROW(GLMV_CHECK(1 == 1));
}

}  // namespace
}  // namespace glmv
