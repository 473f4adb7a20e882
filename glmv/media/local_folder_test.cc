#include "glmv/media/local_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "glmv/media/file_url.h"

namespace glmv::media {
namespace {

namespace fs = std::filesystem;

class LocalFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/glmv_local_folder_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    top_ = fs::canonical(name);
    fs::create_directories(top_ / "media/sub");
    write("media/a b.png", "picture");
    write("media/sub/b.png", "deeper");
    write("secret.png", "secret");
    write("media2/c.png", "beside");
  }
  void TearDown() override { fs::remove_all(top_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((top_ / name).parent_path());
    std::ofstream(top_ / name) << text;
  }
  std::string at(const std::string& name) const { return (top_ / "media").string() + "/" + name; }
  LocalFolder folder() const { return *LocalFolder::open(top_ / "media"); }

  fs::path top_;
};

TEST_F(LocalFolderTest, ReadsRegularFilesBelow) {
  const LocalFolder media = folder();
  EXPECT_EQ(media.read(at("a b.png"), 100).value_or("?"), "picture");
  EXPECT_EQ(media.read(at("sub/b.png"), 100).value_or("?"), "deeper");
  EXPECT_EQ(media.read(*file_url_path("file://" + at("a%20b.png")), 100).value_or("?"), "picture");
  EXPECT_EQ(media.read(at("a b.png"), 7).value_or("?"), "picture");
  EXPECT_EQ(media.read(at("a b.png"), 6).error().code, Code::kResourceExhausted);
}

TEST_F(LocalFolderTest, RefusesEverythingElse) {
  fs::create_symlink("/etc/passwd", top_ / "media/link");
  fs::create_symlink("a b.png", top_ / "media/inner");
  fs::create_symlink(top_, top_ / "media/up");
  fs::create_directory_symlink("sub", top_ / "media/down");
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  struct Case {
    std::string path;
    Code code;
  };
  const Case cases[] = {
      {at("../secret.png"), Code::kUnsupported},
      {at("sub/../../secret.png"), Code::kUnsupported},
      {at("sub/.."), Code::kUnsupported},
      {at("./a b.png"), Code::kUnsupported},
      {at("sub//b.png"), Code::kUnsupported},
      {at(""), Code::kUnsupported},
      {(top_ / "media").string(), Code::kUnsupported},
      {(top_ / "media2/c.png").string(), Code::kUnsupported},
      {(top_ / "secret.png").string(), Code::kUnsupported},
      {"/etc/passwd", Code::kUnsupported},
      {"a b.png", Code::kUnsupported},
      {"", Code::kUnsupported},
      {at("a b.png") + std::string("\0x", 2), Code::kUnsupported},
      {at("link"), Code::kNotFound},
      {at("inner"), Code::kNotFound},
      {at("up/secret.png"), Code::kNotFound},
      {at("down/b.png"), Code::kNotFound},
      {at("pipe"), Code::kNotFound},  // and does not wait for a writer
      {at("sub"), Code::kNotFound},
      {at("none"), Code::kNotFound},
      {at("a b.png/x"), Code::kNotFound},
      {at(std::string(5000, 'x')), Code::kNotFound},
      // Decoded once: this is a file that is really called so.
      {*file_url_path("file://" + at("%2561%20b.png")), Code::kNotFound},
  };
  const LocalFolder media = folder();
  for (const Case& each : cases) {
    const auto bytes = media.read(each.path, 1 << 20);
    ASSERT_FALSE(bytes) << each.path;
    EXPECT_EQ(bytes.error().code, each.code) << each.path << ": " << bytes.error().message;
  }
  EXPECT_EQ(media.read(*file_url_path("file://" + at("%2e%2e/secret.png")), 100).error().code,
            Code::kUnsupported);
}

TEST_F(LocalFolderTest, TheFallbackRefusesTheSame) {
  fs::create_symlink("/etc/passwd", top_ / "media/link");
  fs::create_directory_symlink("sub", top_ / "media/down");
  const int folder = ::open((top_ / "media").c_str(), O_PATH | O_DIRECTORY);
  for (const auto open : {internal::open_beneath, internal::open_beneath_by_parts}) {
    for (const char* good : {"a b.png", "sub/b.png"}) {
      const int file = open(folder, good);
      EXPECT_GE(file, 0) << good;
      ::close(file);
    }
    for (const char* bad : {"link", "down/b.png", "none", "sub/none", "none/b.png", "a b.png/x"}) {
      EXPECT_EQ(open(folder, bad), -1) << bad;
    }
  }
  ::close(folder);
}

TEST_F(LocalFolderTest, StaysTheFolderThatWasOpened) {
  const LocalFolder media = folder();
  fs::rename(top_ / "media", top_ / "moved");
  fs::create_symlink(top_, top_ / "media");
  EXPECT_EQ(media.read(at("sub/b.png"), 100).value_or("?"), "deeper");
  EXPECT_FALSE(media.read(at("secret.png"), 100));
}

TEST_F(LocalFolderTest, MayBeNamedThroughALink) {
  fs::create_directory_symlink("media", top_ / "alias");
  const auto media = LocalFolder::open(top_ / "alias/");
  ASSERT_TRUE(media);
  EXPECT_TRUE(media->read(at("a b.png"), 100));
  EXPECT_TRUE(media->read((top_ / "alias/a b.png").string(), 100));
}

TEST_F(LocalFolderTest, TheRootMustBeMeant) {
  fs::create_directory_symlink("/", top_ / "root");
  for (const std::string& name :
       {std::string("/"), std::string("//"), std::string("/tmp/.."), (top_ / "root").string()}) {
    EXPECT_EQ(LocalFolder::open(name).error().code, Code::kInvalidArgument) << name;
  }
  const auto all = LocalFolder::open("/", true);
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->read(at("a b.png"), 100));
  EXPECT_EQ(LocalFolder::open(top_ / "none").error().code, Code::kNotFound);
  EXPECT_EQ(LocalFolder::open(top_ / "secret.png").error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace glmv::media
