#include "glmv/parsers/reasoning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "glmv/base/random.h"
#include "glmv/parsers/answer.h"
#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

ReasoningOptions options_of(const Json& test) {
  ReasoningOptions options;
  const std::string start = test.value("start", "start");
  options.start = start == "reasoning" ? StartState::kReasoning
                  : start == "content" ? StartState::kContent
                                       : StartState::kStart;
  options.drop_restated = test.value("drop_restated", false);
  return options;
}

struct Streamed {
  std::string reasoning;
  std::string content;
  ReasoningResult result;
  std::string conserved;  // all segments that came from the output
};

Streamed stream(const std::vector<std::string_view>& pieces, const ReasoningOptions& options) {
  ReasoningParser parser(options);
  Streamed out;
  const auto take = [&](const ReasoningDelta& delta) {
    out.reasoning += delta.reasoning;
    out.content += delta.content;
  };
  for (const std::string_view piece : pieces) take(parser.feed(piece));
  take(parser.finish());
  out.result = parser.result();
  for (const Segment& segment : parser.segments()) {
    if (segment.kind != SegmentKind::kInserted) out.conserved += segment.text;
  }
  return out;
}

std::vector<std::string_view> chunks(std::string_view text, size_t size) {
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
  return pieces;
}

// Every cut gives what one piece gives, and nothing is lost.
void expect_chunking_is_irrelevant(const std::string& output, const ReasoningOptions& options) {
  const Streamed whole = stream({output}, options);
  EXPECT_EQ(whole.conserved, output);
  EXPECT_EQ(whole.content, whole.result.content);
  EXPECT_EQ(whole.reasoning, whole.result.reasoning);
  const auto same = [&](const Streamed& got) {
    EXPECT_EQ(got.conserved, output);
    EXPECT_EQ(got.reasoning, whole.reasoning);
    EXPECT_EQ(got.content, whole.content);
    EXPECT_EQ(got.result.marked_content, whole.result.marked_content);
    EXPECT_EQ(got.result.ended_in_reasoning, whole.result.ended_in_reasoning);
  };
  for (size_t cut = 0; cut <= output.size(); ++cut) {
    const std::string_view view = output;
    same(stream({view.substr(0, cut), view.substr(cut)}, options));
  }
  for (const size_t size : {1, 2, 3, 5, 8}) same(stream(chunks(output, size), options));
}

TEST(Reasoning, WholeReplies) {
  for (const Json& test : read_cases("reasoning")) {
    if (!test.contains("output")) continue;
    SCOPED_TRACE(test["name"].get<std::string>());
    const ReasoningResult got =
        parse_reasoning(test["output"].get<std::string>(), options_of(test));
    EXPECT_EQ(got.reasoning, test["reasoning"]);
    EXPECT_EQ(got.content, test["content"]);
    EXPECT_EQ(got.ended_in_reasoning, test.value("ended_in_reasoning", false));
    EXPECT_EQ(got.restated, test.value("restated", false));
    EXPECT_EQ(strip_box_markers(got.marked_content), got.content);
    if (test.contains("boxed")) {
      EXPECT_EQ(Json(extract_boxed(got.marked_content)), test["boxed"]);
    }
  }
}

TEST(Reasoning, EveryChunkingGivesTheSame) {
  for (const Json& test : read_cases("reasoning")) {
    if (!test.contains("output")) continue;
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string output = test["output"];
    const ReasoningOptions options = options_of(test);
    expect_chunking_is_irrelevant(output, options);
    const Streamed got = stream({output}, options);
    EXPECT_EQ(got.result.reasoning, test.value("stream_reasoning", test["reasoning"]));
    EXPECT_EQ(got.content, test.value("stream_content", test["content"]));
    EXPECT_EQ(got.result.restated, test.value("restated", false));
  }
}

TEST(Reasoning, DeltasComeAsSoonAsTheyMay) {
  for (const Json& test : read_cases("reasoning")) {
    if (!test.contains("deltas")) continue;
    SCOPED_TRACE(test["name"].get<std::string>());
    ReasoningParser parser(options_of(test));
    Json got = Json::array();
    for (const Json& delta : test["deltas"]) {
      const ReasoningDelta out = parser.feed(delta.get<std::string>());
      got.push_back({out.reasoning, out.content});
    }
    const ReasoningDelta last = parser.finish();
    if (!last.empty()) got.push_back({last.reasoning, last.content});
    EXPECT_EQ(got, test["expect"]);
  }
}

TEST(Reasoning, TagsByTokenId) {
  const std::map<std::string, int32_t> ids = {
      {"<think>", 1},          {"</think>", 2},       {"<answer>", 3}, {"</answer>", 4},
      {"<|begin_of_box|>", 5}, {"<|end_of_box|>", 6}, {"<|user|>", 7}, {"<tool_call>", 8}};
  for (const Json& test : read_cases("reasoning")) {
    if (!test.contains("tokens")) continue;
    SCOPED_TRACE(test["name"].get<std::string>());
    std::map<std::string, int32_t> present = ids;
    for (const Json& name : test.value("without", Json::array())) {
      present.erase(name.get<std::string>());
    }
    ReasoningOptions options = options_of(test);
    options.tags = OutputTags::from_tokenizer([&](std::string_view name) {
      const auto it = present.find(std::string(name));
      return it == present.end() ? std::nullopt : std::optional<int32_t>(it->second);
    });
    ReasoningParser parser(options);
    std::string content;
    std::string output;
    for (const Json& token : test["tokens"]) {
      content += parser.feed(token[0].get<int32_t>(), token[1].get<std::string>()).content;
      output += token[1].get<std::string>();
    }
    content += parser.finish().content;
    const ReasoningResult got = parser.result();
    EXPECT_EQ(got.reasoning, test["reasoning"]);
    EXPECT_EQ(got.content, test["content"]);
    EXPECT_EQ(content, got.content);
    EXPECT_EQ(parser.num_reasoning_tokens(), test["num_reasoning"]);
    if (test.contains("boxed")) {
      EXPECT_EQ(Json(extract_boxed(got.marked_content)), test["boxed"]);
    }
    std::string conserved;
    for (const Segment& segment : parser.segments()) {
      if (segment.kind != SegmentKind::kInserted) conserved += segment.text;
    }
    EXPECT_EQ(conserved, output);
  }
}

TEST(Reasoning, RandomSoupIsConservedAndNoTagLeaks) {
  const std::vector<std::string> pieces = {"<think>",
                                           "</think>",
                                           "<answer>",
                                           "</answer>",
                                           "<|begin_of_box|>",
                                           "<|end_of_box|>",
                                           "<|user|>",
                                           "<tool_call>",
                                           "a",
                                           "b c",
                                           " ",
                                           "\n",
                                           "<",
                                           "</",
                                           "\xFF",
                                           "<thi",
                                           "\xE4\xBD"};
  Random random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string output;
    for (uint64_t n = random.below(12); n > 0; --n) output += pieces[random.below(pieces.size())];
    ReasoningOptions options;
    options.start = static_cast<StartState>(random.below(3));
    options.drop_restated = random.below(2) == 1;
    SCOPED_TRACE(output);
    expect_chunking_is_irrelevant(output, options);
    if (HasFailure()) return;
  }
}

TEST(Reasoning, NoTagLeaksFromWholeReplies) {
  const std::vector<std::string> tags = {"<think>",   "</think>",         "<answer>",
                                         "</answer>", "<|begin_of_box|>", "<|end_of_box|>",
                                         "<|user|>"};
  Random random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string output;
    for (uint64_t n = random.below(12); n > 0; --n) {
      output += random.below(2) == 0 ? tags[random.below(tags.size())] : "ab \n";
    }
    const ReasoningResult got = parse_reasoning(output);
    for (const std::string& tag : tags) {
      EXPECT_EQ(got.content.find(tag), std::string::npos) << output;
      EXPECT_EQ(got.reasoning.find(tag), std::string::npos) << output;
    }
  }
}

// The table of how servers of the family read the same outputs.
TEST(Reasoning, RulesOfOtherServers) {
  struct Expected {
    const char* reasoning;
    const char* content;
  };
  struct Row {
    const char* output;
    StartState start;
    Expected native, vllm_a, vllm_b, sglang;
  };
  constexpr StartState kStart = StartState::kStart, kOpen = StartState::kReasoning,
                       kClosed = StartState::kContent;
  const Row rows[] = {
      {"<think>r</think>c", kStart, {"r", "c"}, {"r", "c"}, {"r", "c"}, {"r", "c"}},
      {"c", kStart, {"", "c"}, {"", "c"}, {"c", ""}, {"", "c"}},
      {"<think>r</think>", kStart, {"r", ""}, {"r", ""}, {"r", ""}, {"r", ""}},
      {"<think></think>c", kStart, {"", "c"}, {"", "c"}, {"", "c"}, {"", "c"}},
      {"\n<think>\nr\n</think>\n\nc",
       kStart,
       {"r", "c"},
       {"\nr\n", "\n\nc"},
       {"\nr\n", "\n\nc"},
       {"r", "c"}},
      {"r</think>c", kStart, {"r", "c"}, {"", "r</think>c"}, {"r", "c"}, {"", "r</think>c"}},
      {"r", kOpen, {"r", ""}, {"", "r"}, {"r", ""}, {"r", ""}},
      {"", kStart, {"", ""}, {"", ""}, {"", ""}, {"", ""}},
      {"<think>a<think>b</think>c",
       kStart,
       {"ab", "c"},
       {"a<think>b", "c"},
       {"a<think>b", "c"},
       {"a<think>b", "c"}},
      {"<think>r</think>c</think>d",
       kStart,
       {"r", "cd"},
       {"r", "c</think>d"},
       {"r", "c</think>d"},
       {"r", "c</think>d"}},
      {"<think>r<tool_call>f",
       kStart,
       {"r", "<tool_call>f"},
       {"", "<think>r<tool_call>f"},
       {"r<tool_call>f", ""},
       {"r", "<tool_call>f"}},
      {"c", kClosed, {"", "c"}, {"", "c"}, {"", "c"}, {"", "c"}},
      {"<think>r</think><answer>c",
       kStart,
       {"r", "c"},
       {"r", "<answer>c"},
       {"r", "<answer>c"},
       {"r", "<answer>c"}},
      {"<think>r<answer>c</answer>",
       kStart,
       {"r", "c"},
       {"", "<think>r<answer>c</answer>"},
       {"r<answer>c</answer>", ""},
       {"r<answer>c</answer>", ""}},
      {"<think>a\nb\nc</think>d",
       kStart,
       {"a\nb\nc", "d"},
       {"a\nb\nc", "d"},
       {"a\nb\nc", "d"},
       {"a\nb\nc", "d"}}};
  for (const Row& row : rows) {
    const auto check = [&](const char* name, const Expected& expected) {
      const ReasoningOptions options{.start = row.start, .rules = *reasoning_rules(name)};
      const ReasoningResult result = parse_reasoning(row.output, options);
      EXPECT_EQ(result.reasoning, expected.reasoning) << name << ": " << row.output;
      EXPECT_EQ(result.content, expected.content) << name << ": " << row.output;
      expect_chunking_is_irrelevant(row.output, options);
    };
    check("native", row.native);
    check("vllm-a", row.vllm_a);
    check("vllm-b", row.vllm_b);
    check("sglang", row.sglang);
  }
  const auto vllm_c = [](std::string_view output, StartState start) {
    return parse_reasoning(output, {.start = start, .rules = *reasoning_rules("vllm-c")});
  };
  EXPECT_EQ(vllm_c("c", StartState::kStart).reasoning, "c");
  EXPECT_EQ(vllm_c("c", StartState::kContent).content, "c");
  EXPECT_EQ(vllm_c("r</think>c</think>d", StartState::kStart).content, "cd");
  EXPECT_EQ(vllm_c("r<tool_call>f", StartState::kStart).reasoning, "r");
  EXPECT_FALSE(reasoning_rules("other"));
}

TEST(StartState, IsDecidedByTheLastTurnOfThePrompt) {
  const OutputTags tags = OutputTags::text_only();
  const auto text = [&](std::string_view prompt) { return start_state(prompt, tags); };
  EXPECT_EQ(text(""), StartState::kStart);
  EXPECT_EQ(text("<|user|>\nhi<|assistant|>\n"), StartState::kStart);
  EXPECT_EQ(text("<|user|>\nhi<|assistant|>\n<think>x"), StartState::kReasoning);
  EXPECT_EQ(text("<|user|>\nhi<|assistant|>\n<think></think>\n"), StartState::kContent);
  EXPECT_EQ(text("<|assistant|><think>a</think>b<|user|>c<|assistant|>"), StartState::kStart);
  EXPECT_EQ(text("<|assistant|><think>a</think>b<|user|>c<|assistant|><think>"),
            StartState::kReasoning);
  EXPECT_EQ(text("<|assistant|></think>b<|user|>c<|assistant|><think></think><answer>"),
            StartState::kContent);

  const OutputTags by_id =
      OutputTags::from_tokenizer([](std::string_view name) -> std::optional<int32_t> {
        if (name == "<think>") return 1;
        if (name == "</think>") return 2;
        if (name == "<|assistant|>") return 3;
        return std::nullopt;
      });
  const auto ids = [&](std::vector<int32_t> prompt) { return start_state(prompt, by_id); };
  EXPECT_EQ(ids({}), StartState::kStart);
  EXPECT_EQ(ids({9, 3, 9}), StartState::kStart);
  EXPECT_EQ(ids({3, 1, 9, 2, 9, 3, 9}), StartState::kStart);
  EXPECT_EQ(ids({3, 1, 9, 2, 9, 3, 1, 9}), StartState::kReasoning);
  EXPECT_EQ(ids({3, 9, 1, 2, 9}), StartState::kContent);
}

}  // namespace
}  // namespace glmv::parsers
