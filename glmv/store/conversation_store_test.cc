#include "glmv/store/conversation_store.h"

#include <chrono>
#include <fstream>

#include "glmv/base/files.h"
#include "glmv/base/sha256.h"
#include "glmv/store/store_for_test.h"

namespace glmv::store {
namespace {

namespace fs = std::filesystem;

class Store : public InFolder {};

std::string digest_of(std::string_view bytes) {
  return Sha256().add(std::as_bytes(std::span(bytes))).digest().hex();
}

std::vector<std::string> ids(const Result<std::vector<Listed>>& list) {
  std::vector<std::string> out;
  EXPECT_TRUE(list);
  for (const Listed& each : *list) out.push_back(each.id);
  return out;
}

// The index of words agrees with the texts, and nothing hangs in the air.
void expect_sound(const fs::path& database) {
  auto db = Sqlite::open(database.string());
  ASSERT_TRUE(db);
  EXPECT_TRUE(db->run("INSERT INTO message_fts(message_fts, rank) VALUES('integrity-check', 1)"));
  EXPECT_EQ(db->number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
  EXPECT_EQ(db->number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
            0);
}

TEST_F(Store, KeepsWhatWasPut) {
  Json json = conversation_of("c1", "apples");
  json["msgs"][0]["parts"] = {{{"kind", "image"}, {"name", "a.png"}, {"sha256", "ab"}, {"w", 3}}};
  int64_t version = 0;
  {
    const auto store = open();
    version = *store->put("", stored(json));
  }
  const auto store = open();
  EXPECT_TRUE(notices_.empty());
  const auto found = store->get("", "c1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, version);
  EXPECT_EQ(nlohmann::json::parse(conversation_json(found->conversation).dump()),
            nlohmann::json::parse(json.dump()));
  EXPECT_EQ(store->get("", "c2").error().code, Code::kNotFound);
  EXPECT_EQ(fs::status(folder_).permissions() & fs::perms::others_all, fs::perms::none);
}

TEST_F(Store, AnUpdateKeepsOnlyWhatItNames) {
  const auto store = open();
  Json json = conversation_of("c1", "apples", 3);
  json["msgs"][0]["parts"] = {{{"kind", "image"}, {"sha256", "ab"}},
                              {{"kind", "image"}, {"sha256", "cd"}}};
  ASSERT_TRUE(store->put("", stored(json)));
  json["msgs"].erase(5);
  json["msgs"].erase(1);
  json["msgs"][0]["parts"].erase(0);
  json["msgs"][1]["text"] = "pears";
  json["msgs"].push_back({{"id", "new"}, {"role", "user"}, {"text", "plums"}});
  ASSERT_TRUE(store->put("", stored(json)));
  const auto found = store->get("", "c1");
  ASSERT_TRUE(found);
  EXPECT_EQ(conversation_json(found->conversation)["msgs"],
            conversation_json(stored(json))["msgs"]);
  EXPECT_TRUE(ids(store->search("", "apples 5")).empty());
  EXPECT_EQ(ids(store->search("", "plums")).size(), 1u);
  expect_sound(database());
}

TEST_F(Store, VersionsTellOfOthersChanges) {
  const auto store = open();
  const StoredConversation c = stored(conversation_of("c1", "x"));
  EXPECT_EQ(store->put("", c, 7).error().code, Code::kCancelled);
  const int64_t first = *store->put("", c, 0);
  EXPECT_EQ(store->put("", c, 0).error().code, Code::kCancelled);
  const int64_t second = *store->put("", c, first);
  EXPECT_GT(second, first);
  EXPECT_EQ(store->put("", c, first).error().code, Code::kCancelled);
  // Nor does a number come again when it was deleted.
  ASSERT_TRUE(store->remove("", "c1", 50));
  EXPECT_GT(*store->put("", c, 0), second);
}

TEST_F(Store, DeletionsAreRememberedUntilItIsPutAgain) {
  const auto store = open();
  ASSERT_TRUE(store->put("", stored(conversation_of("c1", "apples", 2))));
  ASSERT_TRUE(store->remove("", "c1", 77));
  ASSERT_TRUE(store->remove("", "c1", 99));
  ASSERT_TRUE(store->remove("", "never", 99));
  const auto deleted = store->deleted("");
  ASSERT_EQ(deleted->size(), 1u);
  EXPECT_EQ((*deleted)[0].id, "c1");
  EXPECT_EQ((*deleted)[0].deleted_ms, 77);
  EXPECT_TRUE(ids(store->search("", "apples")).empty());
  expect_sound(database());
  ASSERT_TRUE(store->put("", stored(conversation_of("c1", "apples"))));
  EXPECT_TRUE(store->deleted("")->empty());
}

TEST_F(Store, OwnersAreStrangers) {
  const auto store = open();
  ASSERT_TRUE(store->put("anna", stored(conversation_of("c1", "apples"))));
  ASSERT_TRUE(store->put("bert", stored(conversation_of("c1", "pears"))));
  EXPECT_EQ(store->get("anna", "c1")->conversation.title, "About apples");
  EXPECT_EQ(ids(store->list("bert")).size(), 1u);
  EXPECT_TRUE(ids(store->search("bert", "apples")).empty());
  EXPECT_TRUE(ids(store->list("")).empty());
  ASSERT_TRUE(store->remove("bert", "c1", 1));
  EXPECT_TRUE(store->get("anna", "c1"));
  EXPECT_TRUE(store->deleted("anna")->empty());
  ASSERT_TRUE(store->put_blob("anna", digest_of("hello"), "image/png", "hello", 1));
  EXPECT_EQ(store->get_blob("bert", digest_of("hello")).error().code, Code::kNotFound);
}

TEST_F(Store, FindsTextsAndTitles) {
  const auto store = open();
  const std::pair<const char*, const char*> kTexts[] = {{"c1", "The quick brown fox"},
                                                        {"c2", "50% of a_b \"quoted\" C:\\dir"},
                                                        {"c3", "红色的杯子在桌子上"},
                                                        {"c4", "Straße ÄÖ"}};
  int64_t time = 0;
  for (const auto& [id, text] : kTexts) {
    Json json = conversation_of(id, "x", 1, ++time);
    json["conv"]["title"] = "nothing";
    json["msgs"][0]["text"] = text;
    ASSERT_TRUE(store->put("", stored(json)));
  }
  const auto found = [&](std::string_view words) { return ids(store->search("", words)); };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(found("QUICK brown"), Ids{"c1"});
  EXPECT_EQ(found("uick b"), Ids{"c1"});
  EXPECT_EQ(found("fo"), Ids{"c1"});
  EXPECT_EQ(found("0%"), Ids{"c2"});
  EXPECT_EQ(found("%"), Ids{"c2"});
  EXPECT_EQ(found("a_b"), Ids{"c2"});
  EXPECT_TRUE(found("axb").empty());
  EXPECT_EQ(found("\"quoted\""), Ids{"c2"});
  EXPECT_EQ(found("C:\\dir"), Ids{"c2"});
  EXPECT_EQ(found("杯子"), Ids{"c3"});  // two characters: no trigram
  EXPECT_EQ(found("红"), Ids{"c3"});
  EXPECT_EQ(found("杯子在桌"), Ids{"c3"});
  EXPECT_EQ(found("straße"), Ids{"c4"});
  EXPECT_EQ(found("thought"), (Ids{"c4", "c3", "c2", "c1"}));  // newest first
  EXPECT_EQ(found("nothing").size(), 4u);
  EXPECT_EQ(store->search("", "nothing", 2)->size(), 2u);
  for (const char* odd : {"", "*", "NEAR(a b)", "a AND b", "text:fox", "^fox", "-", "' OR 1"}) {
    EXPECT_TRUE(found(odd).empty()) << odd;
  }
  EXPECT_TRUE(found(std::string(100'000, 'q')).empty());
  EXPECT_TRUE(found(std::string_view("\0\0\xff\xc3", 4)).empty());
}

TEST_F(Store, BlobsLiveAsLongAsTheyAreNamed) {
  const auto store = open();
  const std::string bytes = "picture", sha256 = digest_of(bytes);
  EXPECT_EQ(store->put_blob("a", digest_of("other"), "image/png", bytes, 10).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(store->put_blob("a", "../../etc/passwd", "image/png", bytes, 10).error().code,
            Code::kInvalidArgument);
  ASSERT_TRUE(store->put_blob("a", sha256, "image/png", bytes, 10));
  ASSERT_TRUE(store->put_blob("a", sha256, "image/png", bytes, 10));
  ASSERT_TRUE(store->put_blob("b", sha256, "image/png", bytes, 10));
  EXPECT_EQ(store->get_blob("a", sha256)->bytes, bytes);
  EXPECT_EQ(store->get_blob("a", sha256)->mime, "image/png");
  EXPECT_EQ(store->get_blob("a", digest_of("x")).error().code, Code::kNotFound);
  Json json = conversation_of("c1", "x");
  json["msgs"][0]["parts"] = {{{"kind", "image"}, {"sha256", sha256}}};
  ASSERT_TRUE(store->put("a", stored(json)));
  // Not those that may be named soon, not those that are named, not files of others.
  ASSERT_TRUE(store->drop_unused_blobs(10));
  EXPECT_TRUE(store->get_blob("b", sha256));
  ASSERT_TRUE(store->drop_unused_blobs(11));
  EXPECT_FALSE(store->get_blob("b", sha256));
  EXPECT_TRUE(store->get_blob("a", sha256));
  const int64_t later = int64_t{3} * 24 * 3600 * 1000;
  ASSERT_TRUE(store->remove("a", "c1", later));
  EXPECT_FALSE(store->get_blob("a", sha256));
  EXPECT_FALSE(fs::exists(folder_ / "blobs" / sha256.substr(0, 2) / sha256));
}

TEST_F(Store, FilesWithoutARowAreRemovedAtTheStart) {
  const std::string kept = digest_of("kept"), stray = digest_of("stray"), fresh = digest_of("f");
  {
    const auto store = open();
    Json json = conversation_of("c1", "x");
    json["msgs"][0]["parts"] = {{{"kind", "image"}, {"sha256", kept}}};
    ASSERT_TRUE(store->put("", stored(json)));
    ASSERT_TRUE(store->put_blob("", kept, "", "kept", 10));
  }
  const BlobFiles files(folder_ / "blobs");
  ASSERT_TRUE(files.write(stray, "stray"));
  ASSERT_TRUE(files.write(fresh, "f"));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const std::string& name : {kept, stray}) {
    fs::last_write_time(folder_ / "blobs" / name.substr(0, 2) / name, old);
  }
  const auto store = open();
  EXPECT_TRUE(store->get_blob("", kept));
  EXPECT_FALSE(files.read(stray));
  EXPECT_TRUE(files.read(fresh));
}

TEST_F(Store, TenThousandConversations) {
  constexpr int kCount = 10'000;
  const auto store = open();
  {
    // One transaction, as of an import: what is measured is what follows.
    auto db = Sqlite::open(database().string());
    auto all = Transaction::begin(*db);
    auto conv = db->prepare(
        "INSERT INTO conversation(owner, id, version, title, created_ms, updated_ms, pinned, "
        "system, params_json, more_json) VALUES('', ?1, ?2, ?3, 1, ?2, 0, '', '{}', '{}')");
    auto message = db->prepare(
        "INSERT INTO message(conv_key, id, ord, role, text, think, status, stats_json, created_ms, "
        "more_json) VALUES(?1, 'm', 0, 'user', ?2, '', 'done', '{}', 1, '{}')");
    for (int64_t i = 1; i <= kCount; ++i) {
      const std::string id = fmt::format("c{}", i);
      ASSERT_TRUE(
          conv->bind(1, std::string_view(id)).bind(2, i).bind(3, std::string_view(id)).run());
      const std::string text = fmt::format("question number {} about the sea and its colours", i);
      ASSERT_TRUE(message->bind(1, i).bind(2, std::string_view(text)).run());
    }
    ASSERT_TRUE(all->commit());
  }
  const auto ms_of = [](const std::function<void()>& run) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
  };
  EXPECT_LT(ms_of([&] { EXPECT_EQ(ids(store->list("")).size(), size_t{kCount}); }), 2000);
  EXPECT_LT(ms_of([&] {
              EXPECT_EQ(ids(store->search("", "number 7777 ")), std::vector<std::string>{"c7777"});
            }),
            1000);
  EXPECT_LT(ms_of([&] { EXPECT_EQ(store->search("", "se")->size(), 200u); }), 2000);
  EXPECT_LT(ms_of([&] { EXPECT_TRUE(store->get("", "c5000")); }), 200);
  EXPECT_LT(ms_of([&] { EXPECT_TRUE(store->put("", stored(conversation_of("c5000", "y")))); }),
            1000);
}

TEST_F(Store, ALongConversationThatHardlyChangesIsPutQuickly) {
  const auto store = open();
  Json json = conversation_of("c1", std::string(1000, 'x'), 250);
  ASSERT_TRUE(store->put("", stored(json)));
  const int64_t before = fs::file_size(database().string() + "-wal");
  for (int i = 0; i < 20; ++i) {
    json["msgs"][499]["text"] = fmt::format("new words {}", i);
    ASSERT_TRUE(store->put("", stored(json)));
  }
  const int64_t written =
      static_cast<int64_t>(fs::file_size(database().string() + "-wal")) - before;
  EXPECT_LT(written, 20 * 300'000);
  expect_sound(database());
}

}  // namespace
}  // namespace glmv::store
