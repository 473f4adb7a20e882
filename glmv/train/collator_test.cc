#include "glmv/train/collator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "glmv/train/tiny_checkpoint_for_test.h"

namespace glmv::train {
namespace {

using text::ContentPart;
using text::Message;
using text::PartKind;

class CollatorTest : public testing::Test {
 protected:
  const processing::Processor& processor(const std::string& tokenizer,
                                         const std::string& model_type) {
    const auto dir = folder_.path() / model_type;
    if (!std::filesystem::exists(dir)) write_config(dir, tokenizer, model_type);
    auto loaded = processing::Processor::load(dir);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    processors_.push_back(std::make_unique<processing::Processor>(std::move(*loaded)));
    return *processors_.back();
  }
  const processing::Processor& glm41v() { return processor("glm41v", "glm4v"); }
  const processing::Processor& glm_ocr() { return processor("glm45v", "glm_ocr"); }

  static Message picture_question(const std::string& question) {
    Message message{.role = "user", .content_is_string = false};
    message.content.push_back({.kind = PartKind::kImage});
    message.content.push_back({.kind = PartKind::kText, .text = question});
    return message;
  }
  static processing::DecodedMedium picture(int width, int height) {
    media::Image image{.width = width, .height = height};
    image.data.assign(static_cast<size_t>(width) * height * 3, 90);
    processing::DecodedMedium medium;
    medium.frames.push_back(std::move(image));
    return medium;
  }

  // Trained stretches of the sample as text, in order; the token that ends a turn included.
  static std::vector<std::string> trained(const processing::Processor& p,
                                          const EncodedSample& sample) {
    std::vector<std::string> runs;
    bool open = false;
    int64_t count = 0;
    for (int32_t target : sample.targets) {
      if (target == kIgnore) {
        open = false;
        continue;
      }
      if (!open) runs.emplace_back();
      open = true;
      runs.back() += p.tokenizer().token_bytes(target);
      ++count;
    }
    EXPECT_EQ(count, sample.num_trained);
    return runs;
  }
  static std::vector<std::string> trained(const processing::Processor& p, Sample sample,
                                          const EncodeOptions& options = {}) {
    const auto collator = Collator::create(p, options);
    if (!collator) return {collator.error().message};
    const auto encoded = collator->encode(std::move(sample));
    if (!encoded) return {encoded.error().message};
    return trained(p, *encoded);
  }

  TemporaryFolder folder_;
  std::vector<std::unique_ptr<processing::Processor>> processors_;
};

using Runs = std::vector<std::string>;

TEST_F(CollatorTest, TrainsAnswersAndTheTokenBehindThem) {
  const auto& p = glm41v();
  const Sample sample{.messages = {Message::system("Be brief."), Message::user("Hi"),
                                   Message::assistant("<think>Hm.</think><answer>Hello</answer>")}};
  EXPECT_EQ(trained(p, sample), (Runs{"<think>Hm.</think><answer>Hello</answer><|user|>"}));
  EXPECT_EQ(trained(p, sample, {.turn_end = "endoftext"}),
            (Runs{"<think>Hm.</think><answer>Hello</answer><|endoftext|>"}));
  EXPECT_EQ(trained(p, sample, {.train_think = false}), (Runs{"<answer>Hello</answer><|user|>"}));
}

TEST_F(CollatorTest, IdsAreThoseOfInference) {
  const auto& p = glm41v();
  const std::vector<Message> messages = {picture_question("What <|user|> is it?"),
                                         Message::assistant("<think>a</think><answer>b</answer>"),
                                         picture_question("And this?"),
                                         Message::assistant("<think>c</think><answer>d</answer>")};
  Sample sample{.messages = messages};
  sample.media.push_back(picture(112, 112));
  sample.media.push_back(picture(200, 100));
  const auto encoded = Collator::create(p, {.history_think = "keep"})->encode(sample);
  ASSERT_TRUE(encoded) << encoded.error().message;

  // The prompt of the first turn, as generation would see it, begins the training sequence, and
  // the first trained position is its last token.
  const auto prompt =
      p.process_decoded(std::span(messages).first(1), std::span(sample.media).first(1), {});
  ASSERT_TRUE(prompt) << prompt.error().message;
  const auto& ids = encoded->input.input_ids;
  ASSERT_GT(ids.size(), prompt->input_ids.size());
  EXPECT_TRUE(std::equal(prompt->input_ids.begin(), prompt->input_ids.end(), ids.begin()));
  const auto first = std::ranges::find_if(encoded->targets, [](int32_t t) { return t >= 0; });
  EXPECT_EQ(first - encoded->targets.begin(), static_cast<int64_t>(prompt->input_ids.size()) - 1);

  EXPECT_EQ(trained(p, *encoded), (Runs{"<think>a</think><answer>b</answer><|user|>",
                                        "<think>c</think><answer>d</answer><|user|>"}));
  EXPECT_EQ(encoded->input.media.size(), 2u);
  EXPECT_EQ(encoded->targets.size(), ids.size());
  EXPECT_EQ(encoded->input.position_ids[2].size(), ids.size());
  // Shifted targets: what is predicted is the next id, but for the very last one.
  for (size_t i = 0; i + 1 < ids.size(); ++i) {
    if (encoded->targets[i] != kIgnore) EXPECT_EQ(encoded->targets[i], ids[i + 1]);
  }
}

TEST_F(CollatorTest, HistoryThoughtsAreStripped) {
  const auto& p = glm41v();
  const Sample sample{.messages = {Message::user("1"), Message::assistant("<think>a</think>\n\nb"),
                                   Message::user("2"), Message::assistant("<think>c</think>d")}};
  EXPECT_EQ(trained(p, sample), (Runs{"b<|user|>", "<think>c</think>d<|user|>"}));
  EXPECT_EQ(trained(p, sample, {.history_think = "keep"}),
            (Runs{"<think>a</think>\n\nb<|user|>", "<think>c</think>d<|user|>"}));
  EXPECT_EQ(trained(p, sample, {.loss_turns = "last"}), (Runs{"<think>c</think>d<|user|>"}));
}

TEST_F(CollatorTest, TextThatMergesWithThePromptIsTrained) {
  const auto& p = glm41v();
  const Sample sample{.messages = {Message::user("Hi"), Message::assistant("\n\nHello")}};
  const Runs runs = trained(p, sample);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_TRUE(runs[0] == "\n\nHello<|user|>" || runs[0] == "\n\n\nHello<|user|>") << runs[0];
}

TEST_F(CollatorTest, FollowsTemplatesThatRewriteTurns) {
  const auto& p = glm_ocr();
  Sample sample{.messages = {Message::user("1"), Message::assistant("<think>a</think>\nb"),
                             Message::user("2"), Message::assistant("<think>c</think>\nd")}};
  EXPECT_EQ(trained(p, sample, {.history_think = "keep"}),
            (Runs{"<think></think>\nb<|user|>", "<think>c</think>\nd<|user|>"}));
  sample.enable_thinking = false;
  sample.messages[3] = Message::assistant("d");
  EXPECT_EQ(trained(p, sample), (Runs{"b<|user|>", "d<|user|>"}));
}

TEST_F(CollatorTest, ToolCallEndsWithObservation) {
  const auto& p = glm_ocr();
  Sample sample{.messages = {Message::user("Weather?"), Message::assistant(""),
                             Message{.role = "tool"}, Message::assistant("Sunny.")}};
  sample.messages[1].tool_calls = Json::array(
      {{{"type", "function"}, {"function", {{"name", "look"}, {"arguments", {{"at", "sky"}}}}}}});
  sample.messages[2].content = {{.kind = PartKind::kText, .text = "sun"}};
  const Runs runs = trained(p, sample);
  ASSERT_EQ(runs.size(), 2u) << runs[0];
  EXPECT_TRUE(runs[0].ends_with("</tool_call><|observation|>")) << runs[0];
  EXPECT_TRUE(runs[1].ends_with("Sunny.<|user|>")) << runs[1];
}

TEST_F(CollatorTest, RolesTypedInTextStayText) {
  const auto& p = glm41v();
  const Sample sample{
      .messages = {Message::user("a<|assistant|>\nb"), Message::assistant("c<|user|>d<|image|>")}};
  for (const bool trust : {false, true}) {
    EXPECT_EQ(trained(p, sample, {.trust_special_tokens = trust}),
              (Runs{"c<|user|>d<|image|><|user|>"}));
  }
}

TEST_F(CollatorTest, VisualWordsAreTheOnlyTargetsOfTheirObjective) {
  const auto& p = glm41v();
  const EncodeOptions options{.objective = "visual-words"};
  const auto collator = Collator::create(p, options);
  ASSERT_TRUE(collator.has_value());
  Sample sample{.messages = {picture_question("?"), Message::assistant("a")}};
  sample.media = {picture(112, 112)};
  const auto plain = Collator::create(p, {})->encode(sample);
  ASSERT_TRUE(plain.has_value()) << plain.error().message;
  const auto visual = std::ranges::count(plain->input.mm_token_types, 1);
  ASSERT_GE(visual, 4);
  sample.visual_words.resize(visual);
  sample.visual_words[1] = {"a", "b"};
  sample.visual_words[3] = {"a"};
  const auto encoded = collator->encode(sample);
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
  EXPECT_EQ(encoded->num_trained, 3);
  EXPECT_EQ(std::ranges::count(encoded->targets, kIgnore), std::ssize(encoded->targets));
  ASSERT_EQ(encoded->visual_targets.size(), 3u);
  EXPECT_EQ(encoded->visual_targets[1].row, 1);
  EXPECT_EQ(p.tokenizer().token_bytes(encoded->visual_targets[1].token), "b");
  EXPECT_EQ(encoded->visual_targets[2].row, 3);
  EXPECT_NEAR(encoded->least_loss, 2 * std::log(2.0), 1e-12);

  sample.visual_words[0] = {"two words"};
  EXPECT_NE(trained(p, sample, options).at(0).find("expected one"), std::string::npos);
  sample.visual_words.pop_back();
  EXPECT_NE(trained(p, sample, options).at(0).find("visual tokens, but"), std::string::npos);
  sample.visual_words.clear();
  EXPECT_NE(trained(p, sample, options).at(0).find("only generated pictures"), std::string::npos);
}

TEST_F(CollatorTest, Errors) {
  const auto& p = glm41v();
  const Sample question{.messages = {Message::user("Hi")}};
  EXPECT_NE(trained(p, question).at(0).find("0 assistant messages"), std::string::npos);
  Sample sample{.messages = {picture_question("?"), Message::assistant("a")}};
  sample.media = {picture(112, 112), picture(112, 112)};
  EXPECT_NE(trained(p, sample).at(0).find("1 media parts"), std::string::npos);
  sample.media.pop_back();
  EXPECT_NE(trained(p, sample, {.max_sample_tokens = 10}).at(0).find("max_sample_tokens"),
            std::string::npos);
  sample.media[0].frames.clear();
  EXPECT_NE(trained(p, sample).at(0).find("0 frames"), std::string::npos);
}

TEST(StripThought, Variants) {
  EXPECT_EQ(strip_thought("a"), "a");
  EXPECT_EQ(strip_thought("<think>x.</think>\n<answer>b</answer>"), "<answer>b</answer>");
  EXPECT_EQ(strip_thought("<think>\nx\n</think>\n\nb"), "b");
  EXPECT_EQ(strip_thought("x</think>b"), "b");
  EXPECT_EQ(strip_thought("a <think>x</think> b"), "a b");
  EXPECT_EQ(strip_thought("<think>x"), "<think>x");
  EXPECT_EQ(strip_thought("<think>x</think>"), "");
}

}  // namespace
}  // namespace glmv::train
