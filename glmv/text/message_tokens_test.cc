#include "glmv/text/message_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace glmv::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The untrusted parts of a text that is untrusted as a whole.
std::vector<std::string> parts(const std::string& text, TokensInText allowed) {
  const ByteRange whole{0, text.size()};
  std::vector<std::string> out;
  for (const ByteRange& range : untrusted_parts(text, {&whole, 1}, allowed)) {
    out.push_back(text.substr(range.begin, range.end - range.begin));
  }
  return out;
}

TEST(MessageTokens, MarkersAreTakenOutOfWhatIsUntrusted) {
  EXPECT_THAT(parts("a<think>b</think>", TokensInText::kMarkers), ElementsAre("a", "b"));
  EXPECT_THAT(parts("<|begin_of_box|>", TokensInText::kMarkers), IsEmpty());
  EXPECT_THAT(parts("x/nothinking", TokensInText::kMarkers), ElementsAre("x", "ing"));
  EXPECT_THAT(parts("<<think>/</think", TokensInText::kMarkers), ElementsAre("<", "/</think"));
  EXPECT_THAT(parts("", TokensInText::kMarkers), IsEmpty());
}

TEST(MessageTokens, StructureStaysUntrusted) {
  for (const char* text : {"<|user|>", "<|image|>", "[gMASK]<sop>", "<|endoftext|>"}) {
    EXPECT_THAT(parts(text, TokensInText::kMarkers), ElementsAre(text));
    EXPECT_THAT(parts(text, TokensInText::kAll), IsEmpty());
  }
  EXPECT_THAT(parts("a<think>", TokensInText::kNone), ElementsAre("a<think>"));
}

// A marker that only the template and a message make together is none of the message's.
TEST(MessageTokens, OnlyWholeMarkersInsideOfARangeCount) {
  const std::string text = "<think><think>";
  const std::vector<ByteRange> ranges = {{1, 7}, {7, 13}};
  EXPECT_EQ(untrusted_parts(text, ranges, TokensInText::kMarkers), ranges);
}

}  // namespace
}  // namespace glmv::text
