#include "glmv/runtime/block_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/runtime/block_spiller.h"

namespace glmv::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBytes = 5000;

Digest key_of(uint64_t n) { return Sha256().add_u64(n).digest(); }

std::vector<std::byte> block_of(uint64_t n, int64_t size = kBytes) {
  std::vector<std::byte> bytes(size);
  for (int64_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(n * 31 + i * i % 251);
  return bytes;
}

class BlockStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / fmt::format("glmv_block_store_{}", ::getpid());
    fs::remove_all(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  static BlockFormat format() {
    return {.model = key_of(77),
            .numerics = "float32/float32",
            .num_layers = 2,
            .kv_heads = 3,
            .head_dim = 4,
            .block_tokens = 8,
            .block_bytes = kBytes};
  }
  std::unique_ptr<BlockStore> open(int64_t max_files = 100, const BlockFormat& f = format()) {
    auto store = BlockStore::open(dir_, max_files * (f.block_bytes + 4096), f);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  static void save(BlockStore& store, uint64_t n) {
    const auto saved = store.save(key_of(n), key_of(n + 1000), block_of(n));
    EXPECT_TRUE(saved) << saved.error().message;
  }
  static bool holds(BlockStore& store, uint64_t n) {
    std::vector<std::byte> out(kBytes);
    if (!store.load(key_of(n), key_of(n + 1000), out)) return false;
    EXPECT_EQ(out, block_of(n));
    return true;
  }
  fs::path file(uint64_t n) const {
    const std::string hex = key_of(n).hex();
    return dir_ / hex.substr(0, 2) / (hex + ".kvb");
  }
  // All of them, temporary ones too.
  size_t num_files() const {
    size_t n = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_)) n += entry.is_regular_file();
    return n;
  }

  fs::path dir_;
};

TEST_F(BlockStoreTest, WhatWasSavedIsFoundAlsoByALaterProcess) {
  {
    const auto store = open();
    EXPECT_FALSE(holds(*store, 1));
    for (uint64_t n = 0; n < 5; ++n) save(*store, n);
    for (uint64_t n = 0; n < 5; ++n) EXPECT_TRUE(holds(*store, n));
  }
  const auto store = open();
  EXPECT_EQ(store->num_bytes(), 5 * (kBytes + 4096));
  for (uint64_t n = 0; n < 5; ++n) EXPECT_TRUE(holds(*store, n));
  EXPECT_FALSE(holds(*store, 9));
  // Saved by another process after this one looked.
  const auto other = open();
  save(*other, 9);
  EXPECT_TRUE(holds(*store, 9));
}

TEST_F(BlockStoreTest, DamagedFilesAreRemoved) {
  const auto store = open();
  const auto damage = [&](const std::function<void(std::string&)>& change) {
    save(*store, 1);
    std::string bytes = *read_file(file(1));
    change(bytes);
    std::ofstream(file(1), std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_FALSE(holds(*store, 1));
    EXPECT_FALSE(fs::exists(file(1)));
    EXPECT_EQ(store->num_bytes(), 0);
  };
  damage([](std::string& b) { b.resize(4096 + 100); });  // torn
  damage([](std::string& b) { b.resize(50); });
  damage([](std::string& b) { b.clear(); });
  damage([](std::string& b) { b += 'x'; });
  damage([](std::string& b) { b[4096 + 4999] ^= 1; });
  damage([](std::string& b) { std::fill(b.begin() + 4096 + 2000, b.end(), '\0'); });
  // Every byte of the header that says anything.
  save(*store, 1);
  const std::string good = *read_file(file(1));
  for (size_t i = 0; i < 204; ++i) {
    damage([&](std::string& b) { b[i] ^= 4; });
  }
  save(*store, 1);
  EXPECT_EQ(*read_file(file(1)), good);
  EXPECT_TRUE(holds(*store, 1));
}

TEST_F(BlockStoreTest, OfAnotherModelOrLayoutNothingIsTaken) {
  for (int i = 0; i < 6; ++i) {
    BlockFormat other = format();
    if (i == 0) other.model = key_of(5);
    if (i == 1) other.numerics = "float32/int8";
    if (i == 2) other.num_layers = 4;
    if (i == 3) other.kv_heads = 6;
    if (i == 4) other.head_dim = 2;
    if (i == 5) other.block_tokens = 16;
    save(*open(100, other), 1);
    EXPECT_FALSE(holds(*open(), 1)) << i;
  }
  save(*open(), 1);
  std::vector<std::byte> out(kBytes);
  EXPECT_FALSE(open()->load(key_of(1), key_of(3), out));  // behind another prefix
}

TEST_F(BlockStoreTest, FilesUsedLongestAgoGoWhenTheFolderIsFull) {
  auto store = open(3);
  const auto set_time = [&](uint64_t n, int64_t seconds) {
    const timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 0},
                               {.tv_sec = seconds, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file(n).c_str(), times, 0), 0);
  };
  for (uint64_t n = 0; n < 3; ++n) save(*store, n);
  EXPECT_TRUE(holds(*store, 0));
  save(*store, 3);
  EXPECT_FALSE(holds(*store, 1));
  EXPECT_EQ(num_files(), 3u);
  // The order of use is known after a restart, and a smaller limit holds at once.
  set_time(0, 3000), set_time(2, 1000), set_time(3, 2000);
  store = open(2);
  EXPECT_EQ(num_files(), 2u);
  EXPECT_FALSE(holds(*store, 2));
  EXPECT_TRUE(holds(*store, 3));
  save(*store, 4);
  EXPECT_FALSE(holds(*store, 0));
  EXPECT_LE(store->num_bytes(), 2 * (kBytes + 4096));
  EXPECT_FALSE(BlockStore::open(dir_, kBytes, format()));
}

TEST_F(BlockStoreTest, WhatDeadWritersLeftIsRemovedAndNothingElse) {
  {
    save(*open(), 1);
  }
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  const fs::path dead = file(2).string() + fmt::format(".tmp{}", child);
  const fs::path alive = file(3).string() + fmt::format(".tmp{}", ::getppid());
  const fs::path foreign = dir_ / "notes.txt";
  for (const fs::path& path : {dead, alive, foreign}) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "half";
  }
  const auto store = open();
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_EQ(store->num_bytes(), kBytes + 4096);
}

// A child that does nothing but write is killed at any moment; what is left is good or not there.
TEST_F(BlockStoreTest, AKilledWriterLeavesNothingTorn) {
  for (int round = 0; round < 5; ++round) {
    {
      open();
    }
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = BlockStore::open(dir_, int64_t{1} << 30, format());
      for (uint64_t n = 0;; ++n) (void)(*store)->save(key_of(n), key_of(n + 1000), block_of(n));
    }
    ::usleep(3000 + 4000 * round);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto store = open(1000000);
    size_t num_good = 0;
    const size_t before = num_files();
    for (uint64_t n = 0; n < before + 10; ++n) num_good += holds(*store, n);
    EXPECT_EQ(num_good, before);
    fs::remove_all(dir_);
  }
}

TEST_F(BlockStoreTest, AFullDiskTurnsWritingOffWithOneWarning) {
  const auto store = open();
  std::atomic<int> num_warnings = 0;
  std::string text;
  BlockSpiller spiller(*store, [&](const std::string& warning) {
    text = warning;
    ++num_warnings;
  });
  const auto block = block_of(1);
  const auto put = [&](uint64_t n, int64_t tag) {
    spiller.put(
        {.key = key_of(n), .parent = key_of(n + 1000), .block = block, .copy = {}, .tag = tag});
  };
  put(1, 10);
  spiller.drain();
  EXPECT_THAT(spiller.take_done(), testing::ElementsAre(10));
  EXPECT_TRUE(holds(*store, 1));

  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit limit{.rlim_cur = 4500, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (uint64_t n = 2; n < 6; ++n) put(n, static_cast<int64_t>(n));
  spiller.drain();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  ::signal(SIGXFSZ, old_handler);

  EXPECT_FALSE(spiller.ok());
  put(6, 6);
  EXPECT_THAT(spiller.take_done(), testing::UnorderedElementsAre(2, 3, 4, 5, 6));
  EXPECT_EQ(num_warnings, 1);
  EXPECT_THAT(text, testing::HasSubstr(dir_.string()));
  EXPECT_EQ(spiller.num_written(), 1);
  EXPECT_EQ(num_files(), 1u);  // no half file
  EXPECT_TRUE(holds(*store, 1));
}

TEST_F(BlockStoreTest, MemoryThatIsNeededIsGivenBackAtOnce) {
  const auto store = open(1000);
  BlockSpiller spiller(*store, {});
  std::vector<std::vector<std::byte>> blocks;
  for (uint64_t n = 0; n < 200; ++n) blocks.push_back(block_of(n));
  for (uint64_t n = 0; n < 200; ++n) {
    spiller.put({.key = key_of(n),
                 .parent = key_of(n + 1000),
                 .block = blocks[n],
                 .copy = {},
                 .tag = static_cast<int64_t>(n)});
  }
  std::vector<int64_t> tags = spiller.take_all();
  std::ranges::sort(tags);
  ASSERT_EQ(tags.size(), 200u);
  for (int64_t n = 0; n < 200; ++n) EXPECT_EQ(tags[n], n);
  for (auto& block : blocks) std::ranges::fill(block, std::byte{0});
  for (uint64_t n = 0; n < 200; ++n) holds(*store, n);  // compares where it is there
}

TEST(BlockStoreErrors, AFolderThatCannotBe) {
  const auto store =
      BlockStore::open("/dev/null/x", int64_t{1} << 30, {.numerics = "x", .block_bytes = kBytes});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, testing::HasSubstr("/dev/null/x"));
}

}  // namespace
}  // namespace glmv::runtime
