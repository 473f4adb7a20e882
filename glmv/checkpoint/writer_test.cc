#include "glmv/checkpoint/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <numeric>

#include "glmv/base/files.h"
#include "glmv/checkpoint/test_support.h"
#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

std::vector<std::byte> bytes_of(size_t count, int first) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>((first + i) & 0xff);
  return bytes;
}

TEST(Writer, FileReadsBackBitExactly) {
  const TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const auto first = bytes_of(24, 1);
  const auto second = bytes_of(3, 100);
  const std::vector<TensorToWrite> tensors = {
      {"z\"quoted\"", DType::kF32, {2, 3}, first},
      {"a", DType::kU8, {3}, second},
      {"empty", DType::kBF16, {0, 5}, {}},
      {"scalar", DType::kU8, {}, std::span(second).first(1)},
  };
  ASSERT_TRUE(write_safetensors(path, tensors, {{"step", "7"}}).has_value());
  const auto file = open_safetensors(path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_THAT(file->metadata, ElementsAre(std::pair("format", "pt"), std::pair("step", "7")));
  ASSERT_EQ(file->tensors.size(), tensors.size());
  for (const TensorToWrite& tensor : tensors) {
    const TensorView& view = file->tensors.at(tensor.name);
    EXPECT_EQ(view.dtype, tensor.dtype);
    EXPECT_EQ(view.shape, tensor.shape);
    EXPECT_TRUE(std::ranges::equal(view.data, tensor.data)) << tensor.name;
  }
  // The data starts at a multiple of 8 and keeps the given order.
  const TensorView& z = file->tensors.at("z\"quoted\"");
  EXPECT_EQ((z.data.data() - z.file->bytes().data()) % 8, 0);
  EXPECT_EQ(file->tensors.at("a").data.data(), z.data.data() + z.data.size());
  EXPECT_THAT(folder.names(), ElementsAre("x.safetensors"));
}

TEST(Writer, RefusesWhatItCouldNotReadBack) {
  const TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const auto data = bytes_of(8, 0);
  const std::pair<std::vector<TensorToWrite>, const char*> cases[] = {
      {{{"a", DType::kF32, {3}, data}}, "needs 12 bytes, but 8 were given"},
      {{{"a", DType::kF32, {-2}, data}}, "shape [-2] is not valid"},
      {{{"a", DType::kF32, {int64_t{1} << 62, 4}, data}}, "is not valid"},
      {{{"a", DType::kF32, {2}, data}, {"a", DType::kF32, {2}, data}}, "given twice"},
      {{{"__metadata__", DType::kF32, {2}, data}}, "cannot be a tensor name"},
      {{{"", DType::kF32, {2}, data}}, "cannot be a tensor name"},
      {{{"\xff", DType::kF32, {2}, data}}, "cannot be a tensor name"},
  };
  for (const auto& [tensors, error] : cases) {
    const auto written = write_safetensors(path, tensors);
    ASSERT_FALSE(written.has_value()) << error;
    EXPECT_THAT(written.error().message, HasSubstr(error));
  }
  EXPECT_FALSE(write_safetensors(path, {}, {{"k", "\xff"}}).has_value());
  EXPECT_THAT(folder.names(), ElementsAre());
}

TEST(Writer, WeightsAreShardedBySize) {
  const TempFolder folder;
  const auto data = bytes_of(40, 5);
  const std::vector<TensorToWrite> tensors = {
      {"lm_head.weight", DType::kF32, {10}, data},
      {"model.language_model.norm.weight", DType::kF32, {5}, std::span(data).first(20)},
      {"model.visual.post_layernorm.weight", DType::kF32, {5}, std::span(data).last(20)},
      {"model.visual.downsample.bias", DType::kF32, {1}, std::span(data).first(4)},
  };
  ASSERT_TRUE(write_weights(folder.path(), tensors, 40).has_value());
  EXPECT_THAT(folder.names(),
              ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                          "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  const ModelConfig config = testing::config_of("glm4_1v");
  const auto weights = open_weights(folder.path(), config);
  ASSERT_TRUE(weights.has_value()) << weights.error().message;
  EXPECT_EQ(weights->total_bytes, 84);
  for (const TensorToWrite& tensor : tensors) {
    EXPECT_TRUE(std::ranges::equal(weights->tensors.at(tensor.name).data, tensor.data));
  }
  const auto index = read_json_file(folder.path() / "model.safetensors.index.json");
  EXPECT_EQ((*index)["metadata"]["total_size"], 84);

  // A later write of another shape leaves nothing behind that a reader would mix in.
  ASSERT_TRUE(write_weights(folder.path(), tensors).has_value());
  EXPECT_THAT(folder.names(), ElementsAre("model.safetensors"));
  ASSERT_TRUE(write_weights(folder.path(), tensors, 50).has_value());
  EXPECT_THAT(folder.names(),
              ElementsAre("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                          "model.safetensors.index.json"));
  EXPECT_FALSE(write_weights(folder.path(), tensors, 0).has_value());
}

// Limits the size of written files, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_;
  sighandler_t old_handler_;
};

TEST(Writer, FullDiskKeepsTheOldFile) {
  const TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const auto small = bytes_of(4, 9);
  const auto large = bytes_of(1 << 20, 0);
  const std::vector<TensorToWrite> old_tensors = {{"a", DType::kU8, {4}, small}};
  const std::vector<TensorToWrite> tensors = {{"a", DType::kU8, {1 << 20}, large}};
  ASSERT_TRUE(write_safetensors(path, old_tensors).has_value());
  Result<void> written;
  {
    const FileSizeLimit limit(64 << 10);
    written = write_safetensors(path, tensors);
  }
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::kResourceExhausted);
  EXPECT_THAT(written.error().message, HasSubstr(path.string()));
  EXPECT_THAT(folder.names(), ElementsAre("x.safetensors"));
  const auto file = open_safetensors(path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_TRUE(std::ranges::equal(file->tensors.at("a").data, small));
}

TEST(Writer, FullDeviceIsReported) {
  const auto data = bytes_of(4, 0);
  const std::vector<TensorToWrite> tensors = {{"a", DType::kU8, {4}, data}};
  const auto written = write_safetensors("/proc/no_such_folder/x.safetensors", tensors);
  ASSERT_FALSE(written.has_value());
  EXPECT_THAT(written.error().message, HasSubstr("cannot create"));
}

TEST(Writer, CopiesSideFilesOnly) {
  const TempFolder from;
  for (const char* name : {"config.json", "tokenizer.json", "chat_template.jinja", "merges.txt",
                           "LICENSE", "model.safetensors", "model.safetensors.index.json",
                           "model.bin", ".hidden.json", "run.py"}) {
    from.write(name, std::string("content of ") + name);
  }
  const TempFolder base;
  const auto to = base.path() / "copy";
  ASSERT_TRUE(copy_side_files(from.path(), to).has_value());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(to)) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(
      names, ::testing::UnorderedElementsAre("config.json", "tokenizer.json", "chat_template.jinja",
                                             "merges.txt", "LICENSE"));
  EXPECT_EQ(*read_file(to / "merges.txt"), "content of merges.txt");
  EXPECT_EQ(copy_side_files(from.path() / "none", to).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace glmv::checkpoint
