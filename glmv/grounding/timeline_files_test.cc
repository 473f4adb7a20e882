#include "glmv/grounding/timeline_files.h"

#include <gtest/gtest.h>

namespace glmv::grounding {
namespace {

const std::string kAnswer = "0:05-0:10 a <b> & --> c\n0:02 start\n1:00 late\n0:20-0:40 over";

TEST(TimelineFiles, ClockTexts) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(62.5), "1:02.5");
  EXPECT_EQ(clock_text(59.999), "1:00");
  EXPECT_EQ(clock_text(3723.25), "1:02:03.25");
  EXPECT_EQ(clock_text(-1), "0:00");
}

TEST(TimelineFiles, Json) {
  const auto events = parsers::parse_timeline(kAnswer, 30);
  const Json json = timeline_json(events, 30, kAnswer);
  EXPECT_EQ(json["duration"], 30);
  ASSERT_EQ(json["events"].size(), 4u);
  EXPECT_EQ(json["events"][0]["begin"], 5);
  EXPECT_EQ(json["events"][1]["range"], false);
  EXPECT_EQ(json["events"][2]["beyond"], true);
  EXPECT_EQ(json["events"][3]["beyond"], true);
  EXPECT_EQ(json["raw_text"], kAnswer);
  EXPECT_FALSE(timeline_json(events, 0, "").contains("duration"));
}

TEST(TimelineFiles, WebVttIsSortedEscapedAndEndsWithTheVideo) {
  EXPECT_EQ(webvtt(parsers::parse_timeline(kAnswer, 30), 30),
            "WEBVTT\n"
            "\n1\n00:00:02.000 --> 00:00:05.000\nstart\n"
            "\n2\n00:00:05.000 --> 00:00:10.000\na &lt;b&gt; &amp; --&gt; c\n"
            "\n3\n00:00:20.000 --> 00:00:30.000\nover\n"
            "\nNOTE behind the end of the video: 1:00 late\n");
}

TEST(TimelineFiles, SubRip) {
  EXPECT_EQ(subrip(parsers::parse_timeline("0:02 start\n0:05-0:10 a --> c", 0), 0),
            "1\n00:00:02,000 --> 00:00:05,000\nstart\n\n"
            "2\n00:00:05,000 --> 00:00:10,000\na -> c\n");
  EXPECT_EQ(subrip(parsers::parse_timeline("1:00 late", 30), 30), "");
  EXPECT_EQ(subrip(parsers::parse_timeline("0:05-0:05", 30), 30),
            "1\n00:00:05,000 --> 00:00:30,000\n-\n");
}

TEST(TimelineFiles, WhatIsWrittenCanBeReadAgain) {
  const auto events = parsers::parse_timeline(kAnswer, 0);
  for (const std::string& text : {webvtt(events, 0), subrip(events, 0)}) {
    const auto again = parsers::parse_timeline(text, 0);
    ASSERT_EQ(again.size(), events.size()) << text;
    EXPECT_EQ(again[0].begin_s, 2);
    EXPECT_EQ(again[0].text, "start");
  }
}

}  // namespace
}  // namespace glmv::grounding
