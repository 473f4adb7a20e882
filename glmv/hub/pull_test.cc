#include "glmv/hub/pull.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "glmv/hub/cache.h"
#include "glmv/hub/file_lock.h"
#include "glmv/hub/test_support.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(HubTest, LayoutIsThatOfHuggingfaceHub) {
  hub.files["extra/notes.txt"] = {"deep"};
  const auto plan = pull_it({.filter = {.include = {"*"}, .exclude = {"*.bin"}}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->snapshot, snapshot());
  for (const char* file : {"config.json", "README.md", "model.safetensors", "extra/notes.txt"}) {
    const std::string digest = FakeHub::digest(hub.files.at(file));
    EXPECT_EQ(content_of(snapshot() / file), hub.files.at(file).content) << file;
    const std::string up = std::string(file).find('/') == std::string::npos ? "" : "../";
    EXPECT_EQ(fs::read_symlink(snapshot() / file), up + "../../blobs/" + digest);
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(model_folder() / "blobs" / digest)));
    EXPECT_TRUE(fs::exists(options.cache / ".locks/models--acme--tiny" / (digest + ".lock")));
  }
  EXPECT_FALSE(fs::exists(snapshot() / "pytorch_model.bin"));
  EXPECT_EQ(content_of(model_folder() / "refs/main"), hub.commit());
  EXPECT_TRUE(fs::exists(model_folder() / ".no_exist" / hub.commit() / "chat_template.jinja"));
  EXPECT_FALSE(fs::exists(model_folder() / ".no_exist" / hub.commit() / "config.json"));
  for (const auto& entry : fs::recursive_directory_iterator(options.cache)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("incomplete")));
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("tmp")));
  }
}

TEST_F(HubTest, SecondPullFetchesNothing) {
  ASSERT_TRUE(pull_it());
  hub.forget();
  const auto plan = pull_it();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->missing_bytes(), 0);
  EXPECT_EQ(hub.seen().size(), 1);  // the list
  EXPECT_TRUE(watcher.begun.empty());
}

TEST_F(HubTest, LargeFilesComeInPartsFromWhereTheyLie) {
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
  EXPECT_THAT(watcher.done, ElementsAre("README.md", "config.json", "model.safetensors"));
  EXPECT_EQ(hub.count("GET", "/link/model.safetensors"), 11);
  EXPECT_EQ(hub.count("GET", "/resolve/"), 2);
}

TEST_F(HubTest, TokenStaysAtTheHub) {
  hub.needs_token = true;
  options.token = "hf_secret";
  ASSERT_TRUE(pull_it());
  int num_elsewhere = 0;
  for (const FakeHub::Seen& seen : hub.seen()) {
    EXPECT_EQ(seen.authorization, seen.second_port ? "" : "Bearer hf_secret") << seen.path;
    num_elsewhere += seen.second_port;
  }
  EXPECT_GT(num_elsewhere, 5);
}

TEST_F(HubTest, WithoutRedirectsAllComesFromTheHub) {
  hub.redirects = false;
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
}

TEST_F(HubTest, RenamedModelsAreFollowed) {
  hub.moved["acme/old"] = "acme/tiny";
  name = "acme/old";
  const auto plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(fs::exists(options.cache / "models--acme--old/refs/main"));
}

TEST_F(HubTest, RevisionsHaveRefsOfTheirOwn) {
  name = "acme/tiny@refs/pr/1";
  ASSERT_TRUE(pull_it());
  EXPECT_EQ(content_of(model_folder() / "refs/refs/pr/1"), hub.commit());
  EXPECT_FALSE(fs::exists(model_folder() / "refs/main"));
  name = "acme/tiny@" + hub.commit();
  ASSERT_TRUE(pull_it());
  EXPECT_FALSE(fs::exists(model_folder() / "refs" / hub.commit()));
}

TEST_F(HubTest, ConnectionsThatBreakAreTakenUpWhereTheyBroke) {
  hub.faults.drops = {10'000, 50'000, 0, 70'000, 99'999, 1};
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
  fs::remove_all(options.cache);
  options.num_connections = 1;
  hub.faults.drops = {10'000, 1, 40'000};
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
  std::vector<std::string> ranges;
  for (const auto& seen : hub.seen()) ranges.push_back(seen.range);
  EXPECT_THAT(ranges, Contains("bytes=10000-99999"));
}

TEST_F(HubTest, GivesUpAfterManyFailuresAndGoesOnLater) {
  hub.faults.drops = {60'000};
  for (int i = 0; i < 100; ++i) hub.faults.drops.push_back(0);
  options.num_connections = 1;
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("60000 of 1000003 bytes"));
  EXPECT_EQ(fs::file_size(weights_blob(".incomplete")), 60'000);
  EXPECT_FALSE(fs::exists(model_folder() / "refs/main"));  // not before all is there
  hub.faults.drops.clear();
  hub.forget();
  const auto plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(has_weights());
  EXPECT_EQ(plan->missing_bytes(), 940'003);
  std::vector<std::string> ranges;
  for (const auto& seen : hub.seen()) ranges.push_back(seen.range);
  EXPECT_THAT(ranges, Contains("bytes=60000-159999"));
  EXPECT_THAT(ranges, Not(Contains("bytes=0-99999")));
}

TEST_F(HubTest, StopsWhenItIsNotWantedAndKeepsWhatCame) {
  hub.faults.delay = std::chrono::milliseconds(2);
  options.num_connections = 1;  // what others hold is lost
  watcher.still_wanted = [this] { return watcher.bytes < 300'000; };
  const auto stopped = pull_it();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  const auto kept = fs::file_size(weights_blob(".incomplete"));
  EXPECT_GE(kept, 300'000);
  const std::string begun = content_of(weights_blob(".incomplete"));
  EXPECT_EQ(begun, hub.files.at("model.safetensors").content.substr(0, kept));
  watcher.still_wanted = {};
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
}

TEST_F(HubTest, ServersWithoutRangesAreReadInOneGo) {
  hub.faults.ignores_ranges = true;
  fs::create_directories(weights_blob().parent_path());
  std::ofstream(weights_blob(".incomplete"))
      << hub.files.at("model.safetensors").content.substr(0, 5000);
  hub.faults.drops = {20'000};  // of the first answer; the next one begins at 0 again
  const auto plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(has_weights());
}

TEST_F(HubTest, LinksThatRanOutAreAskedForAgain) {
  hub.faults.expired_links = 2;
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
  EXPECT_GE(hub.count("HEAD", "/resolve/" + hub.commit() + "/model.safetensors"), 3);
}

TEST_F(HubTest, BusyHubsAreAskedLater) {
  hub.faults.statuses = {429, 503, 502};
  hub.faults.retry_after = "0";
  const auto plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(watcher.notes, Contains(HasSubstr("429")));
  hub.faults.statuses = {429};
  hub.faults.retry_after = "4000";
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("try again in 4000 s"));
}

TEST_F(HubTest, RefusalsSayWhatToDo) {
  const struct {
    int status;
    const char *error_code, *says;
    Code code;
  } kCases[] = {
      {401, "", "HF_TOKEN", Code::kNotFound},
      {401, "RepoNotFound", "check the name", Code::kNotFound},
      {401, "GatedRepo", "agree to its terms at http://127.0.0.1", Code::kUnavailable},
      {403, "GatedRepo", "gated", Code::kUnavailable},
      {403, "", "refuses", Code::kUnavailable},
      {404, "RepoNotFound", "check the name", Code::kNotFound},
      {404, "RevisionNotFound", "no revision \"main\"", Code::kNotFound},
      {418, "", "answers 418", Code::kUnavailable},
  };
  for (const auto& one : kCases) {
    hub.faults.statuses = {one.status};
    hub.error_code = one.error_code;
    const auto failed = pull_it();
    ASSERT_FALSE(failed) << one.status;
    EXPECT_EQ(failed.error().code, one.code) << failed.error().message;
    EXPECT_THAT(failed.error().message, HasSubstr(one.says));
  }
  hub.faults.statuses = std::vector<int>(50, 500);
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("answers 500"));
  hub.faults.statuses.clear();
  EXPECT_FALSE(fs::exists(options.cache));
  name = "acme/none";
  EXPECT_EQ(pull_it().error().code, Code::kNotFound);
}

TEST_F(HubTest, WrongContentIsNotKept) {
  hub.faults.corrupts = true;
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("do not have its digest"));
  EXPECT_FALSE(fs::exists(weights_blob()));
  EXPECT_FALSE(fs::exists(weights_blob(".incomplete")));
  EXPECT_FALSE(fs::exists(snapshot() / "model.safetensors"));
  EXPECT_FALSE(fs::exists(model_folder() / "refs/main"));
}

TEST_F(HubTest, SmallFilesAreCheckedToo) {
  hub.listing = R"({"sha":")" + hub.commit() + R"(","siblings":[
    {"rfilename":"model.safetensors"},{"rfilename":"config.json","size":22,"blobId":")" +
                std::string(40, '1') + "\"}]}";
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("contradicts itself about config.json"));
}

TEST_F(HubTest, SpoiledBeginningsAreFetchedAnew) {
  fs::create_directories(weights_blob().parent_path());
  std::ofstream(weights_blob(".incomplete")) << noise(500'001).substr(1);
  auto plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(has_weights());
  EXPECT_THAT(watcher.notes, Contains(HasSubstr("fetched anew")));
  fs::remove(weights_blob());
  std::ofstream(weights_blob(".incomplete")) << noise(2'000'000);  // longer than the file
  plan = pull_it();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(has_weights());
}

TEST_F(HubTest, ContentThatChangesMeanwhileIsNotMixed) {
  hub.faults.changes_after = 4;
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_FALSE(fs::exists(weights_blob()));
  EXPECT_FALSE(fs::exists(weights_blob(".incomplete")));
}

TEST_F(HubTest, LiesAboutSizesAndRangesAreFound) {
  hub.faults.lies_in_head = 5;
  EXPECT_THAT(pull_it().error().message, HasSubstr("lists model.safetensors with 1000003 bytes"));
  hub.faults = {.wrong_ranges = true};
  EXPECT_THAT(pull_it().error().message, HasSubstr("other bytes"));
  hub.faults = {.sends_more = true};
  EXPECT_THAT(pull_it().error().message, HasSubstr("more bytes"));
  hub.faults = {.lies_in_list = int64_t{1} << 49};
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kResourceExhausted);
  EXPECT_THAT(failed.error().message, HasSubstr("HF_HOME"));
}

TEST_F(HubTest, ListsWithoutSizesAreCompletedByAsking) {
  hub.faults.no_sizes = true;
  const auto plan = pull_it({.dry_run = true});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->total_bytes(), static_cast<int64_t>(kWeightBytes) + 22 + 7);
  ASSERT_TRUE(pull_it());
  EXPECT_TRUE(has_weights());
}

TEST_F(HubTest, DryRunWritesNothing) {
  const auto plan = pull_it({.dry_run = true});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->files.size(), 3);
  EXPECT_EQ(plan->num_left_out, 1);
  EXPECT_EQ(plan->missing_bytes(), plan->total_bytes());
  EXPECT_FALSE(fs::exists(options.cache));
}

TEST_F(HubTest, HostileListsWriteNothing) {
  for (const char* bad : {"../../../evil", "/tmp/evil", "a/../../evil"}) {
    hub.listing = R"({"sha":")" + hub.commit() + R"(","siblings":[{"rfilename":")" + bad + "\"}]}";
    const auto failed = pull_it({.filter = {.include = {"*"}}});
    ASSERT_FALSE(failed) << bad;
    EXPECT_EQ(failed.error().code, Code::kInvalidArgument);
  }
  hub.listing = std::string(65 << 20, ' ');
  EXPECT_EQ(pull_it().error().code, Code::kResourceExhausted);
  EXPECT_FALSE(fs::exists(options.cache));
}

TEST_F(HubTest, ModelsWithoutSafetensorsNameTheirGgufs) {
  hub.files.erase("model.safetensors");
  hub.files["tiny-Q4_K.gguf"] = {"gguf", true};
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("tiny-Q4_K.gguf"));
  EXPECT_TRUE(pull_it({.filter = {.include = {"*.json", "*.gguf"}}}));
  EXPECT_THAT(pull_it({.filter = {.include = {"*.nope"}}}).error().message,
              HasSubstr("none of the"));
}

TEST_F(HubTest, OfflineNothingIsAsked) {
  options.offline = true;
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("HF_HUB_OFFLINE"));
  options.offline = false;
  ASSERT_TRUE(pull_it());
  hub.forget();
  options.offline = true;
  EXPECT_TRUE(pull_it());
  EXPECT_TRUE(hub.seen().empty());
}

TEST_F(HubTest, TwoPullsShareTheWork) {
  hub.faults.delay = std::chrono::milliseconds(5);
  Watcher other;
  Result<PullPlan> second = not_found("");
  std::jthread thread([&] { second = pull(options, {.repo = *parse_repo_name(name)}, other); });
  const auto first = pull_it();
  thread.join();
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(has_weights());
  EXPECT_EQ(hub.count("GET", "/link/model.safetensors"), 11);
}

TEST_F(HubTest, WaitsForTheLockOfAnotherProgram) {
  const fs::path locks = options.cache / ".locks/models--acme--tiny";
  fs::create_directories(locks);
  const std::string digest = FakeHub::digest(hub.files.at("model.safetensors"));
  auto lock = FileLock::try_take(locks / (digest + ".lock"));
  ASSERT_TRUE(lock && *lock);
  int num_asked = 0;
  watcher.still_wanted = [&] { return watcher.notes.empty() || ++num_asked < 5; };
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kCancelled);
  EXPECT_THAT(watcher.notes, Contains(HasSubstr("another program")));
}

TEST_F(HubTest, SilentHubsAreLeft) {
  options.stall_timeout = std::chrono::milliseconds(1000);
  hub.faults.delay = std::chrono::milliseconds(1500);
  options.retry_delay = std::chrono::milliseconds(0);
  const auto begin = std::chrono::steady_clock::now();
  int num_left = 0;
  watcher.still_wanted = [&] {
    num_left = static_cast<int>(watcher.notes.size());
    return num_left < 1;
  };
  EXPECT_FALSE(pull_it());
  EXPECT_GE(num_left, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(HubTest, UnreachableHubIsSaid) {
  options.endpoint = *net::parse_url("http://127.0.0.1:9");
  options.endpoint.target.clear();
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("is there a network"));
}

TEST_F(HubTest, PlacesThatCannotBeWrittenAreNamed) {
  std::ofstream(folder.path() / "file") << "x";
  options.cache = folder.path() / "file/hub";
  const auto failed = pull_it();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("HF_HOME"));
  EXPECT_THAT(failed.error().message, HasSubstr((folder.path() / "file/hub").string()));
}

}  // namespace
}  // namespace glmv::hub
