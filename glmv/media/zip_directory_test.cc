#include "glmv/media/zip_directory.h"

#include <gtest/gtest.h>

#include "glmv/base/files.h"
#include "glmv/media/files_for_test.h"

namespace glmv::media {
namespace {

std::string golden(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/" + name);
}

Code code_of(const std::string& file) {
  const auto entries = read_zip_directory(file);
  return entries ? Code::kInternal : entries.error().code;
}

TEST(ZipDirectory, EntriesComeOutAsTheyWentIn) {
  const std::string text(100'000, 'x');
  const std::string file = zip_for_test({{"a", "hello"}, {"folder/b", text, true}, {"empty", ""}});
  const auto entries = read_zip_directory(file);
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[1].name, "folder/b");
  EXPECT_LT((*entries)[1].packed.size(), 1000u);
  EXPECT_EQ(*unpack((*entries)[0], 5), "hello");
  EXPECT_EQ(*unpack((*entries)[1], 100'000), text);
  EXPECT_EQ(*unpack((*entries)[2], 0), "");
  EXPECT_TRUE(check_unpacked(*entries, 100'005));
  EXPECT_EQ(check_unpacked(*entries, 100'004).error().code, Code::kResourceExhausted);
  EXPECT_EQ(unpack((*entries)[1], 99'999).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(read_zip_directory(zip_for_test({}))->empty());
  for (const char* name : {"slides.pptx", "slides.odp"}) {
    const std::string slides = golden(name);
    const auto found = read_zip_directory(slides);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_GT(found->size(), 5u);
    EXPECT_TRUE(check_unpacked(*found, 1 << 20));
  }
}

TEST(ZipDirectory, BombsAreNotUnpacked) {
  const std::string zeros(size_t{4} << 20, '\0');
  // It says how large it is.
  const std::string honest = zip_for_test({{"a", zeros, true}});
  EXPECT_LT(honest.size(), 30'000u);
  EXPECT_EQ(check_unpacked(*read_zip_directory(honest), 1 << 20).error().code,
            Code::kResourceExhausted);
  // It does not.
  const std::string lying = zip_for_test({{"a", zeros, true, 100}});
  const auto checked = check_unpacked(*read_zip_directory(lying), 1 << 20);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("larger than it says"), std::string::npos);
  // The same data many times.
  std::vector<ZipEntryForTest> entries = {{"a", zeros, true}};
  for (int i = 0; i < 10; ++i) entries.push_back({"a", "", true, 4 << 20, 0, 8, {}, 0});
  EXPECT_FALSE(read_zip_directory(zip_for_test(entries)));
}

TEST(ZipDirectory, WhatIsWrong) {
  EXPECT_EQ(code_of(""), Code::kInvalidArgument);
  EXPECT_EQ(code_of("PK\x03\x04"), Code::kInvalidArgument);
  EXPECT_EQ(code_of(std::string(100'000, 'P')), Code::kInvalidArgument);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, -1, 1}})), Code::kUnsupported);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, -1, 0, 12}})), Code::kUnsupported);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, 0xffffffff}})), Code::kUnsupported);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, -1, 0, 0xffff, "c"}})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, -1, 0, 0xffff, {}, 7}})),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of(zip_for_test({{"a", "b", false, -1, 0, 0xffff, {}, 0x7fffffff}})),
            Code::kInvalidArgument);
  const auto small = read_zip_directory(zip_for_test({{"a", "bc", false, 3}}));
  ASSERT_TRUE(small);
}

TEST(ZipDirectory, AnyCutOrFlippedFileIsAnErrorOrStaysWithinItself) {
  const std::string good = golden("slides.pptx");
  for (size_t size = 0; size < good.size(); size += 97) {
    EXPECT_FALSE(read_zip_directory(good.substr(0, size))) << size;
  }
  for (size_t i = 0; i < good.size() * 8; i += 1009) {
    std::string bad = good;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << i % 8));
    const auto entries = read_zip_directory(bad);
    if (!entries) continue;
    for (const ZipEntry& entry : *entries) {
      ASSERT_GE(entry.packed.data(), bad.data());
      ASSERT_LE(entry.packed.data() + entry.packed.size(), bad.data() + bad.size());
    }
    (void)check_unpacked(*entries, 1 << 20);
  }
}

}  // namespace
}  // namespace glmv::media
