#include "glmv/processing/placeholders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmv::processing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Medium picture(int64_t h, int64_t w) {
  Medium medium;
  medium.grid = {1, h, w};
  return medium;
}

Medium video(int64_t t, int64_t h, int64_t w, std::vector<double> times) {
  Medium medium;
  medium.kind = MediaKind::kVideo;
  medium.grid = {t, h, w};
  medium.timestamps_s = std::move(times);
  return medium;
}

std::string repeat(std::string_view token, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += token;
  return out;
}

TEST(TimestampText, BothStyles) {
  EXPECT_EQ(timestamp_text(0, VideoStyle::kGlm4v), "0");
  EXPECT_EQ(timestamp_text(1.99, VideoStyle::kGlm4v), "1");
  EXPECT_EQ(timestamp_text(0, VideoStyle::kGlm46v), "0.0 seconds");
  EXPECT_EQ(timestamp_text(0.25, VideoStyle::kGlm46v), "0.2 seconds");
  EXPECT_EQ(timestamp_text(0.75, VideoStyle::kGlm46v), "0.8 seconds");
  EXPECT_EQ(timestamp_text(1.9166666, VideoStyle::kGlm46v), "1.9 seconds");
}

TEST(SliceTimes, FirstFrameOfEachPair) {
  EXPECT_THAT(slice_times(std::vector{0.0, 1.0, 2.0, 3.0, 4.0}, 3, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(slice_times(std::vector{1.0, 2.0, 3.0}, 4, 2), ElementsAre(1, 3, 3, 3));
  EXPECT_THAT(slice_times({}, 2, 2), ElementsAre(0, 0));
}

TEST(ExpandPlaceholders, PicturesAndVideosInTextOrder) {
  const std::vector<Medium> media{video(2, 2, 4, {0.0, 0.5}), picture(4, 6), picture(2, 2)};
  const auto out =
      expand_placeholders("a<|image|>b<|video|>c<|image|>", media, {}, VideoStyle::kGlm46v, 2);
  ASSERT_TRUE(out) << out.error().message;
  const std::string frame = "<|begin_of_image|>" + repeat("<|image|>", 2) + "<|end_of_image|>";
  EXPECT_EQ(out->text, "a" + repeat("<|image|>", 6) + "b" + frame + "0.0 seconds" + frame +
                           "0.5 seconds" + "c" + repeat("<|image|>", 1));
  EXPECT_THAT(out->order, ElementsAre(1, 0, 2));
  EXPECT_EQ(out->num_image_tokens, 6 + 4 + 1);
  const auto integers =
      expand_placeholders("<|video|>", std::span(media).first(1), {}, VideoStyle::kGlm4v, 2);
  EXPECT_EQ(integers->text, frame + "0" + frame + "0");
}

TEST(ExpandPlaceholders, CountsMustAgreeInBothDirections) {
  const std::vector one{picture(2, 2)};
  for (const auto& result :
       {expand_placeholders("no media", one, {}, VideoStyle::kGlm4v, 2),
        expand_placeholders("<|image|><|image|>", one, {}, VideoStyle::kGlm4v, 2),
        expand_placeholders("<|image|>", {}, {}, VideoStyle::kGlm4v, 2),
        expand_placeholders("<|video|>", one, {}, VideoStyle::kGlm4v, 2)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kInvalidArgument);
    EXPECT_THAT(result.error().message, HasSubstr("placeholder_mismatch"));
  }
  EXPECT_TRUE(expand_placeholders("plain < text <| <|imag", {}, {}, VideoStyle::kGlm4v, 2));
}

TEST(ExpandPlaceholders, UntrustedTextIsNeverAPlaceholder) {
  const std::string text = "ab<|image|>XX<|image|>YY<|video|>ZZ";
  // The user typed the second <|image|> and the <|video|>.
  const std::vector<text::ByteRange> untrusted{{0, 1}, {11, 24}, {24, 35}};
  const std::vector media{picture(4, 4)};
  const auto out = expand_placeholders(text, media, untrusted, VideoStyle::kGlm4v, 2);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->text, "ab" + repeat("<|image|>", 4) + "XX<|image|>YY<|video|>ZZ");
  ASSERT_EQ(out->untrusted.size(), 3u);
  EXPECT_EQ(out->untrusted[0], (text::ByteRange{0, 1}));
  EXPECT_EQ(out->untrusted[1], (text::ByteRange{11 + 27, 24 + 27}));
  EXPECT_EQ(out->untrusted[2], (text::ByteRange{24 + 27, 35 + 27}));
  for (size_t i = 0; i < 3; ++i) {
    const auto& range = out->untrusted[i];
    EXPECT_EQ(out->text.substr(range.begin, range.end - range.begin),
              text.substr(untrusted[i].begin, untrusted[i].end - untrusted[i].begin));
  }
}

TEST(ExpandPlaceholders, RangesBetweenSeveralMedia) {
  const std::string text = "<|image|>q1<|image|>q2";
  const std::vector<text::ByteRange> untrusted{{9, 11}, {20, 22}};
  const std::vector media{picture(4, 4), picture(2, 2)};
  const auto out = expand_placeholders(text, media, untrusted, VideoStyle::kGlm4v, 2);
  ASSERT_TRUE(out);
  for (size_t i = 0; i < 2; ++i) {
    const auto& range = out->untrusted[i];
    EXPECT_EQ(out->text.substr(range.begin, range.end - range.begin), i ? "q2" : "q1");
  }
}

}  // namespace
}  // namespace glmv::processing
