#include "glmv/text/messages.h"

#include <gtest/gtest.h>

namespace glmv::text {
namespace {

TEST(ParseMessages, NormalisesOpenAiForms) {
  const Json json = Json::parse(R"([
    {"role":"developer","content":"S"},
    {"role":"user","content":["plain",{"type":"text","text":"t"},
      {"type":"image_url","image_url":{"url":"http://x/a.png"}},
      {"type":"image_url","image_url":"b"},
      {"type":"image","image":"c"},{"type":"video_url","video_url":{"url":"v"}},
      {"type":"video","video":["f1","f2"],"fps":2}]},
    {"role":"assistant","content":null,"reasoning":"r","tool_calls":[{"id":"1","type":"function",
      "function":{"name":"f","arguments":"{\"a\": 1}"}},{"function":{"name":"g","arguments":""}}]},
    {"role":"tool","tool_call_id":"1","content":"R"}])");
  const auto messages = parse_messages(json);
  ASSERT_TRUE(messages) << messages.error().message;
  EXPECT_EQ((*messages)[0].role, "system");
  const auto& parts = (*messages)[1].content;
  ASSERT_EQ(parts.size(), 7u);
  EXPECT_EQ((*messages)[1].text(), "plaint");
  EXPECT_EQ(parts[2].source, "http://x/a.png");
  EXPECT_EQ(parts[3].source, "b");
  EXPECT_EQ(parts[4].source, "c");
  EXPECT_EQ(parts[5].kind, PartKind::kVideo);
  EXPECT_EQ(parts[6].frames, (std::vector<std::string>{"f1", "f2"}));
  EXPECT_EQ(parts[6].fps, 2.0);
  const Json out = to_template_json(*messages);
  EXPECT_EQ(out[1]["content"][2].dump(), R"({"type":"image"})");
  EXPECT_EQ(out[2]["content"], "");
  EXPECT_EQ(out[2]["reasoning_content"], "r");
  EXPECT_EQ(out[2]["tool_calls"][0]["function"]["arguments"].dump(), R"({"a":1})");
  EXPECT_EQ(out[2]["tool_calls"][1]["function"]["arguments"].dump(), "{}");
}

TEST(ParseMessages, OptionsOfMedia) {
  const Json json = Json::parse(R"([{"role":"user","content":[
      {"type":"image_url","image_url":{"url":"a","detail":"low"}},
      {"type":"input_image","image_url":"b","detail":"original","max_pixels":5000},
      {"type":"image","image":"c","detail":null},
      {"type":"image_url","image_url":{"url":"d","detail":"high","max_pixels":100.0}},
      {"type":"video","frames":["f","g"],"fps":4,"max_frames":1},
      {"type":"video_url","video_url":{"url":"v","fps":10,"frames_indices":[0,5]}},
      {"type":"video","video":["f"],"frame_times_s":[0.5]}]}])");
  const auto messages = parse_messages(json);
  ASSERT_TRUE(messages) << messages.error().message;
  const auto& parts = (*messages)[0].content;
  EXPECT_EQ(parts[0].detail, Detail::kLow);
  EXPECT_EQ(parts[0].source, "a");
  EXPECT_EQ(parts[0].max_pixels, 0);
  EXPECT_EQ(parts[1].detail, Detail::kOriginal);
  EXPECT_EQ(parts[1].max_pixels, 5000);
  EXPECT_EQ(parts[2].detail, Detail::kAuto);
  EXPECT_EQ(parts[3].detail, Detail::kHigh);
  EXPECT_EQ(parts[3].max_pixels, 100);
  EXPECT_EQ(parts[4].frames, (std::vector<std::string>{"f", "g"}));
  EXPECT_EQ(parts[4].max_frames, 1);
  EXPECT_EQ(parts[5].source, "v");
  EXPECT_EQ(parts[5].frame_times_s, (std::vector<double>{0.0, 0.5}));
  EXPECT_EQ(parts[6].frame_times_s, (std::vector<double>{0.5}));
}

TEST(ParseMessages, Documents) {
  const Json json = Json::parse(R"([{"role":"user","content":[
      {"type":"file","file":{"file_data":"data:application/pdf;base64,QQ==","filename":"a.pdf"}},
      {"type":"file","file":{"file_id":"f_1"},"pages":"1-3, 7","dpi":96},
      {"type":"input_file","file_data":"QQ==","filename":"b.pdf"},
      {"type":"input_file","file_url":"https://x/c.pdf"},
      {"type":"file","file":{"path":"d.pdf","pages":"2-","detail":"low"}},
      {"type":"file","file":"e.pdf"},
      {"type":"input_image","file_id":"f_2"}]}])");
  const auto messages = parse_messages(json);
  ASSERT_TRUE(messages) << messages.error().message;
  const auto& parts = (*messages)[0].content;
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(parts[i].kind, PartKind::kDocument);
  EXPECT_EQ(parts[0].source, "data:application/pdf;base64,QQ==");
  EXPECT_EQ(parts[0].name, "a.pdf");
  EXPECT_EQ(parts[1].source, "file:f_1");
  EXPECT_EQ(parts[1].pages, "1-3, 7");
  EXPECT_EQ(parts[1].dpi, 96);
  EXPECT_EQ(parts[2].source, "data:;base64,QQ==");
  EXPECT_EQ(parts[3].source, "https://x/c.pdf");
  EXPECT_EQ(parts[4].pages, "2-");
  EXPECT_EQ(parts[4].detail, Detail::kLow);
  EXPECT_EQ(parts[5].source, "e.pdf");
  EXPECT_EQ(parts[6].source, "file:f_2");
}

TEST(ParseMessages, FlattensTextOfSystemAndAssistant) {
  const auto messages = parse_messages(Json::parse(
      R"([{"role":"system","content":[{"type":"text","text":"a"},"b"]},
          {"role":"user","content":[{"type":"text","text":"c"}]}])"));
  ASSERT_TRUE(messages);
  const Json out = to_template_json(*messages);
  EXPECT_EQ(out[0]["content"], "ab");
  EXPECT_TRUE(out[1]["content"].is_array());
}

TEST(ParseMessages, ErrorsNameThePath) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({})", "messages: "},
      {R"([1])", "messages[0]: "},
      {R"([{"content":"x"}])", "messages[0].role: "},
      {R"([{"role":"bot","content":"x"}])", "messages[0].role: "},
      {R"([{"role":"user"}])", "messages[0].content: "},
      {R"([{"role":"user","content":1}])", "messages[0].content: "},
      {R"([{"role":"user","content":["a",{}]}])", "messages[0].content[1].type: "},
      {R"([{"role":"user","content":[{"type":"sound"}]}])", "messages[0].content[0].type: "},
      {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text: "},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])",
       "messages[0].content[0].image_url.url: "},
      {R"([{"role":"user","content":[{"type":"image","image":""}]}])",
       "messages[0].content[0].image: "},
      {R"([{"role":"user","content":[{"type":"video","video":[]}]}])",
       "messages[0].content[0].video: "},
      {R"([{"role":"user","content":[{"type":"video","video":["a"],"fps":0}]}])",
       "messages[0].content[0].fps: "},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"a","detail":"most"}}]}])",
       "messages[0].content[0].detail: "},
      {R"([{"role":"user","content":[{"type":"image","image":"a","max_pixels":0}]}])",
       "messages[0].content[0].max_pixels: "},
      {R"([{"role":"user","content":[{"type":"image","image":"a","max_pixels":1e300}]}])",
       "messages[0].content[0].max_pixels: "},
      {R"([{"role":"user","content":[{"type":"video","frames":["a"],"max_frames":1.5}]}])",
       "messages[0].content[0].max_frames: "},
      {R"([{"role":"user","content":[{"type":"video","frames":["a"],"frames_indices":[1,2]}]}])",
       "messages[0].content[0].frames_indices: "},
      {R"([{"role":"user","content":[{"type":"video","frames":["a"],"frame_times_s":["x"]}]}])",
       "messages[0].content[0].frame_times_s: "},
      {R"([{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}}]}])",
       "messages[0].content[0].type: sound is not supported"},
      {R"([{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf"}}]}])",
       "messages[0].content[0].file.file_data: is missing"},
      {R"([{"role":"user","content":[{"type":"file","file":7}]}])",
       "messages[0].content[0].file_data: is missing"},
      {R"([{"role":"user","content":[{"type":"file","file":{"file_id":""}}]}])",
       "messages[0].content[0].file.file_id: is empty"},
      {R"([{"role":"user","content":[{"type":"file","file":{"file_id":"f"},"pages":"0"}]}])",
       "messages[0].content[0].pages: "},
      {R"([{"role":"user","content":[{"type":"file","file":{"file_id":"f"},"pages":[1]}]}])",
       "messages[0].content[0].pages: must be a string"},
      {R"([{"role":"user","content":[{"type":"file","file":{"file_id":"f","dpi":9}}]}])",
       "messages[0].content[0].dpi: "},
      {R"([{"role":"user","content":[{"type":"input_file","file_url":""}]}])",
       "messages[0].content[0].file_url: is empty"},
      {R"([{"role":"user","content":[{"type":"input_image","file_id":""}]}])",
       "messages[0].content[0].file_id: is empty"},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[1]"}}]}])",
       "messages[0].tool_calls[0].function.arguments: "},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}])",
       "messages[0].tool_calls[0].function.arguments"},
      {R"([{"role":"assistant","tool_calls":[{"function":{}}]}])",
       "messages[0].tool_calls[0].function.name: "},
      {R"([{"role":"user","content":"x","tool_calls":[]}])", "messages[0].tool_calls: "},
  };
  for (const auto& [text, path] : cases) {
    const auto messages = parse_messages(Json::parse(text));
    ASSERT_FALSE(messages) << text;
    EXPECT_TRUE(messages.error().message.starts_with(path)) << messages.error().message;
  }
}

}  // namespace
}  // namespace glmv::text
