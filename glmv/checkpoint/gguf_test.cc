// The container: what is read, and every way in which a header can lie.

#include "glmv/checkpoint/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/gguf_for_test.h"
#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using ::testing::ElementsAre;
using testing::GgufBytes;
using ::testing::HasSubstr;

Result<GgufHeader> parse(const std::string& file) {
  return parse_gguf({reinterpret_cast<const std::byte*>(file.data()), file.size()});
}

std::string error_of(const std::string& file) {
  const auto header = parse(file);
  return header ? "no error" : header.error().message;
}

GgufBytes small() {
  GgufBytes file;
  file.pair("general.architecture", "glm4").pair("split.no", 7u);
  file.pair("list", 9,
            GgufBytes::number<uint32_t>(8) + GgufBytes::number<uint64_t>(2) + GgufBytes::text("a") +
                GgufBytes::text("bcd"));
  file.pair(
      "numbers", 9,
      GgufBytes::number<uint32_t>(4) + GgufBytes::number<uint64_t>(3) + std::string(12, '\1'));
  file.pair("real", 6, GgufBytes::number(0.5f));
  file.tensor("a", {4, 3}, 0, std::string(48, '\1'));
  file.tensor("b", {64, 2}, 8, std::string(4 * 34, '\2'));
  return file;
}

TEST(Gguf, HeaderAndTensors) {
  const std::string file = small().bytes();
  const auto header = parse(file);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->text("general.architecture"), "glm4");
  EXPECT_EQ(header->integer("split.no"), 7);
  EXPECT_EQ(header->integer("general.architecture"), 0);
  EXPECT_EQ(header->text("nothing"), "");
  EXPECT_EQ(std::get<GgufList>(header->metadata.at("list")).length, 2u);
  EXPECT_EQ(std::get<double>(header->metadata.at("real")), 0.5);
  const GgufTensor& a = header->tensors.at("a");
  EXPECT_THAT(a.shape, ElementsAre(3, 4));
  EXPECT_EQ(a.end - a.begin, 48u);
  EXPECT_EQ(file[a.begin], '\1');
  const GgufTensor& b = header->tensors.at("b");
  EXPECT_EQ(b.type, GgmlType::kQ8_0);
  EXPECT_THAT(b.shape, ElementsAre(2, 64));
  EXPECT_EQ(b.end - b.begin, 4u * 34);
  EXPECT_EQ(file[b.begin], '\2');
  EXPECT_TRUE(parse(small().bytes(2)));
}

TEST(Gguf, EveryCutIsAnError) {
  const std::string file = small().bytes();
  // The padding behind the last tensor is not missed.
  for (size_t size = 0; size + 32 < file.size(); ++size) {
    EXPECT_FALSE(parse(file.substr(0, size))) << size;
  }
}

TEST(Gguf, LiesAreNamed) {
  EXPECT_THAT(error_of("PK\3\4 and more bytes"), HasSubstr("no GGUF"));
  EXPECT_THAT(error_of(small().bytes(4)), HasSubstr("version 4"));
  const auto tensor = [](const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
    return error_of(small().entry("bad", dims, type, offset).bytes());
  };
  constexpr uint64_t kHuge = uint64_t{1} << 62;
  EXPECT_THAT(tensor({8}, 0, 4096), HasSubstr("\"bad\""));
  EXPECT_THAT(tensor({8}, 0, 7), HasSubstr("alignment"));
  EXPECT_THAT(tensor({8}, 0, 0), HasSubstr("overlaps"));
  EXPECT_THAT(tensor({8}, 0, ~uint64_t{31}), HasSubstr("\"bad\""));
  EXPECT_THAT(tensor({}, 0, 0), HasSubstr("0 dimensions"));
  EXPECT_THAT(tensor({1, 1, 1, 1, 1}, 0, 0), HasSubstr("5 dimensions"));
  EXPECT_THAT(tensor({0, 4}, 0, 0), HasSubstr("\"bad\""));
  EXPECT_THAT(tensor({kHuge, kHuge}, 0, 0), HasSubstr("overflows"));
  EXPECT_THAT(tensor({kHuge}, 0, 0), HasSubstr("overflow"));
  EXPECT_THAT(tensor({~uint64_t{0}}, 0, 0), HasSubstr("overflows"));
  EXPECT_THAT(tensor({48}, 8, 0), HasSubstr("multiple of the 32"));
  EXPECT_THAT(tensor({128}, 12, 0), HasSubstr("multiple of the 256"));
  EXPECT_THAT(tensor({32}, 7, 0), HasSubstr("known: F32"));
  EXPECT_THAT(error_of(small().tensor("a", {1}, 0, "1234").bytes()), HasSubstr("twice"));
  EXPECT_THAT(error_of(small().pair("real", 1u).bytes()), HasSubstr("\"real\" is there twice"));
  EXPECT_THAT(error_of(small().pair("odd", 77, "").bytes()), HasSubstr("\"odd\""));
  const auto list = [](uint32_t type, uint64_t length) {
    return error_of(
        small().pair("liar", 9, GgufBytes::number(type) + GgufBytes::number(length)).bytes());
  };
  EXPECT_THAT(list(10, kHuge), HasSubstr("\"liar\""));
  EXPECT_THAT(list(8, kHuge), HasSubstr("\"liar\""));
  EXPECT_THAT(list(9, 1), HasSubstr("\"liar\""));
  EXPECT_THAT(error_of(small().pair("liar", 8, GgufBytes::number(kHuge)).bytes()),
              HasSubstr("\"liar\""));
  EXPECT_THAT(error_of(small().pair("n", 10, GgufBytes::number(~uint64_t{0})).bytes()),
              HasSubstr("too large"));
  for (const uint32_t alignment : {0u, 3u, 1u << 30}) {
    EXPECT_THAT(error_of(small().pair("general.alignment", alignment).bytes()),
                HasSubstr("general.alignment"));
  }
  std::string file = small().bytes();
  for (const size_t count_at : {8, 16}) {
    std::string many = file;
    many.replace(count_at, 8, GgufBytes::number(kHuge));
    EXPECT_THAT(error_of(many), HasSubstr("do not fit"));
  }
}

TEST(Gguf, FilesAreNamed) {
  const testing::TempFolder folder;
  folder.write("cut.gguf", small().bytes().substr(0, 100));
  const auto cut = open_gguf(folder.path() / "cut.gguf");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("cut.gguf"));
  EXPECT_EQ(open_gguf(folder.path() / "none.gguf").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace glmv::checkpoint
