#include <functional>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

constexpr int kMalformed = 2, kNotFound = 3, kUnsupported = 4, kExhausted = 5;

class BadCheckpoint : public Program {
 protected:
  Outcome ask_again(const Words& flags = {}) {
    RunOptions options;
    options.timeout_s = 20;  // a hostile file must not cost more
    return run(join(join({"ask", "-m", tiny(), "-n", "2"}, flags), {"--", "hi"}), options);
  }
  void edit_config(const std::function<void(Json&)>& edit) {
    const std::string name = tiny() + "/config.json";
    Json config = Json::parse(read(name));
    edit(config);
    write(name, config.dump());
  }
  std::string weights() { return tiny() + "/model.safetensors"; }
  // The safetensors header as JSON, changed and put back with the data.
  void edit_header(const std::function<void(Json&)>& edit) {
    const std::string all = read(weights());
    uint64_t size = 0;
    for (int i = 7; i >= 0; --i) size = size << 8 | static_cast<uint8_t>(all[i]);
    Json header = Json::parse(all.substr(8, size));
    edit(header);
    const std::string text = header.dump();
    std::string length;
    for (int i = 0; i < 8; ++i) length += static_cast<char>(text.size() >> (8 * i) & 0xff);
    write(weights(), length + text + all.substr(8 + size));
  }
};

constexpr const char* kNorm = "model.language_model.norm.weight";

TEST_F(BadCheckpoint, MissingFolderAndFiles) {
  expect_error(run({"ask", "-m", path("nowhere"), "--", "hi"}), kNotFound, "nowhere");
  std::filesystem::remove(weights());
  expect_error(ask_again(), kNotFound, "safetensors");
}

TEST_F(BadCheckpoint, TruncatedWeights) {
  const std::string all = read(weights());
  write(weights(), all.substr(0, all.size() - 100));
  expect_error(ask_again(), kMalformed, "model.safetensors");
  write(weights(), all.substr(0, 5));
  expect_error(ask_again(), kMalformed, "model.safetensors");
  write(weights(), "");
  expect_error(ask_again(), kMalformed, "model.safetensors");
}

TEST_F(BadCheckpoint, HeaderLengthLies) {
  std::string all = read(weights());
  all[6] = '\x7f';
  write(weights(), all);
  expect_error(ask_again(), kMalformed, "header");
}

TEST_F(BadCheckpoint, TensorsLie) {
  const std::string good = read(weights());
  const auto expect_bad = [&](const std::function<void(Json&)>& edit, const std::string& error,
                              int exit_code = kMalformed) {
    write(weights(), good);
    edit_header(edit);
    expect_error(ask_again(), exit_code, error);
  };
  expect_bad([](Json& h) { h[kNorm]["shape"] = {1 << 30, 1 << 30, 1 << 30}; }, kNorm);
  expect_bad([](Json& h) { h[kNorm]["shape"] = {127}; }, kNorm);
  expect_bad([](Json& h) { h[kNorm]["dtype"] = "F99"; }, "F99", kUnsupported);
  expect_bad([](Json& h) { h[kNorm]["data_offsets"] = {0, 512}; }, "overlap");
  expect_bad([](Json& h) { h[kNorm]["data_offsets"][1] = int64_t{1} << 60; }, kNorm);
  expect_bad([](Json& h) { h[kNorm]["data_offsets"] = {512, 0}; }, kNorm);
  expect_bad(
      [](Json& h) {
        h["stranger.weight"] = h[kNorm];
        h.erase(kNorm);
      },
      kNorm, kNotFound);
}

TEST_F(BadCheckpoint, MalformedConfig) {
  write(tiny() + "/config.json", "{\"model_type\": ");
  expect_error(ask_again(), kMalformed, "config.json");
  write(tiny() + "/config.json", "[]");
  expect_error(ask_again(), kMalformed, "config.json");
  write(tiny() + "/config.json", std::string(100000, '['));
  expect_error(ask_again(), kMalformed, "config.json");
}

TEST_F(BadCheckpoint, ConfigValuesThatCannotBe) {
  const std::string good = read(tiny() + "/config.json");
  const auto expect_bad = [&](const char* key, const Json& value) {
    SCOPED_TRACE(key);
    write(tiny() + "/config.json", good);
    edit_config([&](Json& c) { c["text_config"][key] = value; });
    expect_error(ask_again(), kMalformed, key);
  };
  expect_bad("hidden_size", 0);
  expect_bad("hidden_size", "large");
  expect_bad("num_hidden_layers", -3);
  expect_bad("num_key_value_heads", 3);
  expect_bad("vocab_size", 0);
}

TEST_F(BadCheckpoint, UnknownFamilyAndQuantisation) {
  edit_config([](Json& c) { c["model_type"] = "llava"; });
  const Outcome family = ask_again();
  expect_error(family, kUnsupported, "llava");
  EXPECT_THAT(family.err, HasSubstr("glm4v_moe"));
  edit_config([](Json& c) {
    c["model_type"] = "glm4v";
    c["quantization_config"] = {{"quant_method", "magic"}};
  });
  expect_error(ask_again(), kUnsupported, "magic");
}

TEST_F(BadCheckpoint, MoreMemoryThanThereIs) {
  edit_config([](Json& c) {
    c["text_config"]["num_hidden_layers"] = 1000;
    c["text_config"]["hidden_size"] = 16384;
    c["text_config"]["intermediate_size"] = 65536;
    c["text_config"]["num_attention_heads"] = 128;
    c["text_config"]["head_dim"] = 128;
    c["text_config"]["rope_parameters"]["mrope_section"] = {8, 12, 12};
    c["vision_config"]["out_hidden_size"] = 16384;
  });
  expect_error(ask_again({"--load-format", "dummy"}), kExhausted, "GiB");
}

TEST_F(BadCheckpoint, HostileTemplates) {
  const std::string name = tiny() + "/chat_template.jinja";
  const char* hostile[] = {
      "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}"
      "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
      "{{ 'x' * 100000000000 }}",
      "{% for m in messages %}",
      "{{ messages.no.such.thing }}",
      "{% include 'chat_template.jinja' %}",
  };
  for (const char* source : hostile) {
    SCOPED_TRACE(source);
    write(name, source);
    const Outcome outcome = ask_again();
    EXPECT_TRUE(outcome.exit_code >= 2 && outcome.exit_code <= 5) << outcome.exit_code;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("template"));
  }
}

TEST_F(BadCheckpoint, BrokenTokenizer) {
  const std::string name = tiny() + "/tokenizer.json";
  const std::string good = read(name);
  write(name, good.substr(0, good.size() / 2));
  expect_error(ask_again(), kMalformed, "tokenizer.json");
  write(name, "{}");
  expect_error(ask_again(), kMalformed, "tokenizer.json");
  std::filesystem::remove(name);
  expect_error(ask_again(), kNotFound, "tokenizer.json");
}

TEST_F(Program, MakeTinyRepeatsBySeed) {
  const auto weights = [&](const std::string& name, const char* seed) {
    const Outcome made = run({"make-tiny", "-o", path(name), "--seed", seed});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return read(path(name) + "/model.safetensors");
  };
  const std::string first = weights("a", "1");
  EXPECT_TRUE(first == weights("b", "1"));
  EXPECT_FALSE(first == weights("c", "2"));
}

TEST_F(Program, MakeTinyRefusesWhatItDoesNotKnow) {
  expect_error(run({"make-tiny", "-o", path("a"), "--family", "llava"}), kMalformed, "glm_ocr");
  expect_error(run({"make-tiny", "-o", path("b"), "--dtype", "int3"}), kMalformed, "int3");
  EXPECT_FALSE(std::filesystem::exists(path("b") + "/config.json"))
      << "a refused request leaves no half checkpoint";
  expect_error(run({"make-tiny", "-o", path("c"), "--vocab-size", "3"}), kMalformed, "vocab_size");
  const std::string model = tiny();
  expect_error(run({"make-tiny", "-o", model}), kMalformed, "already");
}

}  // namespace
}  // namespace glmv::e2e
