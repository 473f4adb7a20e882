#include "glmv/chat/self_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "glmv/api/scripted_backend.h"
#include "glmv/base/files.h"

namespace glmv::chat {
namespace {

using api::ScriptedReply;

// An answer of these tokens; the first has this log probability, the next best one less by `lead`.
ScriptedReply answer(std::vector<int32_t> ids, float logprob, float lead = 2) {
  ScriptedReply script = ScriptedReply::text({"x"});
  for (const int32_t id : ids) {
    api::LogprobEntry entry{.token_id = id, .logprob = logprob};
    entry.top = {{.token_id = id, .logprob = logprob}, {.token_id = 99, .logprob = logprob - lead}};
    script.pieces[0].logprobs.push_back(std::move(entry));
  }
  script.reply.output_ids = std::move(ids);
  return script;
}

std::string problem(std::vector<ScriptedReply> replies, const SelfTestCase& test = {}) {
  api::ScriptedBackend backend(std::move(replies));
  return self_test(backend, test).problem();
}

TEST(SelfTest, PassesWhatIsRight) {
  EXPECT_EQ(problem({answer({1, 2}, -0.5f), answer({1, 2}, -0.5f), answer({1, 2}, -0.7f)}), "");
  const SelfTestCase known{.question = "?", .output_ids = {1, 2}};
  api::ScriptedBackend backend(
      {answer({1, 2}, -0.5f), answer({1, 2}, -0.5f), answer({3, 2}, -0.7f)});
  const SelfTestReport report = self_test(backend, known);
  EXPECT_TRUE(report.ok()) << report.problem();
  EXPECT_EQ(report.checks.size(), 5u);
  ASSERT_EQ(backend.requests().size(), 3u);
  const api::ChatRequest request = backend.requests()[0];
  EXPECT_EQ(request.temperature, 0.0);
  EXPECT_EQ(request.max_tokens, 2);
  EXPECT_TRUE(request.messages[0].content[0].source.starts_with("data:image/png;base64,"));
  EXPECT_NE(request.messages[0].content[0].source,
            backend.requests()[2].messages[0].content[0].source);
}

TEST(SelfTest, NamesWhatIsWrong) {
  const auto fine = answer({1, 2}, -0.5f);
  EXPECT_NE(
      problem({ScriptedReply::failure({Code::kInternal, "the logit nan"})}).find("the logit nan"),
      std::string::npos);
  EXPECT_NE(problem({answer({1}, NAN), answer({1}, NAN), fine}).find("\"finite\""),
            std::string::npos);
  EXPECT_NE(problem({fine, answer({1, 3}, -0.5f), answer({4}, -1)}).find("\"repeatable\""),
            std::string::npos);
  EXPECT_NE(problem({fine, answer({1}, -0.5f), answer({4}, -1)}).find("\"repeatable\""),
            std::string::npos);
  // A tie.
  EXPECT_EQ(problem({answer({1, 2}, -0.5f, 0.01f), answer({1, 3}, -0.5f), answer({4}, -1)}), "");
  EXPECT_NE(problem({fine, fine, fine}).find("\"sees pictures\""), std::string::npos);
  EXPECT_NE(problem({fine, fine, answer({4}, -1)}, {.output_ids = {1, 5}}).find("\"known answer\""),
            std::string::npos);
}

TEST(SelfTest, ReadsItsCase) {
  const auto dir =
      std::filesystem::temp_directory_path() / fmt::format("glmv_self_test_{}", ::getpid());
  std::filesystem::create_directories(dir);
  EXPECT_TRUE(read_self_test(dir)->output_ids.empty());
  const auto with = [&](const char* text) {
    EXPECT_TRUE(write_file_atomic(dir / "self_test.json", text));
    return read_self_test(dir);
  };
  EXPECT_EQ(with(R"({"question": "Q", "output_ids": [4, 5]})")->output_ids,
            (std::vector<int32_t>{4, 5}));
  for (const char* bad : {"[]", "{}", R"({"question": 1, "output_ids": []})",
                          R"({"question": "Q", "output_ids": ["a"]})", "{"}) {
    EXPECT_FALSE(with(bad)) << bad;
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace glmv::chat
