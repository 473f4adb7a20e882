#include "glmv/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/base/random.h"
#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using ::testing::ElementsAre;
using testing::file_of;
using ::testing::HasSubstr;

Result<SafetensorsHeader> parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)));
}

// One F32 tensor [2] at [begin, end).
std::string entry(const std::string& name, int begin, int end, const std::string& shape = "2") {
  return fmt::format(R"("{}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})", name, shape,
                     begin, end);
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("scalar":{"dtype":"F16","shape":[],"data_offsets":[20,22]},)"
      R"("none":{"dtype":"I64","shape":[4,0],"data_offsets":[22,22]}}  )";
  const testing::TempFolder folder;
  folder.write("x.safetensors", file_of(header, 22));
  auto file = open_safetensors(folder.path() / "x.safetensors");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->metadata.at("format"), "pt");
  EXPECT_EQ(file->tensors.size(), 4u);
  const TensorView b = file->tensors.at("b");
  EXPECT_EQ(b.dtype, DType::kBF16);
  EXPECT_THAT(b.shape, ElementsAre(2, 3));
  EXPECT_EQ(b.numel(), 6);
  EXPECT_EQ(b.data.data() - file->tensors.at("a").data.data(), 8);
  EXPECT_EQ(file->tensors.at("scalar").numel(), 1);
  EXPECT_EQ(file->tensors.at("none").numel(), 0);
  file->tensors.clear();  // the view alone keeps the map alive
  EXPECT_EQ(b.data[11], std::byte{1});
}

struct HostileCase {
  const char* name;
  std::string file;
  const char* error;
};

std::vector<HostileCase> hostile_cases() {
  const std::string a = entry("a", 0, 8);
  const auto tensor = [](const std::string& body) { return file_of("{\"a\":{" + body + "}}", 8); };
  return {
      {"empty", "", "too few"},
      {"seven bytes", "1234567", "too few"},
      {"header beyond the file", file_of("{" + a + "}", 8).substr(0, 20), "header length"},
      {"header length of 2^64 - 1", std::string(8, '\xff') + "{}", "header length"},
      {"header is not JSON", file_of("{nonsense}", 8), "not valid JSON"},
      {"header is an array", file_of("[]", 0), "does not start with '{'"},
      {"header is empty", file_of("", 0), "does not start with '{'"},
      {"text after the header", file_of("{" + a + "}x", 8), "not valid JSON"},
      {"cut header", file_of("{" + a, 8), "not valid JSON"},
      {"invalid UTF-8", file_of("{\"\xff\":{}}", 8), "not valid JSON"},
      {"deep nesting", file_of("{\"a\":" + std::string(100'000, '['), 8), "unexpected an array"},
      {"deep objects", file_of(R"({"a":{"shape":{"a":{"a":1}}}})", 8), "unexpected an object"},
      {"overlap", file_of("{" + a + "," + entry("b", 4, 12) + "}", 12), "overlaps"},
      {"same bytes twice", file_of("{" + a + "," + entry("b", 0, 8) + "}", 8), "overlaps"},
      {"gap", file_of("{" + a + "," + entry("b", 12, 20) + "}", 20), "4 bytes before tensor \"b\""},
      {"gap at the start", file_of("{" + entry("a", 4, 12) + "}", 12), "belong to no tensor"},
      {"trailing bytes", file_of("{" + a + "}", 11), "3 trailing bytes"},
      {"data without tensors", file_of("{}", 4), "4 trailing bytes"},
      {"data cut off", file_of("{" + a + "}", 7), "do not lie in the 7 bytes"},
      {"offsets reversed", file_of("{" + entry("a", 8, 0) + "}", 8), "data_offsets [8, 0)"},
      {"shape too large", file_of("{" + entry("a", 0, 8, "3") + "}", 8),
       "needs 12 bytes, but data_offsets hold 8"},
      {"shape too small", file_of("{" + entry("a", 0, 8, "1") + "}", 8), "needs 4 bytes"},
      {"shape product overflows", file_of("{" + entry("a", 0, 8, "4294967296,4294967296") + "}", 8),
       "overflows"},
      {"size wraps to the right bytes",
       file_of("{" + entry("a", 0, 8, "4611686018427387906") + "}", 8), "overflows"},
      {"dimension over int64", file_of("{" + entry("a", 0, 8, "18446744073709551615") + "}", 8),
       "overflows"},
      {"dimension over uint64", file_of("{" + entry("a", 0, 8, "18446744073709551616") + "}", 8),
       "not a 64-bit integer"},
      {"negative dimension", file_of("{" + entry("a", 0, 8, "-2") + "}", 8), "negative number"},
      {"fractional dimension", file_of("{" + entry("a", 0, 8, "2.0") + "}", 8),
       "not a 64-bit integer"},
      {"too many dimensions",
       file_of("{" + entry("a", 0, 8, "2,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1") + "}", 8),
       "more than 16 items"},
      {"unknown dtype", tensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"),
       "unknown dtype \"F31\""},
      {"dtype of another size", tensor(R"("dtype":"F16","shape":[2],"data_offsets":[0,8])"),
       "needs 4 bytes"},
      {"no dtype", tensor(R"("shape":[2],"data_offsets":[0,8])"), "has no \"dtype\""},
      {"no shape", tensor(R"("dtype":"F32","data_offsets":[0,8])"), "has no \"shape\""},
      {"no offsets", tensor(R"("dtype":"F32","shape":[2])"), "has no \"data_offsets\""},
      {"three offsets", tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"),
       "3 items instead of 2"},
      {"dtype is a number", tensor(R"("dtype":1,"shape":[2],"data_offsets":[0,8])"),
       "unexpected a number"},
      {"shape is null", tensor(R"("dtype":"F32","shape":null,"data_offsets":[0,8])"),
       "unexpected null"},
      {"shape holds text", tensor(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])"),
       "unexpected a string"},
      {"unknown key", tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1)"),
       "unknown key \"x\""},
      {"key twice", tensor(R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])"),
       "has \"dtype\" twice"},
      {"tensor is a boolean", file_of(R"({"a":true})", 0), "unexpected a boolean"},
      {"duplicate tensor", file_of("{" + a + "," + entry("a", 8, 16) + "}", 16),
       "tensor \"a\" appears twice"},
      {"duplicate metadata", file_of(R"({"__metadata__":{},"__metadata__":{}})", 0),
       "\"__metadata__\" appears twice"},
      {"duplicate metadata key", file_of(R"({"__metadata__":{"k":"1","k":"2"}})", 0),
       "metadata key \"k\" appears twice"},
      {"metadata holds a number", file_of(R"({"__metadata__":{"k":1}})", 0), "unexpected a number"},
  };
}

TEST(Safetensors, RefusesHostileFiles) {
  for (const HostileCase& item : hostile_cases()) {
    SCOPED_TRACE(item.name);
    const auto header = parse(item.file);
    ASSERT_FALSE(header.has_value());
    EXPECT_THAT(header.error().message, HasSubstr(item.error));
  }
}

TEST(Safetensors, EveryCutOfAFileIsRefused) {
  const std::string file = file_of("{" + entry("a", 0, 8) + "," + entry("b", 8, 16) + "}", 16);
  ASSERT_TRUE(parse(file).has_value());
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(parse(file.substr(0, size)).has_value()) << size;
  }
}

// A header of many keys costs about linear time; a tree with ordered keys would need minutes.
TEST(Safetensors, ManyTensorsAreCheap) {
  std::string header = "{";
  for (int i = 0; i < 200'000; ++i) {
    if (i > 0) header += ',';
    header += entry(fmt::format("tensor{}", i), 8 * i, 8 * i + 8);
  }
  const auto parsed = parse(file_of(header + "}", 8 * 200'000));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->tensors.size(), 200'000u);
}

TEST(Safetensors, ErrorsNameTheFile) {
  const testing::TempFolder folder;
  EXPECT_EQ(open_safetensors(folder.path() / "none.safetensors").error().code, Code::kNotFound);
  folder.write("bad.safetensors", file_of("[]", 0));
  EXPECT_THAT(open_safetensors(folder.path() / "bad.safetensors").error().message,
              HasSubstr("bad.safetensors: the header"));
  EXPECT_FALSE(open_safetensors(folder.path()).has_value());
}

TEST(DTypes, NamesAndSizes) {
  EXPECT_EQ(*parse_dtype("BF16"), DType::kBF16);
  EXPECT_EQ(*parse_dtype("F8_E4M3"), DType::kF8E4M3);
  EXPECT_EQ(dtype_name(DType::kF8E5M2), "F8_E5M2");
  EXPECT_EQ(dtype_size(DType::kF64), 8);
  EXPECT_EQ(dtype_size(DType::kBool), 1);
  EXPECT_EQ(parse_dtype("F4").error().code, Code::kUnsupported);
  EXPECT_THAT(parse_dtype("F4").error().message, HasSubstr("BF16"));
}

}  // namespace
}  // namespace glmv::checkpoint
