#include "glmv/chat/local_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "glmv/chat/fake_engine_for_test.h"
#include "glmv/chat/reply_assembler.h"
#include "glmv/chat/tiny_checkpoint_for_test.h"

namespace glmv::chat {
namespace {

constexpr std::string_view kPicture = GLMV_SOURCE_DIR "/tests/golden/media/rgb.png";
// A template with a thinking switch, and one that opens the thought itself.
constexpr std::string_view kSwitchTemplate =
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor "
    "%}<|assistant|>\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>\n{% endif %}";
constexpr std::string_view kOpenTemplate =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|><think>";

text::Message message(std::string role, std::string content) {
  return {.role = std::move(role), .content = {{.text = std::move(content)}}};
}

text::Message question_with(const std::vector<std::string>& pictures, std::string content) {
  text::Message out{.role = "user", .content_is_string = false};
  for (const std::string& picture : pictures) {
    out.content.push_back({.kind = text::PartKind::kImage, .source = picture});
  }
  out.content.push_back({.text = std::move(content)});
  return out;
}

// A backend over scripted tokens; keeps the engine in reach.
struct Bench {
  explicit Bench(std::vector<FakeScript> scripts, const std::string& chat_template = {},
                 const std::vector<std::string>& without = {},
                 checkpoint::GenerationConfig defaults = {})
      : checkpoint(chat_template, without) {
    auto fake = std::make_unique<FakeEngine>(std::move(scripts));
    engine = fake.get();
    backend = std::make_unique<LocalBackend>(std::move(fake), checkpoint.processor(), defaults);
  }

  TinyCheckpoint checkpoint;
  FakeEngine* engine = nullptr;
  std::unique_ptr<LocalBackend> backend;
};

std::vector<int32_t> ids_of(std::string_view text, const std::vector<std::string>& without = {}) {
  const TinyCheckpoint checkpoint({}, without);
  return checkpoint.processor()->tokenizer().encode(text).value();
}

int32_t id_of(std::string_view name) { return ids_of(name).at(0); }

std::string decode(const std::vector<int32_t>& ids) {
  const TinyCheckpoint checkpoint;
  return checkpoint.processor()->tokenizer().decode(ids);
}

struct Pieces {
  std::string reasoning;
  std::string content;
  std::vector<std::string> phases;
  int num_logprobs = 0;

  std::function<bool(const api::ChatChunk&)> sink() {
    return [this](const api::ChatChunk& chunk) {
      reasoning += chunk.reasoning;
      content += chunk.content;
      // How often the reading of a picture is told depends on the machine.
      if (!chunk.progress_phase.empty() && chunk.progress_phase != "media") {
        phases.push_back(fmt::format("{} {}/{}", chunk.progress_phase, chunk.progress_done,
                                     chunk.progress_total));
      }
      num_logprobs += static_cast<int>(chunk.logprobs.size());
      return true;
    };
  }
};

TEST(LocalBackend, DocumentsBecomePages) {
  Bench bench({FakeScript::tokens(ids_of("<answer>[[0,0,500,1000]]"))});
  text::Message question = message("user", "which colours?");
  question.content.insert(question.content.begin(),
                          {.kind = text::PartKind::kDocument,
                           .source = GLMV_SOURCE_DIR "/tests/golden/documents/three_pages.pdf"});
  EXPECT_EQ(bench.backend->document_rule().max_tokens, 3072);  // of 4096
  const auto pages = bench.backend->with_pages({&question, 1}, 0);
  ASSERT_TRUE(pages) << pages.error().message;
  EXPECT_EQ((*pages)[0].content.size(), 7u);
  const auto reply = bench.backend->chat({.messages = {question}}, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->image_sizes.size(), 3u);
  // A page is at most what the checkpoint takes of a picture: 16 tokens.
  EXPECT_LE(reply->usage.image_tokens, 3 * 16);
  EXPECT_GT(reply->usage.image_tokens, 3 * 8);
  // The same prompt from pages that were read before.
  const auto again = bench.backend->prompt_tokens({.messages = *pages});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->ids, reply->prompt_ids);
  const auto text = bench.backend->prompt_text({.messages = {question}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_NE(text->find("Page 3:"), std::string::npos);
  const auto refused = bench.backend->chat({.messages = {question}, .read_sources = false}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST(LocalBackend, EarlierPicturesAreNotReadAgain) {
  const FakeScript script = FakeScript::tokens(ids_of("<answer>yes"));
  Bench bench({script, script});
  std::vector<text::Message> messages = {question_with({std::string(kPicture)}, "a?")};
  ASSERT_TRUE(bench.backend->chat({.messages = messages}, {}));
  messages.push_back(message("assistant", "yes"));
  messages.push_back(
      question_with({std::string(GLMV_SOURCE_DIR "/tests/golden/media/rgb_420.jpg")}, "b?"));
  ASSERT_TRUE(bench.backend->prompt_tokens({.messages = messages}));
  ASSERT_TRUE(bench.backend->chat({.messages = messages}, {}));
  const api::ModelMetrics metrics = bench.backend->metrics();
  EXPECT_EQ(metrics.media_cache_queries, 1 + 2 + 2);
  EXPECT_EQ(metrics.media_cache_hits, 1 + 2);
  const auto& first = bench.engine->requests.at(0).input.media;
  const auto& second = bench.engine->requests.at(1).input.media;
  ASSERT_EQ(second.size(), 2u);
  EXPECT_TRUE(second[0].patches == first[0].patches);
  EXPECT_EQ(second[0].digest, first[0].digest);
}

TEST(LocalBackend, MediaThatTakeLongAreToldAndCanBeGivenUp) {
  Bench bench({});
  text::Message question = message("user", "what is it?");
  question.content.push_back({.kind = text::PartKind::kDocument,
                              .source = GLMV_SOURCE_DIR "/tests/golden/documents/slides.pptx"});
  const auto start = std::chrono::steady_clock::now();
  api::ChatChunk told;
  const auto stop_when_told = [&](const api::ChatChunk& chunk) {
    told = chunk;
    return chunk.progress_phase.empty();
  };
  const auto reply = bench.backend->chat({.messages = {question}}, stop_when_told);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->finish_reason, "cancelled");
  EXPECT_EQ(told.progress_phase, "media");
  EXPECT_EQ(told.progress_name, "slides.pptx");
  // LibreOffice needs longer.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1500));
  EXPECT_TRUE(bench.engine->requests.empty());
  EXPECT_EQ(bench.backend->with_pages({&question, 1}, 0, stop_when_told).error().code,
            Code::kCancelled);
  EXPECT_EQ(bench.backend->prompt_tokens({.messages = {question}}, stop_when_told).error().code,
            Code::kCancelled);
}

TEST(LocalBackend, WholeReplyWithPictureAndBoxes) {
  FakeScript script = FakeScript::tokens(
      ids_of("<think>\nwhy</think>\n<answer>a cat <|begin_of_box|>[[100,200,300,400]]"
             "<|end_of_box|>"));
  runtime::TokenEvent progress;
  progress.progress = runtime::Progress{runtime::Phase::kEncodingMedia, 3, 9};
  script.events.insert(script.events.begin(), progress);
  progress.progress = runtime::Progress{runtime::Phase::kPrefill, 5, 5};
  script.events.insert(script.events.begin() + 1, progress);
  script.events.back().timings = {
      .queue_ms = 1, .vision_ms = 2, .prefill_ms = 3, .decode_ms = 4, .time_to_first_token_ms = 6};
  Bench bench({script});

  Pieces pieces;
  const auto reply = bench.backend->chat(
      {.messages = {question_with({std::string(kPicture)}, "where?")}}, pieces.sink());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(pieces.reasoning, "why");
  EXPECT_EQ(pieces.content, "a cat [[100,200,300,400]]");
  EXPECT_EQ(pieces.phases, (std::vector<std::string>{"vision 3/9", "prefill 5/5"}));
  EXPECT_EQ(reply->reasoning, pieces.reasoning);
  EXPECT_EQ(reply->content, pieces.content);
  EXPECT_EQ(reply->boxed, std::vector<std::string>{"[[100,200,300,400]]"});
  EXPECT_EQ(reply->finish_reason, "stop");
  EXPECT_EQ(reply->raw_text, decode(reply->output_ids));
  ASSERT_EQ(reply->image_sizes.size(), 1u);
  ASSERT_EQ(reply->boxes.size(), 1u);
  const double width = static_cast<double>(reply->image_sizes[0][0]);
  const double height = static_cast<double>(reply->image_sizes[0][1]);
  EXPECT_GT(width, 0);
  EXPECT_DOUBLE_EQ(reply->boxes[0].px1, width * 0.1);
  EXPECT_DOUBLE_EQ(reply->boxes[0].py2, height * 0.4);
  EXPECT_EQ(reply->boxes[0].image, 0);
  EXPECT_EQ(reply->boxes[0].label, "cat");

  ASSERT_EQ(bench.engine->requests.size(), 1u);
  const runtime::Request& asked = bench.engine->requests[0];
  EXPECT_EQ(reply->prompt_ids, asked.input.input_ids);
  ASSERT_EQ(reply->image_grid_thw.size(), 1u);
  const auto& grid = reply->image_grid_thw[0];
  EXPECT_EQ(reply->usage.image_tokens, grid[0] * grid[1] * grid[2] / 4);
  EXPECT_EQ(reply->usage.prompt_tokens, static_cast<int64_t>(asked.input.input_ids.size()));
  EXPECT_EQ(reply->usage.completion_tokens, static_cast<int64_t>(reply->output_ids.size()));
  EXPECT_EQ(reply->usage.reasoning_tokens, 4);
  EXPECT_EQ(reply->timings.vision_ms, 2);
  EXPECT_EQ(reply->timings.load_ms, 12.5);
  EXPECT_GE(reply->timings.time_to_first_token_ms, 6);
}

TEST(LocalBackend, BoxesReferToTheLastPicture) {
  Bench bench({FakeScript::tokens(ids_of("[0,0,1000,1000] (500,500)"))});
  const std::string other = GLMV_SOURCE_DIR "/tests/golden/media/grey.png";
  const auto reply =
      bench.backend->chat({.messages = {question_with({std::string(kPicture), other}, "?")}}, {});
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->image_sizes.size(), 2u);
  ASSERT_EQ(reply->boxes.size(), 1u);
  EXPECT_EQ(reply->boxes[0].image, 1);
  EXPECT_EQ(reply->boxes[0].px2, reply->image_sizes[1][0]);
  ASSERT_EQ(reply->points.size(), 1u);
  EXPECT_EQ(reply->points[0].py * 2, reply->image_sizes[1][1]);
}

TEST(LocalBackend, ThinkingOffClosesTheThoughtWhereTheTemplateHasNoSwitch) {
  Bench bench({FakeScript::tokens(ids_of("\nno</answer>"))});
  const auto reply = bench.backend->chat(
      {.messages = {message("user", "Hi")}, .thinking = api::Thinking::kOff}, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(decode(reply->prompt_ids).ends_with("<|assistant|>\n<think></think><answer>"))
      << decode(reply->prompt_ids);
  EXPECT_EQ(reply->content, "no");
  const processing::ModelInput& input = bench.engine->requests[0].input;
  EXPECT_EQ(input.mm_token_types.size(), input.input_ids.size());
  for (const auto& axis : input.position_ids) {
    ASSERT_EQ(axis.size(), input.input_ids.size());
    EXPECT_EQ(axis.back(), static_cast<int32_t>(axis.size()) - 1 + input.rope_delta);
    EXPECT_EQ(axis.back(), axis[axis.size() - 2] + 1);
  }
  EXPECT_FALSE(bench.engine->requests[0].thinking.starts_open);
}

TEST(LocalBackend, ThinkingOffUsesTheSwitchOfTheTemplate) {
  Bench bench({FakeScript::tokens(ids_of("a")), FakeScript::tokens(ids_of("<think>r</think>b"))},
              std::string(kSwitchTemplate));
  api::ChatRequest request{.messages = {message("user", "Hi")}, .thinking = api::Thinking::kOff};
  auto reply = bench.backend->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(decode(reply->prompt_ids), "[gMASK]<sop><|user|>\nHi<|assistant|>\n<think></think>\n");
  request.thinking = api::Thinking::kOn;
  reply = bench.backend->chat(request, {});
  ASSERT_TRUE(reply);
  EXPECT_EQ(decode(reply->prompt_ids), "[gMASK]<sop><|user|>\nHi<|assistant|>\n");
  EXPECT_EQ(reply->reasoning, "r");
}

TEST(LocalBackend, PromptThatOpensTheThought) {
  Bench bench({FakeScript::tokens(ids_of("r</think>c")),
               FakeScript::tokens(ids_of("r"), runtime::FinishReason::kLength)},
              std::string(kOpenTemplate));
  const api::ChatRequest request{.messages = {message("user", "Hi")}};
  const auto reply = bench.backend->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->reasoning, "r");
  EXPECT_EQ(reply->content, "c");
  EXPECT_TRUE(bench.engine->requests[0].thinking.starts_open);
  const auto cut = bench.backend->chat(request, {});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->reasoning, "r");
  EXPECT_EQ(cut->content, "");
  EXPECT_EQ(cut->finish_reason, "length");
}

// Rule 3 of the wire contract: an answer that was thought to be a thought.
TEST(LocalBackend, AThoughtThatIsNeverClosedIsTheAnswer) {
  const auto script = [](runtime::FinishReason finish, std::string stop) {
    FakeScript made = FakeScript::tokens(ids_of("r"), finish);
    made.events.back().stop_string = std::move(stop);
    return made;
  };
  using Reason = runtime::FinishReason;
  Bench bench({script(Reason::kStop, ""), script(Reason::kStop, ""), script(Reason::kLength, ""),
               script(Reason::kStop, "END"), script(Reason::kStop, ""),
               FakeScript::tokens(ids_of("r</think>"))},
              std::string(kOpenTemplate));
  api::ChatRequest request{.messages = {message("user", "Hi")}, .reclassify_open_thought = true};
  const auto whole = bench.backend->chat(request, {});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->content, "r");
  EXPECT_EQ(whole->reasoning, "");
  EXPECT_TRUE(whole->reasoning_reclassified);
  EXPECT_EQ(whole->usage.reasoning_tokens, 0);
  // What was streamed as a thought stays there, and the answer comes once, in one piece, last.
  std::vector<api::ChatChunk> pieces;
  const auto streamed = bench.backend->chat(request, [&](const api::ChatChunk& chunk) {
    if (!is_empty(chunk)) pieces.push_back(chunk);
    return true;
  });
  ASSERT_TRUE(streamed);
  EXPECT_TRUE(streamed->reasoning_reclassified);
  EXPECT_EQ(streamed->content, "r");
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].reasoning, "r");
  EXPECT_EQ(pieces[1].content, "r");
  EXPECT_EQ(pieces[1].reasoning, "");
  // A limit, a stop string: no end of the model's own.
  for (int i = 0; i < 2; ++i) {
    const auto cut = bench.backend->chat(request, {});
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->reasoning, "r");
    EXPECT_EQ(cut->content, "");
    EXPECT_FALSE(cut->reasoning_reclassified);
  }
  request.reclassify_open_thought = false;
  EXPECT_EQ(bench.backend->chat(request, {})->reasoning, "r");
  request.reclassify_open_thought = true;  // closed, and nothing behind it
  EXPECT_EQ(bench.backend->chat(request, {})->reasoning, "r");
}

TEST(LocalBackend, PiecesTellWhatIsUsedSoFar) {
  Bench bench({FakeScript::tokens(ids_of("abc"))});
  std::vector<int64_t> counts;
  const auto reply =
      bench.backend->chat({.messages = {message("user", "Hi")}}, [&](const api::ChatChunk& chunk) {
        if (is_empty(chunk)) return true;
        counts.push_back(chunk.usage.completion_tokens);
        EXPECT_GT(chunk.usage.prompt_tokens, 0);
        return true;
      });
  ASSERT_TRUE(reply);
  ASSERT_FALSE(counts.empty());
  EXPECT_TRUE(std::ranges::is_sorted(counts));
  EXPECT_EQ(counts.back(), 3);
}

TEST(LocalBackend, ALimitThatAPromptBreaksIsNoMatterOfTime) {
  Bench bench({}, "{% for i in range(100000000) %}{% endfor %}{{ messages[0].content }}");
  const api::ChatRequest request{.messages = {message("user", "Hi")}};
  EXPECT_EQ(bench.backend->chat(request, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(bench.backend->prompt_tokens(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(bench.backend->prompt_text(request).error().code, Code::kInvalidArgument);
}

TEST(LocalBackend, TokenizerWithoutThinkTokens) {
  const std::vector<std::string> without = {"<think>", "</think>", "<answer>", "</answer>"};
  const auto ids = ids_of("<think>r</think>c", without);
  ASSERT_EQ(ids.size(), 17u);
  Bench bench({FakeScript::tokens(ids), FakeScript::tokens(ids_of("r</think>c", without))},
              std::string(kOpenTemplate), without);
  for (int i = 0; i < 2; ++i) {
    const auto reply = bench.backend->chat({.messages = {message("user", "Hi")}}, {});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->reasoning, "r");
    EXPECT_EQ(reply->content, "c");
  }
  EXPECT_TRUE(bench.engine->requests[0].thinking.starts_open);
  EXPECT_TRUE(bench.engine->requests[0].thinking.force_ids.empty());
}

TEST(LocalBackend, SamplingTakesTheCheckpointsDefaults) {
  const checkpoint::GenerationConfig defaults{.do_sample = true,
                                              .temperature = 0.8,
                                              .top_p = 0.6,
                                              .top_k = 2,
                                              .repetition_penalty = 1.1,
                                              .eos_token_ids = {65, 260}};
  Bench bench({FakeScript::tokens({}), FakeScript::tokens({}), FakeScript::tokens({})}, {}, {},
              defaults);
  api::ChatRequest request{.messages = {message("user", "Hi")}};
  ASSERT_TRUE(bench.backend->chat(request, {}));
  const runtime::Request first = bench.engine->requests[0];
  EXPECT_EQ(first.sampling.temperature, 0.8);
  EXPECT_EQ(first.sampling.top_p, 0.6);
  EXPECT_EQ(first.sampling.top_k, 2);
  EXPECT_EQ(first.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(first.sampling.num_logprobs, -1);
  EXPECT_EQ(first.stop.max_new_tokens, -1);
  EXPECT_EQ(first.stop.stop_token_ids,
            (std::vector<int32_t>{65, id_of("<|user|>"), id_of("<|endoftext|>"),
                                  id_of("<|observation|>")}));
  EXPECT_EQ(first.thinking.max_tokens, -1);
  EXPECT_EQ(first.thinking.think_start_id, id_of("<think>"));
  EXPECT_EQ(first.thinking.force_ids, (std::vector<int32_t>{id_of("</think>"), id_of("<answer>")}));

  request.temperature = 0.0;
  request.top_k = 7;
  request.seed = 5;
  request.max_tokens = 11;
  request.stop = {"END"};
  request.stop_token_ids = {66};
  request.logprobs = true;
  request.top_logprobs = 3;
  request.thinking_budget = 9;
  request.detect_repetition = true;
  request.logit_bias = {{1, 2.0}};
  ASSERT_TRUE(bench.backend->chat(request, {}));
  const runtime::Request& second = bench.engine->requests[1];
  EXPECT_EQ(second.sampling.temperature, 0.0);
  EXPECT_EQ(second.sampling.top_k, 7);
  EXPECT_EQ(second.sampling.seed, 5u);
  EXPECT_EQ(second.sampling.num_logprobs, 3);
  EXPECT_EQ(second.sampling.logit_bias.at(1), 2.0);
  EXPECT_EQ(second.stop.max_new_tokens, 11);
  EXPECT_EQ(second.stop.stop_strings, std::vector<std::string>{"END"});
  EXPECT_EQ(second.stop.stop_token_ids[0], 66);
  EXPECT_EQ(second.thinking.max_tokens, 9);
  EXPECT_TRUE(second.loop.enabled);

  request.ignore_eos = true;
  ASSERT_TRUE(bench.backend->chat(request, {}));
  EXPECT_EQ(bench.engine->requests[2].stop.stop_token_ids, std::vector<int32_t>{66});
  EXPECT_TRUE(bench.engine->requests[2].stop.ignore_eos);
}

TEST(LocalBackend, GreedyUnlessTheCheckpointSamples) {
  Bench bench({FakeScript::tokens({})});
  ASSERT_TRUE(bench.backend->chat({.messages = {message("user", "Hi")}}, {}));
  EXPECT_EQ(bench.engine->requests[0].sampling.temperature, 0.0);
}

TEST(LocalBackend, FamiliesWithoutAnswerTagForceOnlyTheThoughtsEnd) {
  Bench bench({FakeScript::tokens({})}, {}, {"<answer>", "</answer>"});
  ASSERT_TRUE(bench.backend->chat(
      {.messages = {message("user", "Hi")}, .thinking = api::Thinking::kOff}, {}));
  EXPECT_EQ(bench.engine->requests[0].thinking.force_ids, std::vector<int32_t>{id_of("</think>")});
  EXPECT_TRUE(decode(bench.engine->requests[0].input.input_ids).ends_with("<think></think>\n"));
}

TEST(LocalBackend, TextThatCannotFitIsRefusedBeforeItsTokensAreMade) {
  Bench bench({FakeScript::tokens({'a'})});
  api::ChatRequest request{.messages = {text::Message::user(std::string(200'000'000, 'x'))}};
  const api::RawPrompt raw{.text = request.messages[0].content[0].text};
  const auto start = std::chrono::steady_clock::now();
  const auto whole = bench.backend->chat(request, {});
  const auto tokens = bench.backend->prompt_tokens(request);
  const auto text = bench.backend->prompt_text(request);
  const auto plain = bench.backend->tokenize(raw);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  for (const Status& error : {whole.error(), tokens.error(), text.error(), plain.error()}) {
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    EXPECT_NE(error.message.find("the prompt is too long"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("maximum context length is 4096 tokens"), std::string::npos);
  }
  EXPECT_TRUE(bench.engine->requests.empty());
  request.messages = {text::Message::user(std::string(4000, 'x'))};
  EXPECT_TRUE(bench.backend->chat(request, {}));
}

TEST(LocalBackend, WhoWaitsIsAskedWhetherHeStillDoes) {
  Bench bench({FakeScript::tokens({'a', 'b'}), FakeScript::tokens({'a', 'b'})});
  bench.engine->silence_ms = 350;  // before the first event
  int num_looks = 0;
  const auto patient = bench.backend->chat({.messages = {text::Message::user("x")}},
                                           [&](const api::ChatChunk& chunk) {
                                             num_looks += is_empty(chunk) ? 1 : 0;
                                             return true;
                                           });
  ASSERT_TRUE(patient);
  EXPECT_EQ(patient->finish_reason, "stop");
  EXPECT_GE(num_looks, 2);
  const auto gone =
      bench.backend->chat({.messages = {text::Message::user("x")}},
                          [](const api::ChatChunk& chunk) { return !is_empty(chunk); });
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->finish_reason, "cancelled");
  EXPECT_TRUE(gone->output_ids.empty());
}

TEST(LocalBackend, CancelKeepsThePartialReply) {
  Bench bench({FakeScript::tokens(ids_of("<think>r</think>abcdef"))});
  std::string content;
  const auto reply =
      bench.backend->chat({.messages = {message("user", "Hi")}}, [&](const api::ChatChunk& chunk) {
        content += chunk.content;
        return content.size() < 3;
      });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->finish_reason, "cancelled");
  EXPECT_EQ(reply->reasoning, "r");
  EXPECT_EQ(reply->content, "abc");
  EXPECT_EQ(reply->output_ids.size(), 6u);
  EXPECT_EQ(reply->usage.completion_tokens, 6);
}

TEST(LocalBackend, ErrorsPassThrough) {
  FakeScript refused;
  refused.refuse = Status{Code::kInvalidArgument, "the prompt is longer than the context"};
  FakeScript broken = FakeScript::tokens(ids_of("a"));
  broken.events.back().finish = runtime::FinishReason::kError;
  broken.events.back().error = Status{Code::kResourceExhausted, "out of memory"};
  Bench bench({refused, broken});
  const api::ChatRequest request{.messages = {message("user", "Hi")}};
  EXPECT_EQ(bench.backend->chat(request, {}).error().message, refused.refuse->message);
  EXPECT_EQ(bench.backend->chat(request, {}).error().code, Code::kResourceExhausted);
  EXPECT_EQ(bench.backend->chat({}, {}).error().code, Code::kInvalidArgument);
  const auto missing =
      bench.backend->chat({.messages = {question_with({"/nowhere/x.png"}, "?")}}, {});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nowhere/x.png"), std::string::npos);
  // A request of a server: nothing is looked for.
  const auto not_read = bench.backend->chat(
      {.messages = {question_with({"/nowhere/x.png"}, "?")}, .read_sources = false}, {});
  ASSERT_FALSE(not_read);
  EXPECT_EQ(not_read.error().code, Code::kUnsupported);
  EXPECT_EQ(bench.engine->requests.size(), 2u);
}

TEST(LocalBackend, CharactersSplitOverTokensAndCutTokens) {
  FakeScript whole = FakeScript::tokens(ids_of("\xE4\xBD\xA0\xF0\x9F\x98\x80"));
  // A stop string cut the last token inside its bytes: "</think>" keeps "</t", plain text then.
  FakeScript cut = FakeScript::tokens({0xE4, 0xBD, 0xA0, id_of("</think>")});
  cut.events[3].keep_bytes = 3;
  FakeScript unfinished = FakeScript::tokens({'a', 0xE4, 0xBD});
  Bench bench({whole, cut, unfinished});
  const api::ChatRequest request{.messages = {message("user", "Hi")}};
  Pieces pieces;
  auto reply = bench.backend->chat(request, pieces.sink());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->content, "\xE4\xBD\xA0\xF0\x9F\x98\x80");
  EXPECT_EQ(pieces.content, reply->content);
  reply = bench.backend->chat(request, {});
  EXPECT_EQ(reply->content, "\xE4\xBD\xA0</t");
  EXPECT_EQ(reply->raw_text, "\xE4\xBD\xA0</t");
  reply = bench.backend->chat(request, {});
  EXPECT_EQ(reply->content, "a\xEF\xBF\xBD");
}

TEST(LocalBackend, CutInsideACharacterJoinsTheBytes) {
  FakeScript script = FakeScript::tokens({'a', 0xE4, 0xBD, 0xA0});
  script.events[3].keep_bytes = 1;
  Bench bench({script});
  const auto reply = bench.backend->chat({.messages = {message("user", "Hi")}}, {});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->content, "a\xE4\xBD\xA0");
}

TEST(LocalBackend, ControlTokensAreNotShown) {
  Bench bench({FakeScript::tokens(ids_of("a<|begin_of_image|>b<|image|>[gMASK]"))});
  const auto reply = bench.backend->chat({.messages = {message("user", "Hi")}}, {});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->content, "ab");
  EXPECT_EQ(reply->raw_text, "a<|begin_of_image|>b<|image|>[gMASK]");
}

TEST(LocalBackend, Logprobs) {
  FakeScript script = FakeScript::tokens({'a', 'b'});
  script.events[0].logprobs = {{'a', -0.25f}, {'a', -0.25f}, {'c', -2.0f}};
  script.events[1].logprobs = {{'b', -1.0f}};
  Bench bench({script});
  Pieces pieces;
  const auto reply = bench.backend->chat(
      {.messages = {message("user", "Hi")}, .logprobs = true, .top_logprobs = 2}, pieces.sink());
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->logprobs.size(), 2u);
  EXPECT_EQ(pieces.num_logprobs, 2);
  EXPECT_EQ(reply->logprobs[0].token, "a");
  ASSERT_EQ(reply->logprobs[0].top.size(), 2u);
  EXPECT_EQ(reply->logprobs[0].top[1].token, "c");
  EXPECT_EQ(reply->logprobs[0].top[1].logprob, -2.0f);
  EXPECT_TRUE(reply->logprobs[1].top.empty());
}

TEST(LocalBackend, UnopenedThoughtIsToldApartOnlyInWholeReplies) {
  Bench bench({FakeScript::tokens(ids_of("r</think>c")), FakeScript::tokens(ids_of("r</think>c"))});
  const api::ChatRequest request{.messages = {message("user", "Hi")}};
  const auto whole = bench.backend->chat(request, {});
  EXPECT_EQ(whole->reasoning, "r");
  EXPECT_EQ(whole->content, "c");
  Pieces pieces;
  const auto streamed = bench.backend->chat(request, pieces.sink());
  EXPECT_EQ(streamed->content, "rc");
  EXPECT_EQ(pieces.content, "rc");
}

TEST(LocalBackend, UserTextFormsMarkersButNoStructureUnlessTold) {
  Bench bench({FakeScript::tokens({}), FakeScript::tokens({}), FakeScript::tokens({})});
  api::ChatRequest request{.messages = {message("user", "<|user|></think>")}};
  const auto prompt = [&](text::TokensInText tokens) {
    request.tokens_in_text = tokens;
    const auto reply = bench.backend->chat(request, {});
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? reply->prompt_ids : std::vector<int32_t>();
  };
  const auto markers = prompt(api::ChatRequest().tokens_in_text);
  const auto strict = prompt(text::TokensInText::kNone);
  const auto trusted = prompt(text::TokensInText::kAll);
  EXPECT_EQ(decode(strict), decode(trusted));
  EXPECT_EQ(decode(markers), decode(trusted));
  EXPECT_EQ(strict.size(), markers.size() + 7);
  EXPECT_EQ(markers.size(), trusted.size() + 7);
}

TEST(LocalBackend, RestatedAnswerIsDroppedOnRequest) {
  const auto ids = ids_of("<answer>a b</answer>\na b");
  Bench bench({FakeScript::tokens(ids), FakeScript::tokens(ids)});
  api::ChatRequest request{.messages = {message("user", "Hi")}};
  const auto kept = bench.backend->chat(request, {});
  EXPECT_EQ(kept->content, "a b\na b");
  EXPECT_TRUE(kept->restated);
  request.drop_restated = true;
  const auto dropped = bench.backend->chat(request, {});
  EXPECT_EQ(dropped->content, "a b");
  EXPECT_TRUE(dropped->restated);
}

const Json kTools = Json::parse(R"([{"type": "function", "function": {"name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])");
constexpr std::string_view kCall =
    "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Bern</arg_value>\n</tool_call>";

TEST(LocalBackend, ToolCallsByTokenAndByText) {
  for (const std::vector<std::string>& without : {std::vector<std::string>{},
                                                  {"<tool_call>", "</tool_call>", "<arg_key>",
                                                   "</arg_key>", "<arg_value>", "</arg_value>"}}) {
    const std::string output = "<think>w</think>Let me see. " + std::string(kCall);
    Bench bench({FakeScript::tokens(ids_of(output, without))}, {}, without);
    std::vector<api::ToolCall> streamed;
    std::string content;
    const auto reply = bench.backend->chat(
        {.messages = {message("user", "?")}, .tools = kTools}, [&](const api::ChatChunk& chunk) {
          content += chunk.content;
          for (const api::ToolCallDelta& call : chunk.tool_calls) {
            if (!call.name.empty()) streamed.push_back({.id = call.id, .name = call.name});
            streamed.at(call.index).arguments += call.arguments;
          }
          return true;
        });
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->finish_reason, "tool_calls");
    EXPECT_EQ(content, "Let me see. ");
    ASSERT_EQ(reply->tool_calls.size(), 1u);
    EXPECT_EQ(reply->tool_calls[0].name, "weather");
    EXPECT_EQ(reply->tool_calls[0].arguments, R"({"city": "Bern"})");
    ASSERT_EQ(streamed.size(), 1u);
    EXPECT_EQ(streamed[0].id, reply->tool_calls[0].id);
    EXPECT_TRUE(streamed[0].id.starts_with("call_") && streamed[0].id.size() >= 21);
    EXPECT_EQ(streamed[0].arguments, reply->tool_calls[0].arguments);
  }
}

TEST(LocalBackend, ToolCallsThatAreNotToBeMade) {
  const FakeScript two = FakeScript::tokens(ids_of(std::string(kCall) + std::string(kCall)));
  const FakeScript cut = FakeScript::tokens(ids_of(kCall.substr(0, kCall.find("n</arg_value>"))),
                                            runtime::FinishReason::kLength);
  Bench bench({two, two, cut, two});
  api::ChatRequest request{.messages = {message("user", "?")}, .tools = kTools};
  request.tool_choice = api::ToolChoice::kNone;
  auto reply = bench.backend->chat(request, {});
  EXPECT_EQ(reply->content, std::string(kCall) + std::string(kCall));
  EXPECT_EQ(reply->finish_reason, "stop");
  EXPECT_EQ(decode(bench.engine->requests[0].input.input_ids).find("weather"), std::string::npos);
  request.tool_choice = api::ToolChoice::kAuto;
  request.parallel_tool_calls = false;
  reply = bench.backend->chat(request, {});
  EXPECT_EQ(reply->tool_calls.size(), 1u);
  EXPECT_EQ(reply->content, "");
  EXPECT_EQ(reply->finish_reason, "tool_calls");
  reply = bench.backend->chat(request, {});
  ASSERT_EQ(reply->tool_calls.size(), 1u);
  EXPECT_EQ(reply->tool_calls[0].arguments, R"({"city": "Ber"})");
  EXPECT_FALSE(reply->tool_calls[0].complete);
  EXPECT_EQ(reply->finish_reason, "length");
  request.raw_output = true;
  reply = bench.backend->chat(request, {});
  EXPECT_EQ(reply->content, std::string(kCall) + std::string(kCall));
}

// The template of GLM-4.1V knows nothing of tools.
TEST(LocalBackend, ToolsAreSpelledOutForTemplatesWithoutThem) {
  Bench bench({FakeScript::tokens({'y'})});
  text::Message call = message("assistant", "Let me see.");
  call.tool_calls = Json::parse(
      R"([{"id": "c", "function": {"name": "weather", "arguments": {"city": "Bern", "days": 2}}}])");
  const api::ChatRequest request{.messages = {message("user", "?"), call, message("tool", "rain")},
                                 .tools = kTools};
  const auto text = bench.backend->prompt_text(request);
  ASSERT_TRUE(text) << text.error().message;
  const auto has = [&](std::string_view part) {
    return text->find(part) != std::string::npos ? "" : *text;
  };
  EXPECT_EQ(has("[gMASK]<sop><|system|>\n# Tools\n\nYou may call"), "");
  EXPECT_EQ(has(R"({"type": "function", "function": {"name": "weather", "parameters": )"), "");
  EXPECT_EQ(has("<|assistant|>\nLet me see.\n<tool_call>weather\n<arg_key>city</arg_key>\n"
                "<arg_value>Bern</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n"
                "</tool_call>"),
            "");
  EXPECT_EQ(has("<|user|>\n<tool_response>\nrain\n</tool_response>"), "");
}

TEST(LocalBackend, TheThoughtEndsWhenItIsAsked) {
  Bench bench({FakeScript::tokens(ids_of("<think>w</think>x"))});
  const auto asked = std::make_shared<std::atomic<bool>>(false);
  ASSERT_TRUE(bench.backend->chat({.messages = {message("user", "?")}, .end_thinking = asked}, {}));
  EXPECT_EQ(bench.engine->requests[0].thinking.end_now, asked);
}

}  // namespace
}  // namespace glmv::chat
