#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

constexpr int kMalformed = 2, kNotFound = 3;

class Inspect : public Program, public testing::WithParamInterface<const char*> {};

TEST_P(Inspect, TellsWhatAFolderHolds) {
  const Outcome outcome = run({"inspect", tiny(GetParam()), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const Json report = outcome.json();
  EXPECT_EQ(report["model_type"], GetParam());
  EXPECT_EQ(report["problems"], Json::array());
  int64_t total = 0;
  for (const Json& part : report["parts"]) total += part["parameters"].get<int64_t>();
  EXPECT_GT(total, 0);
  EXPECT_EQ(total, report["parameters"]);

  const Outcome text = run({"inspect", tiny(GetParam())});
  EXPECT_EQ(text.exit_code, 0);
  for (const char* row : {"decoder", "memory", "tokenizer", "special tokens", "problems"}) {
    EXPECT_THAT(text.out, HasSubstr(row));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Inspect, testing::Values("glm4v", "glm46v", "glm4v_moe", "glm_ocr"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Program, InspectNamesEveryProblemOfAFolder) {
  const std::string model = tiny();
  std::filesystem::remove(model + "/tokenizer.json");
  write(model + "/preprocessor_config.json", "{\"size\": ");
  const Outcome outcome = run({"inspect", model, "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  const std::string problems = outcome.json()["problems"].dump();
  EXPECT_THAT(problems, HasSubstr("tokenizer.json"));
  EXPECT_THAT(problems, HasSubstr("preprocessor_config.json"));
}

TEST_F(Program, InspectOfNoFolder) {
  expect_error(run({"inspect", path("nowhere")}), kNotFound, "nowhere");
  expect_error(run({"inspect", file("a.txt", "x")}), kMalformed, "a.txt");
}

Words bench(const std::string& model, const Words& more) {
  return join({"bench", "-m", model, "--runs", "2", "--prompt", "20", "--gen", "5"}, more);
}

TEST_F(Program, BenchMeasuresEveryPart) {
  const Outcome outcome = run(bench(tiny(), {"--image", "112x56", "--json", "-"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json result = outcome.json();
  for (const char* part : {"prefill", "decode", "vision"}) {
    EXPECT_EQ(result[part]["ms"].size(), 2u) << part;
    EXPECT_GT(result[part]["ms_min"], 0.0) << part;
    EXPECT_LE(result[part]["ms_min"], result[part]["ms_median"]) << part;
  }
  EXPECT_EQ(result["prompt_tokens"], 20);
  EXPECT_EQ(result["decoded_tokens"], 4);  // the prompt gives the first
  EXPECT_EQ(result["vision"]["width"], 112);
  EXPECT_GT(result["load_ms"], 0.0);
  EXPECT_GE(result["peak_rss_bytes"], result["weight_bytes"]);
  EXPECT_GT(result["machine"]["read_gb_s"], 0.0);
}

TEST_F(Program, BenchWritesTableAndFile) {
  const Outcome outcome = run(bench(tiny(), {"--image", "none", "--json", path("bench.json")}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* row : {"prefill, 20 tokens", "decode, 4 tokens after 20", "memory", "machine"}) {
    EXPECT_THAT(outcome.out, HasSubstr(row));
  }
  EXPECT_FALSE(Json::parse(read(path("bench.json"))).contains("vision"));
}

TEST_F(Program, BenchOfSeveralPromptsIsAListAndShownBesideAnother) {
  const Words several = {"bench", "-m", tiny(), "--runs", "1", "--gen", "3", "--image", "none"};
  ASSERT_EQ(run(join(several, {"--prompt", "20,30", "--json", path("a.json")})).exit_code, 0);
  const Json results = Json::parse(read(path("a.json")));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1]["prompt_tokens"], 30);

  // The same figures, twice as fast.
  Json faster = results[1];
  for (const char* part : {"prefill", "decode"}) {
    for (const char* rate : {"tokens_per_s_best", "tokens_per_s_median"}) {
      faster[part][rate] = results[1][part][rate].get<double>() * 2;
    }
  }
  const Outcome outcome =
      run(join(several, {"--prompt", "30,40", "--json", path("b.json"), "--compare",
                         path("a.json") + "," + file("faster.json", faster.dump())}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("beside a (ratio"));
  EXPECT_THAT(outcome.out, HasSubstr("prefill, 30"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("prefill, 20")));
  const Json compared = Json::parse(read(path("b.json")));
  const Json rows = compared[0]["compare"]["faster"];
  ASSERT_EQ(rows.size(), 3u);  // prefill, decode, memory
  EXPECT_EQ(rows[0]["figure"], "prefill, 30");
  EXPECT_DOUBLE_EQ(rows[0]["ratio_best"],
                   rows[0]["this_best"].get<double>() / rows[0]["other_best"].get<double>());
  EXPECT_NEAR(rows[1]["other_best"], 2 * compared[0]["compare"]["a"][1]["other_best"].get<double>(),
              1e-6);
  EXPECT_FALSE(compared[1].contains("compare"));  // no other result has 40 tokens
}

TEST_F(Program, BenchRefusesOtherFilesToCompare) {
  const Words base = {"bench", "-m", tiny(), "--runs", "1", "--image", "none", "--compare"};
  expect_error(run(join(base, {path("nothing.json")})), kNotFound, "nothing.json");
  expect_error(run(join(base, {file("text.json", "not json")})), kMalformed, "text.json");
  expect_error(run(join(base, {file("other.json", R"({"a": 1})")})), kMalformed, "prefill");
  expect_error(run(join(base, {file("part.json", R"([{"decode": 3}])")})), kMalformed, "decode");
  expect_error(run(join(base, {file("list.json", R"([3])")})), kMalformed, "list.json");
}

TEST_F(Program, BenchRefusesWhatDoesNotFit) {
  const Words base = {"bench", "-m", tiny(), "--runs", "1"};
  expect_error(run(join(base, {"--image", "0x10"})), kMalformed, "--image");
  expect_error(run(join(base, {"--image", "none", "--gen", "0"})), kMalformed, "at least 1");
  expect_error(run(join(base, {"--image", "none", "--prompt", "1000000000"})), kMalformed,
               "context");
}

}  // namespace
}  // namespace glmv::e2e
