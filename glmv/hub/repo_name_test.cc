#include "glmv/hub/repo_name.h"

#include <gtest/gtest.h>

#include "glmv/hub/file_filter.h"

namespace glmv::hub {
namespace {

TEST(RepoName, TakesWhatHubsAllow) {
  const auto repo = parse_repo_name("zai-org/GLM-4.1V-9B-Thinking");
  ASSERT_TRUE(repo);
  EXPECT_EQ(repo->owner, "zai-org");
  EXPECT_EQ(repo->revision, "main");
  EXPECT_EQ(repo->id(), "zai-org/GLM-4.1V-9B-Thinking");
  EXPECT_EQ(repo->folder(), "models--zai-org--GLM-4.1V-9B-Thinking");
  EXPECT_EQ(repo_of_folder(repo->folder()), *repo);
  EXPECT_EQ(parse_repo_name("gpt2")->folder(), "models--gpt2");
  EXPECT_EQ(repo_of_folder("models--gpt2")->id(), "gpt2");
  EXPECT_EQ(parse_repo_name("a/b@refs/pr/1")->revision, "refs/pr/1");
  EXPECT_EQ(parse_repo_name("a/b@v1.0")->revision, "v1.0");
  EXPECT_TRUE(parse_repo_name("_a/b_"));
}

TEST(RepoName, RefusesWhatCouldLeadElsewhere) {
  for (const char* bad :
       {"",         "/",      "a/",       "/b",     "../x",       "a/../b",     "a/..",
        "a/b/c",    "a//b",   "a b",      "a/b@",   "a/b@../x",   "a/b@/x",     "a/b@x/",
        "a/b@x//y", "a/b@.x", "a/b@a..b", "a/b@-x", "a/b@x.lock", "a/b@a\nb",   "-a/b",
        "a/b-",     "a/.b",   "a/b.",     "a--b/c", "a/b--c",     "a/b..c",     "a/b.git",
        "a/b%2f",   "a\\b",   "~/b",      "a/b\n",  "\x80/b",     "a/\xc3\xa9", "http://x/y"}) {
    EXPECT_FALSE(parse_repo_name(bad)) << bad;
  }
  EXPECT_FALSE(parse_repo_name("a/" + std::string(97, 'x')));
  EXPECT_TRUE(parse_repo_name("a/" + std::string(96, 'x')));
  const auto error = parse_repo_name("../x\x1b[31m");
  EXPECT_EQ(error.error().message.find('\x1b'), std::string::npos) << error.error().message;
  EXPECT_NE(error.error().message.find("OWNER/NAME"), std::string::npos);
}

TEST(RepoName, LooksLikeOneOnlyWithTwoParts) {
  EXPECT_TRUE(looks_like_repo_name("a/b"));
  EXPECT_TRUE(looks_like_repo_name("a/b@v1"));
  EXPECT_FALSE(looks_like_repo_name("b"));
  EXPECT_FALSE(looks_like_repo_name("./b"));
  EXPECT_FALSE(looks_like_repo_name("/a/b"));
  EXPECT_FALSE(looks_like_repo_name("a/b/"));
  EXPECT_FALSE(repo_of_folder("datasets--a--b"));
  EXPECT_FALSE(repo_of_folder("models--"));
  EXPECT_FALSE(repo_of_folder("models--..--x"));
}

TEST(FileName, StaysInside) {
  for (const char* good : {"config.json", "a/b/c.txt", ".gitattributes", "...", "a b.txt",
                           "\xe4\xb8\xad.json", "a+b@c.json"}) {
    EXPECT_TRUE(check_file_name(good)) << good;
  }
  for (const char* bad : {"", "/etc/passwd", "../x", "a/../x", "a/..", "a//b", "a/", ".", "./a",
                          "a\\b", "a\nb", "a\x7f", "\xff"}) {
    EXPECT_FALSE(check_file_name(bad)) << bad;
  }
  EXPECT_FALSE(check_file_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(check_file_name(std::string(201, 'a')));
  EXPECT_TRUE(is_blob_name(std::string(64, 'a')));
  for (const char* bad : {"", "..", "a/b", "a.b", "a b", "\"a\""}) EXPECT_FALSE(is_blob_name(bad));
  EXPECT_EQ(url_escaped("a b/c#?%", true), "a%20b/c%23%3F%25");
  EXPECT_EQ(url_escaped("refs/pr/1", false), "refs%2Fpr%2F1");
}

TEST(FileFilter, DefaultIsWhatIsRead) {
  const FileFilter filter;
  for (const char* wanted : {"config.json", "tokenizer.json", "chat_template.jinja", "README.md",
                             "model-00001-of-00004.safetensors", "model.safetensors.index.json",
                             "merges.txt", "LICENSE", "tokenizer.model"}) {
    EXPECT_TRUE(filter.wants(wanted)) << wanted;
  }
  for (const char* unwanted : {"pytorch_model.bin", "model.pth", "model.onnx", "m-Q4_K.gguf",
                               "original/model.safetensors", ".gitattributes", "figures/a.png"}) {
    EXPECT_FALSE(filter.wants(unwanted)) << unwanted;
  }
}

TEST(FileFilter, PatternsReplaceIt) {
  const FileFilter filter{.include = {"*.gguf", "config.json", "onnx/"}, .exclude = {"*Q8*"}};
  EXPECT_TRUE(filter.wants("m-Q4_K.gguf"));
  EXPECT_TRUE(filter.wants("sub/m.gguf"));
  EXPECT_TRUE(filter.wants("onnx/a/b"));
  EXPECT_TRUE(filter.wants("config.json"));
  EXPECT_FALSE(filter.wants("m-Q8_0.gguf"));
  EXPECT_FALSE(filter.wants("tokenizer.json"));
  EXPECT_FALSE((FileFilter{.exclude = {"*.safetensors"}}.wants("model.safetensors")));
}

}  // namespace
}  // namespace glmv::hub
