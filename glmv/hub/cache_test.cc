#include "glmv/hub/cache.h"

#include <gmock/gmock.h>

#include "glmv/hub/cache_models.h"
#include "glmv/hub/file_lock.h"
#include "glmv/hub/ranged_download.h"
#include "glmv/hub/test_support.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

using CacheTest = HubTest;

TEST(ContentRange, IsReadStrictly) {
  EXPECT_EQ(parse_content_range("bytes 5-9/10"), std::pair(int64_t{5}, int64_t{10}));
  EXPECT_EQ(parse_content_range("bytes 0-0/*"), std::pair(int64_t{0}, int64_t{-1}));
  for (const char* bad : {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-9/9", "bytes -9/10",
                          "bytes 5-/10", "bytes 5-9/10x", "bytes 5-9/-1", "octets 5-9/10",
                          "bytes */10", "bytes 99999999999999999999-9/10"}) {
    EXPECT_FALSE(parse_content_range(bad)) << bad;
  }
}

TEST_F(CacheTest, NamesLeadToSnapshots) {
  const RepoName repo = *parse_repo_name(name);
  auto found = find_snapshot(options.cache, repo, ModelUse::kWeights);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kNotFound);
  EXPECT_THAT(found.error().message, HasSubstr("glmv pull acme/tiny"));
  ASSERT_TRUE(pull_it());
  found = find_snapshot(options.cache, repo, ModelUse::kWeights);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, snapshot());
  EXPECT_EQ(repo_of_snapshot(*found)->id(), "acme/tiny");
  EXPECT_EQ(repo_of_snapshot(found->string() + "/")->id(), "acme/tiny");
  EXPECT_FALSE(repo_of_snapshot("/tmp/" + hub.commit()));
  EXPECT_TRUE(find_snapshot(options.cache, *parse_repo_name("acme/tiny@" + hub.commit()),
                            ModelUse::kWeights));
  EXPECT_FALSE(find_snapshot(options.cache, *parse_repo_name("acme/tiny@v2"), ModelUse::kFiles));
}

TEST_F(CacheTest, IncompleteModelsSayWhatIsMissing) {
  hub.files.erase("model.safetensors");
  hub.files["model-1.safetensors"] = {"one", true};
  hub.files["model-2.safetensors"] = {"two", true};
  hub.files["model.safetensors.index.json"] = {
      R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","c":"../x"}})"};
  ASSERT_TRUE(pull_it({.filter = {.exclude = {"model-2*"}}}));
  const RepoName repo = *parse_repo_name(name);
  const auto found = find_snapshot(options.cache, repo, ModelUse::kWeights);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("model-2.safetensors"));
  EXPECT_TRUE(find_snapshot(options.cache, repo, ModelUse::kFiles));
  EXPECT_FALSE(scan_cache(options.cache)[0].revisions[0].complete);
  fs::remove(snapshot() / "config.json");
  EXPECT_THAT(find_snapshot(options.cache, repo, ModelUse::kFiles).error().message,
              HasSubstr("config.json"));
}

TEST_F(CacheTest, BrokenRefsAreNoModels) {
  ASSERT_TRUE(pull_it());
  const RepoName repo = *parse_repo_name(name);
  for (const std::string& bad : {std::string("../../../etc"), std::string("x"),
                                 std::string(300, 'a'), std::string(40, 'A')}) {
    std::ofstream(model_folder() / "refs/main") << bad;
    EXPECT_FALSE(find_snapshot(options.cache, repo, ModelUse::kFiles)) << bad;
  }
  std::ofstream(model_folder() / "refs/main") << hub.commit() << "\n";
  EXPECT_TRUE(find_snapshot(options.cache, repo, ModelUse::kFiles));
}

TEST_F(CacheTest, ListsWhatItHolds) {
  EXPECT_TRUE(scan_cache(options.cache).empty());
  ASSERT_TRUE(pull_it());
  fs::create_directories(options.cache / "datasets--a--b/snapshots");
  fs::create_directories(options.cache / "models--begun--one/blobs");
  std::ofstream(options.cache / "models--begun--one/blobs/x.incomplete") << "12345";
  const auto models = scan_cache(options.cache);
  ASSERT_EQ(models.size(), 2);
  EXPECT_EQ(models[1].repo.id(), "begun/one");
  EXPECT_EQ(models[1].begun_bytes, 5);
  const CachedModel& model = models[0];
  EXPECT_EQ(model.repo.id(), "acme/tiny");
  ASSERT_EQ(model.revisions.size(), 1);
  const CachedRevision& revision = model.revisions[0];
  EXPECT_EQ(revision.commit, hub.commit());
  EXPECT_THAT(revision.refs, ElementsAre("main"));
  EXPECT_EQ(revision.model_type, "glm4v");
  EXPECT_EQ(revision.bytes, static_cast<int64_t>(kWeightBytes) + 22 + 7);
  EXPECT_EQ(revision.num_files, 3);
  EXPECT_TRUE(revision.complete);
  EXPECT_NEAR(static_cast<double>(revision.modified), static_cast<double>(std::time(nullptr)), 60);
}

TEST_F(CacheTest, RemovingARevisionKeepsWhatOthersUse) {
  ASSERT_TRUE(pull_it());
  const std::string first = hub.commit();
  hub.set_commit(std::string(40, 'f'));
  hub.files["config.json"].content = R"({"model_type":"glm_ocr"})";
  ASSERT_TRUE(pull_it());
  const std::string old_config = ContentDigest::git_sha1(R"({"model_type":"glm4v"})");
  ASSERT_EQ(scan_cache(options.cache)[0].revisions.size(), 2);
  EXPECT_EQ(content_of(model_folder() / "refs/main"), hub.commit());

  const RepoName repo = *parse_repo_name("acme/tiny@" + first);
  const auto plan = plan_removal(options.cache, repo, true);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->bytes, 22);
  EXPECT_FALSE(plan->everything);
  ASSERT_TRUE(remove_model(options.cache, repo, true));
  EXPECT_FALSE(fs::exists(model_folder() / "snapshots" / first));
  EXPECT_FALSE(fs::exists(model_folder() / "blobs" / old_config));
  EXPECT_TRUE(has_weights());
  EXPECT_TRUE(fs::exists(snapshot() / "config.json"));
  EXPECT_EQ(content_of(model_folder() / "refs/main"), hub.commit());
  EXPECT_FALSE(remove_model(options.cache, repo, true));  // not there any more

  const auto all = remove_model(options.cache, repo, false);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->everything);
  EXPECT_GT(all->bytes, 1'000'000);
  EXPECT_FALSE(fs::exists(model_folder()));
  EXPECT_FALSE(fs::exists(options.cache / ".locks/models--acme--tiny"));
  EXPECT_EQ(remove_model(options.cache, repo, false).error().code, Code::kNotFound);
}

TEST_F(CacheTest, RemovingFollowsNoLinks) {
  ASSERT_TRUE(pull_it());
  fs::create_directories(folder.path() / "outside");
  std::ofstream(folder.path() / "outside/kept") << "x";
  fs::create_directory_symlink(folder.path() / "outside", model_folder() / "snapshots/link");
  fs::create_symlink(folder.path() / "outside/kept", snapshot() / "stray.json");
  ASSERT_TRUE(remove_model(options.cache, *parse_repo_name(name), false));
  EXPECT_TRUE(fs::exists(folder.path() / "outside/kept"));
  EXPECT_FALSE(fs::exists(model_folder()));
}

TEST_F(CacheTest, WhatIsBeingFetchedIsNotRemoved) {
  ASSERT_TRUE(pull_it());
  const std::string digest = FakeHub::digest(hub.files.at("model.safetensors"));
  {
    auto lock =
        FileLock::try_take(options.cache / ".locks/models--acme--tiny" / (digest + ".lock"));
    ASSERT_TRUE(lock && *lock);
    const auto refused = remove_model(options.cache, *parse_repo_name(name), false);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("being fetched"));
    EXPECT_TRUE(has_weights());
  }
  EXPECT_TRUE(remove_model(options.cache, *parse_repo_name(name), false));
}

}  // namespace
}  // namespace glmv::hub
