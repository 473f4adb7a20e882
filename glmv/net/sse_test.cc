#include "glmv/net/sse.h"

#include <gtest/gtest.h>

#include <string>

namespace glmv::net {
namespace {

using Events = std::vector<SseEvent>;

bool equal(const SseEvent& a, const SseEvent& b) {
  return a.type == b.type && a.data == b.data && a.id == b.id;
}

// The events of `text` in pieces of `size` bytes; `first`: the length of the first piece.
Events read(std::string_view text, size_t size, size_t first) {
  SseReader reader;
  Events events;
  const auto feed = [&](std::string_view piece) {
    auto more = reader.feed(piece);
    ASSERT_TRUE(more) << more.error().message;
    events.insert(events.end(), more->begin(), more->end());
  };
  feed(text.substr(0, first));
  for (size_t i = first; i < text.size(); i += size) feed(text.substr(i, size));
  const auto last = reader.finish();
  EXPECT_TRUE(last);
  if (*last) events.push_back(**last);
  return events;
}

struct Case {
  std::string_view text;
  Events events;
};

const Case kCases[] = {
    {"", {}},
    {"data: a\n\n", {{"", "a", ""}}},
    {"data:a\r\rdata:b\r\r", {{"", "a", ""}, {"", "b", ""}}},
    {"data: a\r\n\r\ndata: b\r\n\r\n", {{"", "a", ""}, {"", "b", ""}}},
    {"data: a\r\ndata: b\r\n\r\n", {{"", "a\nb", ""}}},
    {"data\n\n", {{"", "", ""}}},
    {"data\ndata\n\n", {{"", "\n", ""}}},
    {"data:  two\n\n", {{"", " two", ""}}},
    {"data: a:b: c\n\n", {{"", "a:b: c", ""}}},
    {": keep-alive\n\n: again\n\ndata: x\n\n", {{"", "x", ""}}},
    {"event: progress\ndata: {}\n\ndata: x\n\n", {{"progress", "{}", ""}, {"", "x", ""}}},
    {"event: nothing\n\ndata: x\n\n", {{"", "x", ""}}},
    {"id: 3\ndata: x\n\ndata: y\n\n", {{"", "x", "3"}, {"", "y", "3"}}},
    {"id: 3\ndata: x\n\nid\ndata: y\n\n", {{"", "x", "3"}, {"", "y", ""}}},
    {"retry: 10\nnonsense: 3\nDATA: no\nx\ndata: y\n\n", {{"", "y", ""}}},
    {"\xEF\xBB\xBF"
     "data: x\n\n",
     {{"", "x", ""}}},
    {"data: \xE4\xBD\xA0\xFF\n\n", {{"", "\xE4\xBD\xA0\xFF", ""}}},
    {"data: [DONE]\n", {{"", "[DONE]", ""}}},
    {"data: [DONE]", {{"", "[DONE]", ""}}},
    {"event: a\n", {}},
    {"\n\n\r\r\n\n", {}},
};

TEST(Sse, EveryCutGivesTheSameEvents) {
  for (const Case& test : kCases) {
    for (const size_t size : {1u, 2u, 3u, 5u, 1000u}) {
      for (size_t first = 0; first <= test.text.size(); ++first) {
        const Events events = read(test.text, size, first);
        ASSERT_EQ(events.size(), test.events.size()) << test.text;
        for (size_t i = 0; i < events.size(); ++i) {
          EXPECT_TRUE(equal(events[i], test.events[i]))
              << test.text << ": " << events[i].type << "|" << events[i].data << "|"
              << events[i].id;
        }
      }
    }
  }
}

TEST(Sse, AnIdWithNulIsNone) {
  SseReader reader;
  const std::string text("id: a\0b\ndata: x\n\n", 17);
  const auto events = reader.feed(text);
  ASSERT_TRUE(events && events->size() == 1);
  EXPECT_EQ((*events)[0].id, "");
}

TEST(Sse, LengthsAreLimited) {
  SseReader line(100);
  EXPECT_TRUE(line.feed(std::string(100, 'x')));
  const auto refused = line.feed("x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);

  SseReader lines(100);
  std::string text;
  for (int i = 0; i < 30; ++i) text += "data: abc\n";
  EXPECT_FALSE(lines.feed(text));

  SseReader many(100);  // events of any number
  std::string events;
  for (int i = 0; i < 100; ++i) events += "data: abc\n\n";
  const auto read = many.feed(events);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 100u);
}

}  // namespace
}  // namespace glmv::net
