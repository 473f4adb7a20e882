#include "glmv/hub/hub_options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "glmv/hub/test_support.h"

namespace glmv::hub {
namespace {

Result<HubOptions> options_of(const std::map<std::string, std::string>& variables,
                              const std::string& endpoint = {}) {
  return hub_options(
      [&variables](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      endpoint);
}

TEST(HubOptions, FoldersFollowTheEnvironment) {
  EXPECT_EQ(options_of({{"HOME", "/h"}})->cache, "/h/.cache/huggingface/hub");
  EXPECT_EQ(options_of({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}})->cache, "/x/huggingface/hub");
  EXPECT_EQ(options_of({{"HF_HOME", "/hf"}})->cache, "/hf/hub");
  EXPECT_EQ(options_of({{"HOME", "/h"}, {"HF_HOME", "~/m"}})->cache, "/h/m/hub");
  EXPECT_EQ(options_of({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}})->cache, "/old");
  EXPECT_EQ(
      options_of({{"HF_HOME", "/hf"}, {"HF_HUB_CACHE", "/c"}, {"HUGGINGFACE_HUB_CACHE", "/old"}})
          ->cache,
      "/c");
  EXPECT_FALSE(options_of({}));
  EXPECT_EQ(options_of({}).error().code, Code::kNotFound);
}

TEST(HubOptions, Endpoint) {
  EXPECT_EQ(options_of({{"HF_HOME", "/h"}})->endpoint.text(), "https://huggingface.co");
  EXPECT_EQ(
      options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", "https://m.example/hf/"}})->endpoint.text(),
      "https://m.example/hf");
  EXPECT_EQ(options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", "https://m.example"}}, "http://n:8080")
                ->endpoint.text(),
            "http://n:8080");
  for (const char* bad : {"huggingface.co", "ftp://x", "https://u:p@x", "https://x?y"}) {
    EXPECT_FALSE(options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", bad}})) << bad;
  }
}

TEST(HubOptions, OfflineIsReadAsPythonReadsIt) {
  for (const char* yes : {"1", "true", "Yes", "ON"}) {
    EXPECT_TRUE(options_of({{"HF_HOME", "/h"}, {"HF_HUB_OFFLINE", yes}})->offline);
  }
  for (const char* no : {"", "0", "no", "2"}) {
    EXPECT_FALSE(options_of({{"HF_HOME", "/h"}, {"HF_HUB_OFFLINE", no}})->offline);
  }
  EXPECT_TRUE(options_of({{"HF_HOME", "/h"}, {"TRANSFORMERS_OFFLINE", "1"}})->offline);
}

TEST(HubOptions, TokenOfVariableOrFile) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "token") << " hf_file\n";
  std::ofstream(folder.path() / "other") << "hf_other";
  const std::string home = folder.path().string();
  EXPECT_EQ(options_of({{"HF_HOME", home}})->token, "hf_file");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_TOKEN", "hf_env\n"}})->token, "hf_env");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_TOKEN_PATH", home + "/other"}})->token, "hf_other");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HUGGING_FACE_HUB_TOKEN", "old"}})->token, "old");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}})->token, "");
  const auto bad = options_of({{"HF_HOME", home}, {"HF_TOKEN", "se\r\ncret: x"}});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message.find("cret"), std::string::npos) << bad.error().message;
}

TEST(HubOptions, TokenGoesToTheEndpointAlone) {
  const auto url = [](const char* text) { return *net::parse_url(text); };
  const auto https = *options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", "https://hub.example"}});
  EXPECT_TRUE(https.sends_token_to(url("https://hub.example/a")));
  EXPECT_FALSE(https.sends_token_to(url("http://hub.example/a")));
  EXPECT_FALSE(https.sends_token_to(url("https://hub.example:444/a")));
  EXPECT_FALSE(https.sends_token_to(url("https://cdn.hub.example/a")));
  const auto http = *options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", "http://hub.example"}});
  EXPECT_FALSE(http.sends_token_to(url("http://hub.example/a")));
  const auto local = *options_of({{"HF_HOME", "/h"}, {"HF_ENDPOINT", "http://127.0.0.1:80"}});
  EXPECT_TRUE(local.sends_token_to(url("http://127.0.0.1/a")));
}

}  // namespace
}  // namespace glmv::hub
