#include "glmv/checkpoint/model_digest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace glmv::checkpoint {
namespace {

namespace fs = std::filesystem;

class ModelDigest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / ("glmv_model_digest_" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    write("config.json", "{}");
    write("model.safetensors", std::string(3000, 'a'));
    write("model2.safetensors", std::string(5000, 'b'));
  }
  void TearDown() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& data) {
    std::ofstream(dir_ / name, std::ios::binary) << data;
  }
  Digest digest(const fs::path& gguf = {}) {
    const auto result = model_digest(dir_, gguf);
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(Digest{});
  }

  fs::path dir_;
};

TEST_F(ModelDigest, EveryByteOfASmallModelCounts) {
  const Digest before = digest();
  EXPECT_EQ(digest(), before);
  write("notes.txt", "not part of it");
  EXPECT_EQ(digest(), before);
  std::string changed(5000, 'b');
  changed[4321] = 'c';
  write("model2.safetensors", changed);
  EXPECT_NE(digest(), before);
  write("model2.safetensors", std::string(5000, 'b'));
  EXPECT_EQ(digest(), before);
  write("config.json", "{ }");
  EXPECT_NE(digest(), before);
  write("config.json", "{}");
  fs::rename(dir_ / "model2.safetensors", dir_ / "model0.safetensors");
  EXPECT_NE(digest(), before);
}

TEST_F(ModelDigest, BytesDoNotMoveFromFileToFile) {
  const Digest before = digest();
  write("model.safetensors", std::string(3000, 'a') + "b");
  write("model2.safetensors", std::string(4999, 'b'));
  EXPECT_NE(digest(), before);
}

TEST_F(ModelDigest, LargeFilesAreSampled) {
  std::string data(int64_t{65} << 20, 'x');
  write("model2.safetensors", data);
  const Digest before = digest();
  // Weights that were trained further: every few values are others.
  for (size_t i = 1 << 20; i < data.size(); i += 1000) data[i] = 'y';
  write("model2.safetensors", data);
  EXPECT_NE(digest(), before);
}

TEST_F(ModelDigest, GgufFilesAreTakenWhereTheyAreMeant) {
  const Digest before = digest();
  write("a.gguf", "1");
  EXPECT_EQ(digest(), before);
  const Digest gguf = digest("a.gguf");
  EXPECT_NE(gguf, before);
  write("a.gguf", "2");
  EXPECT_NE(digest("a.gguf"), gguf);
}

TEST(ModelDigestErrors, AMissingFolder) {
  const auto result = model_digest("/nonexistent/model");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace glmv::checkpoint
