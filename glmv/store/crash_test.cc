// What is left after SIGKILL, a full disk, a damaged file, a folder that cannot be written.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/store/schema.h"
#include "glmv/store/store_for_test.h"

namespace glmv::store {
namespace {

namespace fs = std::filesystem;

class Crash : public InFolder {};
class Damage : public InFolder {};
class Schema : public InFolder {};

// Puts conversations until it is killed, and says each number when it is there.
[[noreturn]] void put_for_ever(const fs::path& folder, int out) {
  std::vector<std::string> notices;
  const auto store = ConversationStore::open(folder, notices);
  if (!store) ::_exit(1);
  for (int32_t i = 0;; ++i) {
    const Json json = conversation_of(fmt::format("c{}", i % 5), fmt::format("round {}", i), 8, i);
    if (!(*store)->put("", stored(json))) ::_exit(1);
    if (::write(out, &i, sizeof i) != sizeof i) ::_exit(1);
  }
}

TEST_F(Crash, WhatWasAcknowledgedIsWholeAfterSigkill) {
  std::mt19937 random(7);
  for (int round = 0; round < 8; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) put_for_ever(folder_, pipe[1]);
    ::close(pipe[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(40 + random() % 120));
    ::kill(child, SIGKILL);
    int32_t last = -1, number = 0;
    while (::read(pipe[0], &number, sizeof number) == sizeof number) last = number;
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    const auto store = open();
    ASSERT_NE(store, nullptr);
    EXPECT_TRUE(notices_.empty());
    if (last < 0) continue;
    // The last one that was said to be there is, whole; or the next, whose word was cut off.
    const auto found = store->get("", fmt::format("c{}", last % 5));
    ASSERT_TRUE(found);
    EXPECT_GE(found->conversation.updated_ms, last);
    const auto list = store->list("");
    for (const Listed& each : *list) {
      const auto c = store->get("", each.id);
      ASSERT_EQ(c->conversation.messages.size(), 16u);
      for (const StoredMessage& message : c->conversation.messages) {
        EXPECT_TRUE(message.text.starts_with(fmt::format("round {} ", each.updated_ms)));
      }
    }
  }
}

TEST_F(Crash, AFullDatabaseSaysSoAndKeepsWhatItHas) {
  const auto store = open({.max_database_bytes = 400'000});
  ASSERT_TRUE(store->put("", stored(conversation_of("c1", "small"))));
  const auto refused = store->put("", stored(conversation_of("c2", std::string(20'000, 'x'), 50)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("full"), std::string::npos);
  EXPECT_FALSE(store->get("", "c2"));
  EXPECT_TRUE(store->get("", "c1"));
  EXPECT_TRUE(store->put("", stored(conversation_of("c3", "small"))));
}

TEST_F(Crash, ADiskThatTakesNoMore) {
  ASSERT_TRUE(open()->put("", stored(conversation_of("c1", "small"))));
  const int code = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600'000, 600'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<std::string> notices;
    const auto store = ConversationStore::open(folder_, notices);
    if (!store) return 10;
    const auto put = (*store)->put("", stored(conversation_of("c2", std::string(20'000, 'x'), 50)));
    if (put) return 11;
    if (put.error().code != Code::kResourceExhausted) return 12;
    if ((*store)->get("", "c2") || !(*store)->get("", "c1")) return 13;
    return (*store)->put("", stored(conversation_of("c3", "y"))) ? 0 : 14;
  });
  EXPECT_EQ(code, 0);
  const auto store = open();
  EXPECT_TRUE(notices_.empty());
  EXPECT_EQ(store->list("")->size(), 2u);
}

TEST_F(Crash, OneProgramAtATime) {
  const auto store = open();
  const int code = in_child([&] {
    std::vector<std::string> notices;
    const auto second = ConversationStore::open(folder_, notices);
    return !second && second.error().code == Code::kUnavailable ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

// Root may write anywhere: as somebody else, then.
int as_nobody(const std::function<int()>& run) {
  return in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 99;
    return run();
  });
}

TEST_F(Crash, AFolderThatCannotBeWritten) {
  ASSERT_TRUE(open()->put("", stored(conversation_of("c1", "small"))));
  for (const auto& entry : fs::directory_iterator(folder_)) ::chmod(entry.path().c_str(), 0444);
  ::chmod(folder_.c_str(), 0555);
  const auto opened = [&](const fs::path& folder) {
    std::vector<std::string> notices;
    const auto store = ConversationStore::open(folder, notices);
    if (store) return 1;
    return store.error().message.find(folder.string()) != std::string::npos ? 0 : 2;
  };
  EXPECT_EQ(as_nobody([&] { return opened(folder_); }), 0);
  EXPECT_EQ(as_nobody([&] { return opened(folder_ / "below"); }), 0);
  EXPECT_EQ(opened("/proc/no/such"), 0);
  ::chmod(folder_.c_str(), 0755);
  // Nothing was moved or made.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(Damage, ADamagedFileIsMovedAsideWithAWord) {
  const auto spoil = [&](const std::function<void(std::string&)>& change) {
    fs::remove_all(folder_);
    {
      const auto store = open();
      for (int i = 0; i < 40; ++i) {
        ASSERT_TRUE(store->put(
            "", stored(conversation_of(fmt::format("c{}", i), std::string(2000, 'x'), 4))));
      }
    }
    std::string bytes = *read_file(database());
    change(bytes);
    std::ofstream(database(), std::ios::binary | std::ios::trunc) << bytes;
    const auto store = open();
    ASSERT_NE(store, nullptr);
    ASSERT_EQ(notices_.size(), 1u);
    EXPECT_NE(notices_[0].find(".damaged-"), std::string::npos) << notices_[0];
    EXPECT_TRUE(store->list("")->empty());
    EXPECT_TRUE(store->put("", stored(conversation_of("c1", "new"))));
    // What it was lies beside it, byte by byte.
    bool kept = false;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const std::string name = entry.path().filename();
      if (name.find(".damaged-") != name.npos && !name.ends_with("-wal")) {
        kept = kept || *read_file(entry.path()) == bytes;
      }
    }
    EXPECT_TRUE(kept);
  };
  spoil([](std::string& bytes) { bytes.assign(5000, 'z'); });
  spoil([](std::string& bytes) { bytes.resize(bytes.size() / 2); });
  spoil([](std::string& bytes) {
    for (size_t i = 8192; i < bytes.size(); i += 512) bytes[i] = static_cast<char>(~bytes[i]);
  });
  spoil([](std::string& bytes) { bytes[100] = 'x'; });  // the page of the schema
}

TEST_F(Damage, NoBytesAreLostByFlippedOnes) {
  {
    const auto store = open();
    ASSERT_TRUE(store->put("", stored(conversation_of("c1", std::string(3000, 'x'), 20))));
  }
  const std::string whole = *read_file(database());
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::string bytes = whole;
    for (int i = 0; i < 20; ++i) bytes[random() % bytes.size()] ^= static_cast<char>(random());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    std::ofstream(database(), std::ios::binary) << bytes;
    std::vector<std::string> notices;
    const auto store = ConversationStore::open(folder_, notices);
    if (!store) {
      EXPECT_FALSE(store.error().message.empty());
      EXPECT_EQ(*read_file(database()), bytes);
      continue;
    }
    // Whatever could not be seen at the start is an error, not a crash.
    (void)(*store)->list("");
    (void)(*store)->get("", "c1");
    (void)(*store)->search("", "xxx");
    (void)(*store)->put("", stored(conversation_of("c2", "y")));
  }
}

constexpr const char* kOld =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v); CREATE TABLE t(a);"
    "INSERT INTO t VALUES(1);";
constexpr const char* kAdd = "ALTER TABLE t ADD COLUMN b DEFAULT 5;";

TEST_F(Schema, MigrationsAreTakenInTurnAfterACopy) {
  fs::create_directories(folder_);
  const char* const first[] = {kOld};
  ASSERT_TRUE(open_database(database(), first));
  EXPECT_FALSE(fs::exists(database().string() + ".v1"));
  const char* const both[] = {kOld, kAdd};
  auto opened = open_database(database(), both);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->db.number("SELECT b FROM t"), 5);
  EXPECT_EQ(opened->db.number("SELECT v FROM meta WHERE k = 'schema'"), 2);
  auto copy = Sqlite::open(database().string() + ".v1");
  EXPECT_EQ(copy->number("SELECT v FROM meta WHERE k = 'schema'"), 1);
  EXPECT_FALSE(copy->number("SELECT b FROM t"));
}

TEST_F(Schema, AMigrationThatFailsChangesNothing) {
  fs::create_directories(folder_);
  const char* const first[] = {kOld};
  ASSERT_TRUE(open_database(database(), first));
  const char* const bad[] = {kOld, kAdd, "INSERT INTO no_such VALUES(1);"};
  EXPECT_FALSE(open_database(database(), bad));
  auto db = Sqlite::open(database().string());
  EXPECT_EQ(db->number("SELECT v FROM meta WHERE k = 'schema'"), 1);
  EXPECT_FALSE(db->number("SELECT b FROM t"));
}

TEST_F(Schema, AFileOfANewerProgramIsLeftAlone) {
  {
    const auto store = open();
    auto db = Sqlite::open(database().string());
    ASSERT_TRUE(db->run("UPDATE meta SET v = 99 WHERE k = 'schema'"));
  }
  std::vector<std::string> notices;
  const auto store = ConversationStore::open(folder_, notices);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kUnsupported);
  EXPECT_NE(store.error().message.find("newer glmv"), std::string::npos);
  EXPECT_TRUE(notices.empty());
}

}  // namespace
}  // namespace glmv::store
