// glmv serve as an operator runs it: HTTPS, a log, keys; and doctor, plan and batch.

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "glmv/net/certificate_for_test.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

using namespace std::chrono_literals;

Json chat_line(const std::string& id, const std::string& text, int max_tokens = 4) {
  return {{"custom_id", id},
          {"method", "POST"},
          {"url", "/v1/chat/completions"},
          {"body",
           {{"messages", {{{"role", "user"}, {"content", text}}}},
            {"temperature", 0},
            {"max_tokens", max_tokens},
            {"ignore_eos", true}}}};
}

size_t num_lines(const std::string& path) {
  std::ifstream in(path);
  size_t num = 0;
  for (std::string line; std::getline(in, line);) ++num;
  return num;
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(Json::parse(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return lines;
}

TEST_F(Program, ServesHttpsWithKeysAndALog) {
  std::signal(SIGPIPE, SIG_IGN);
  const net::TestCertificate certificate = net::make_test_certificate();
  const std::string log = path("access.log");
  Serving server({tiny(), "--ssl-certfile", file("cert.pem", certificate.certificate),
                  "--ssl-keyfile", file("key.pem", certificate.key), "--api-key-file",
                  file("keys", "team one\n"), "--access-log", log},
                 "https://127.0.0.1:");
  net::TlsTestConnection client(server.port());
  ASSERT_TRUE(client.secured());
  EXPECT_EQ(client.ask("GET", "/v1/models").status, 401);
  EXPECT_EQ(client.ask("GET", "/v1/models", "", "Authorization: Bearer one\r\n").status, 200);
  EXPECT_EQ(client.ask("GET", "/health").status, 200);
  EXPECT_THAT(server.process().err(), HasSubstr("self-test passed"));
  // Rotation: the old file keeps what it has, the next line goes to a new one.
  for (int i = 0; i < 100 && num_lines(log) < 3; ++i) std::this_thread::sleep_for(20ms);
  std::filesystem::rename(log, log + ".1");
  server.process().send(SIGHUP);
  for (int i = 0; i < 100 && !std::filesystem::exists(log); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_EQ(client.ask("GET", "/ready").status, 200);
  for (int i = 0; i < 100 && num_lines(log) < 1; ++i) std::this_thread::sleep_for(20ms);
  // A line is written after its answer: the next request's may overtake it.
  const std::vector<Json> before = json_lines(read(log + ".1"));
  EXPECT_EQ(
      std::ranges::count_if(before, [](const Json& l) { return l.value("key", "") == "team"; }), 1);
  EXPECT_EQ(json_lines(read(log)).at(0)["path"], "/ready");
  server.process().send(SIGTERM);
  EXPECT_EQ(server.process().wait().exit_code, 0);
}

TEST_F(Program, ServeNamesWrongCertificates) {
  const net::TestCertificate one = net::make_test_certificate(),
                             other = net::make_test_certificate();
  const std::string model = tiny();
  const auto outcome =
      run({"serve", model, "--port", "0", "--self-test", "off", "--ssl-certfile",
           file("cert.pem", one.certificate), "--ssl-keyfile", file("key.pem", other.key)});
  expect_error(outcome, 2, "is not the key of the certificate");
  expect_error(run({"serve", model, "--port", "0", "--ssl-certfile", path("cert.pem")}), 2,
               "its key");
}

TEST_F(Program, NanoKnowsItsOwnSelfTest) {
  const Outcome outcome = run({"doctor", "--port", "0", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const Json report = outcome.json();
  EXPECT_EQ(report["ok"], true);
  std::string text = report.dump();
  for (const char* part : {"kernels", "memory", "huge pages", "disk", "known answer",
                           "sees pictures", "repeatable", "is free"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(Program, DoctorFindsWhatIsMissing) {
  const std::string model = tiny();
  EXPECT_EQ(run({"doctor", "-m", model, "--port", "0"}).exit_code, 0);
  std::filesystem::resize_file(std::filesystem::path(model) / "model.safetensors", 1000);
  const Outcome torn = run({"doctor", "-m", model, "--port", "0", "--json"});
  EXPECT_EQ(torn.exit_code, 1);
  EXPECT_EQ(torn.json()["ok"], false);
  EXPECT_THAT(torn.out, HasSubstr("model.safetensors"));
  EXPECT_EQ(run({"doctor", "-m", path("nothing"), "--port", "0", "--no-load"}).exit_code, 1);
  Serving server({});
  const Outcome taken = run({"doctor", "--no-load", "--port", std::to_string(server.port())});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.out, HasSubstr("choose another port"));
  server.process().send(SIGTERM);
  server.process().wait();
}

TEST_F(Program, ABrokenModelIsNotServed) {
  // All weights NaN: bfloat16 0xffff.
  const std::string model = path("nan");
  ASSERT_EQ(run({"make-tiny", "-o", model, "--dtype", "bfloat16"}).exit_code, 0);
  std::string weights = read(std::filesystem::path(model) / "model.safetensors");
  const auto byte = [&](size_t i) { return size_t{static_cast<unsigned char>(weights[i])}; };
  const size_t header = 8 + byte(0) + (byte(1) << 8) + (byte(2) << 16);
  std::fill(weights.begin() + static_cast<std::ptrdiff_t>(header), weights.end(), '\xff');
  write(std::filesystem::path(model) / "model.safetensors", weights);
  const Outcome outcome = run({"serve", model, "--port", "0"});
  EXPECT_EQ(outcome.exit_code, 8) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("--self-test off"));
  EXPECT_THAT(outcome.err, HasSubstr("logit"));
  // Served all the same, a request fails instead of answering rubbish.
  Serving server({model, "--self-test", "off"});
  const auto answer = server.ask({{"messages", {{{"role", "user"}, {"content", "hi"}}}}});
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "internal_error");
  server.process().send(SIGTERM);
  server.process().wait();
}

TEST_F(Program, PlanCountsTheBytesThatAreThere) {
  for (const char* family : {"glm4v", "glm4v_moe", "glm_ocr"}) {
    const std::string model = path(std::string("plan_") + family);
    ASSERT_EQ(run({"make-tiny", "-o", model, "--family", family, "--dtype", "bfloat16"}).exit_code,
              0);
    const Json inspected = run({"inspect", model, "--json"}).json();
    const Outcome planned = run({"plan", model, "--no-measure", "--json", "--memory", "1G"});
    ASSERT_EQ(planned.exit_code, 0) << planned.err;
    const Json plan = planned.json();
    int64_t bytes = 0;
    for (const auto& [part, size] : inspected["parts"].items())
      bytes += size["bytes"].get<int64_t>();
    for (const Json& row : plan["rows"]) {
      if (row["name"] != "bfloat16") continue;
      EXPECT_EQ(row["weights_bytes"], bytes) << family;
    }
    EXPECT_EQ(plan["parameters"], inspected["parameters"]);
  }
}

TEST_F(Program, PlanOfPublishedShapes) {
  struct Known {
    const char* config;
    int64_t cache_bytes_per_token;  // 2 * layers * kv heads * 128 * 2
  };
  const std::string configs = GLMV_SOURCE_DIR "/bench/configs/";
  for (const Known& known : {Known{"glm41v_9b", 40960}, Known{"glm41v_4layers", 4096}}) {
    const std::string config = configs + known.config;
    const Json inspected = run({"inspect", config, "--json"}).json();
    const Outcome planned =
        run({"plan", config + "/config.json", "--no-measure", "--json", "--memory", "64G"});
    ASSERT_EQ(planned.exit_code, 0) << planned.err;
    const Json plan = planned.json();
    const Json& row = plan["rows"][2];
    EXPECT_EQ(row["name"], "bfloat16");
    EXPECT_EQ(row["weights_bytes"], 2 * inspected["parameters"].get<int64_t>());
    EXPECT_EQ(row["cache_bytes_per_token"], known.cache_bytes_per_token);
    EXPECT_EQ(row["total_bytes"].get<int64_t>(), row["weights_bytes"].get<int64_t>() +
                                                     row["cache_bytes"].get<int64_t>() +
                                                     row["work_bytes"].get<int64_t>());
    EXPECT_GT(plan["largest_picture"]["tokens"], 1000);
  }
  const std::string nine = configs + "glm41v_9b";
  const Outcome small =
      run({"plan", nine, "--no-measure", "--memory", "12G", "--max-context", "8192"});
  EXPECT_EQ(small.exit_code, 0);
  EXPECT_THAT(small.out, HasSubstr("fits with --quant int4"));
  EXPECT_EQ(run({"plan", nine, "--no-measure", "--memory", "1G"}).exit_code, 1);
  const Json quick = run({"plan", nine, "--json", "--memory", "64G"}).json();
  EXPECT_GT(quick["machine"]["read_gb_s"], 0);
  EXPECT_GT(quick["rows"][2]["decode_tokens_s_at_most"], 0);
  expect_error(run({"plan", path("missing")}), 3, "missing");
  expect_error(run({"plan", nine, "--memory", "lots"}), 2, "as in 16G");
  expect_error(run({"plan", nine, "--max-context", "99999999"}), 2, "the model allows");
}

TEST_F(Program, BatchAnswersAsTheServerDoes) {
  const std::string model = tiny();
  std::string lines;
  for (int i = 0; i < 6; ++i) {
    lines += chat_line(fmt::format("id-{}", i), fmt::format("text {}", i)).dump() + "\n";
  }
  const Json image = {{"type", "image_url"}, {"image_url", {{"url", "file:///etc/passwd"}}}};
  Json bad = chat_line("picture", "x");
  bad["body"]["messages"] = {{{"role", "user"}, {"content", {image}}}};
  lines += bad.dump() + "\n";
  const std::string out = path("out.jsonl");
  const Outcome outcome =
      run({"batch", file("in.jsonl", lines), out, "-m", model, "--concurrency", "3"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;  // one failed
  EXPECT_THAT(outcome.err, HasSubstr("6 answered, 1 failed"));
  Serving server({model});
  std::map<std::string, Json> answers;
  for (const Json& line : json_lines(read(out))) answers[line["custom_id"]] = line;
  ASSERT_EQ(answers.size(), 7u);
  EXPECT_EQ(answers["picture"]["response"]["status_code"], 422);
  for (int i = 0; i < 6; ++i) {
    const auto served = server.ask(chat_line("", fmt::format("text {}", i))["body"]);
    EXPECT_EQ(
        Json::parse(served.body)["choices"][0]["message"]["content"],
        answers[fmt::format("id-{}", i)]["response"]["body"]["choices"][0]["message"]["content"]);
  }
  server.process().send(SIGTERM);
  server.process().wait();
}

TEST_F(Program, BatchGoesOnAfterAKill) {
  const std::string model = tiny();
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    lines += chat_line(fmt::format("id-{}", i), fmt::format("text {}", i), 60).dump() + "\n";
  }
  const std::string in = file("in.jsonl", lines), out = path("out.jsonl");
  const Words command = {"batch", in, out, "-m", model, "--concurrency", "2"};
  for (const int signal : {SIGKILL, SIGINT}) {
    const size_t before = num_lines(out);
    Process process(command);
    for (int i = 0; i < 3000 && num_lines(out) < before + 3 && process.running(); ++i) {
      std::this_thread::sleep_for(5ms);
    }
    process.send(signal);
    const Outcome stopped = process.wait();
    EXPECT_TRUE(signal == SIGKILL || stopped.exit_code == 130 || stopped.exit_code == 0)
        << stopped.err;
  }
  const size_t before = num_lines(out);
  EXPECT_GE(before, 6u);
  std::ofstream(out, std::ios::app) << "{\"id\": \"torn";
  const Outcome rest = run(command);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr(fmt::format("{} from before, 0 left", before)));
  std::set<std::string> ids;
  for (const Json& line : json_lines(read(out))) {
    EXPECT_EQ(line["response"]["status_code"], 200);
    EXPECT_TRUE(ids.insert(line["custom_id"]).second);
  }
  EXPECT_EQ(ids.size(), 40u);
}

}  // namespace
}  // namespace glmv::e2e
