#include "glmv/terminal/key_decoder.h"

#include <gtest/gtest.h>

#include <vector>

namespace glmv::terminal {
namespace {

using Events = std::vector<KeyEvent>;

// Texts that follow each other count as one.
void add(Events& events, KeyEvent event) {
  if (event.key == Key::kText && !events.empty() && events.back().key == Key::kText) {
    events.back().text += event.text;
  } else {
    events.push_back(std::move(event));
  }
}

Events decode(std::string_view bytes, size_t piece) {
  KeyDecoder decoder;
  Events events;
  const auto take = [&] {
    while (auto event = decoder.next()) add(events, *event);
  };
  for (size_t at = 0; at < bytes.size(); at += piece) {
    decoder.feed(bytes.substr(at, piece));
    take();
  }
  decoder.flush();
  take();
  return events;
}

Events decode(std::string_view bytes) { return decode(bytes, bytes.size()); }

TEST(KeyDecoder, KeysOfCommonTerminals) {
  const std::pair<std::string_view, Key> cases[] = {
      {"\r", Key::kEnter},
      {"\033\r", Key::kNewline},
      {"\033[13;3u", Key::kNewline},
      {"\033[13;2u", Key::kNewline},
      {"\033[27;3;13~", Key::kNewline},
      {"\033[A", Key::kUp},
      {"\033OA", Key::kUp},
      {"\033[1;5C", Key::kWordRight},
      {"\033[1;3D", Key::kWordLeft},
      {"\033b", Key::kWordLeft},
      {"\033[H", Key::kHome},
      {"\033[1~", Key::kHome},
      {"\033[4~", Key::kEnd},
      {"\033[3~", Key::kDelete},
      {"\x7f", Key::kBackspace},
      {"\x03", Key::kInterrupt},
      {"\x04", Key::kEndOfFile},
      {"\x1a", Key::kSuspend},
      {"\x12", Key::kSearch},
      {"\x07", Key::kEditor},
      {"\033", Key::kEscape},
      {"\033\x7f", Key::kDeleteWordBefore},
      {"\t", Key::kTab},
      {"\x15", Key::kDeleteToBegin},
  };
  for (const auto& [bytes, key] : cases) {
    EXPECT_EQ(decode(bytes), (Events{{key, ""}})) << std::string(bytes).substr(1);
    EXPECT_EQ(decode(bytes, 1), (Events{{key, ""}})) << std::string(bytes).substr(1);
  }
}

TEST(KeyDecoder, TextAndPasteInAnyCut) {
  const std::string bytes =
      "a\u4f60\033[D\033[200~line 1\r\nline 2\rtab\there\033[31m\x01\033[201~z\033[?62;4c\r";
  const Events expected = {{Key::kText, "a\u4f60"},
                           {Key::kLeft, ""},
                           {Key::kPaste, "line 1\nline 2\ntab\there[31m"},
                           {Key::kText, "z"},
                           {Key::kReport, "\033[?62;4c"},
                           {Key::kEnter, ""}};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(decode(bytes, piece), expected) << piece;
  }
}

TEST(KeyDecoder, TenMegabytesPasted) {
  std::string text;
  while (text.size() < (10u << 20)) text += "some line \u4f60 of text\n";
  const Events events = decode("\033[200~" + text + "\033[201~\r", 1 << 16);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].text, text);
}

TEST(KeyDecoder, APasteWithoutItsEndIsKept) {
  EXPECT_EQ(decode("\033[200~half\033[20"), (Events{{Key::kPaste, "half[20"}}));
}

TEST(KeyDecoder, GarbageIsNoKey) {
  EXPECT_TRUE(decode("\033[99;99;99;99Z\033[5~\033OP").empty());
  EXPECT_EQ(decode("\xff\xfe"
                   "a"),
            (Events{{Key::kText, "a"}}));
  std::string endless = "\033[";
  endless.append(1000, '1');
  EXPECT_FALSE(decode(endless).empty());  // taken as text in the end, not swallowed for ever
}

}  // namespace
}  // namespace glmv::terminal
