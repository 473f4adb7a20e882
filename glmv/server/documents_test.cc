// Documents in requests and as uploads.

#include <gmock/gmock.h>

#include "glmv/base/files.h"
#include "glmv/media/base64.h"
#include "glmv/media/decode.h"
#include "glmv/media/files_for_test.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
using testing::HasSubstr;
using text::PartKind;

std::string golden(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/" + name);
}

MediaOptions with_documents() {
  MediaOptions media;
  media.documents = std::make_shared<media::DocumentReader>();
  media.videos = std::make_shared<media::InlineVideoOpener>();
  return media;
}

std::string pdf_url(const std::string& bytes) {
  return "data:application/pdf;base64," + media::encode_base64(bytes);
}

Json about(const Json& part) {
  return question(
      {{"messages",
        {{{"role", "user"}, {"content", {part, {{"type", "text"}, {"text", "what?"}}}}}}}});
}
Json file_part(const std::string& bytes, const Json& more = Json::object()) {
  Json part = {{"type", "file"}, {"file", {{"file_data", pdf_url(bytes)}, {"filename", "a.pdf"}}}};
  part.update(more);
  return part;
}

class Documents : public testing::Test {
 protected:
  explicit Documents(MediaOptions media = with_documents())
      : backend_({ScriptedReply::text({"x"}), ScriptedReply::text({"x"}),
                  ScriptedReply::text({"x"}), ScriptedReply::text({"x"})}),
        server_(backend_, {.model = "nano", .media = std::move(media)}) {}

  net::HttpAnswer upload(const std::string& bytes, const std::string& name = "my file") {
    const std::string body = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
                             name + "\"\r\n\r\n" + bytes + "\r\n--XX--\r\n";
    net::TestConnection client(server_.port());
    client.send(fmt::format("POST /api/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "multipart/form-data; boundary=XX\r\nContent-Length: {}\r\n\r\n",
                            body.size()) +
                body);
    return client.answer();
  }
  std::vector<text::ContentPart> content(size_t request = 0) const {
    return backend_.requests().at(request).messages.at(0).content;
  }
  // Code and text of the error.
  std::pair<std::string, std::string> refusal(const Json& body, int status) {
    const auto answer = server_.chat(body);
    EXPECT_EQ(answer.status, status) << answer.body;
    const Json error = Json::parse(answer.body).value("error", Json::object());
    return {error.value("code", Json("")).get<std::string>(),
            error.value("message", Json("")).get<std::string>()};
  }

  api::ScriptedBackend backend_;
  Fixture server_;
};

TEST_F(Documents, BecomeTheirPages) {
  const auto answer = server_.chat(about(file_part(golden("three_pages.pdf"))));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto parts = content();
  ASSERT_EQ(parts.size(), 7u);
  EXPECT_EQ(parts[0].text, "Page 1:\n");
  EXPECT_EQ(parts[1].kind, PartKind::kImage);
  EXPECT_EQ(parts[1].pixels.at(0).width, 1484);
  EXPECT_TRUE(parts[1].source.empty());
  EXPECT_EQ(parts[5].pixels.at(0).data.get()[2], 255);  // blue
  EXPECT_EQ(parts[6].text, "what?");

  const Json some = file_part(golden("three_pages.pdf"), {{"pages", "2"}, {"dpi", 36}});
  ASSERT_EQ(server_.chat(about(some)).status, 200);
  ASSERT_EQ(content(1).size(), 2u);
  EXPECT_EQ(content(1)[0].pixels.at(0).width, 308);  // 595 points
  EXPECT_EQ(content(1)[0].pixels.at(0).data.get()[1], 255);
}

TEST_F(Documents, TextIsFenced) {
  Json part = {{"type", "file"},
               {"file",
                {{"file_data", "data:text/plain;base64," + media::encode_base64("a,b\n")},
                 {"filename", "t.csv"}}}};
  ASSERT_EQ(server_.chat(about(part)).status, 200);
  ASSERT_EQ(content().size(), 2u);
  EXPECT_EQ(content()[0].text, "t.csv:\n```csv\na,b\n```\n");
  part["pages"] = "1";
  EXPECT_EQ(refusal(about(part), 400).first, "invalid_value");
}

TEST_F(Documents, OtherDialects) {
  const Json block = {{"type", "document"},
                      {"title", "T"},
                      {"source",
                       {{"type", "base64"},
                        {"media_type", "application/pdf"},
                        {"data", media::encode_base64(golden("three_pages.pdf"))}}},
                      {"pages", "1,2"}};
  const Json text_block = {
      {"type", "document"},
      {"title", "n.md"},
      {"context", "background"},
      {"source", {{"type", "text"}, {"media_type", "text/plain"}, {"data", "note"}}}};
  const Json inner_block = {
      {"type", "document"},
      {"source", {{"type", "content"}, {"content", {{{"type", "text"}, {"text", "inner"}}}}}}};
  const Json body = {
      {"model", "nano"},
      {"max_tokens", 5},
      {"messages", {{{"role", "user"}, {"content", {block, text_block, inner_block}}}}}};
  const auto anthropic = server_.ask("POST", "/v1/messages", body.dump());
  ASSERT_EQ(anthropic.status, 200) << anthropic.body;
  ASSERT_EQ(content().size(), 7u);
  EXPECT_EQ(content()[3].kind, PartKind::kImage);
  EXPECT_EQ(content()[4].text, "background\n");
  EXPECT_EQ(content()[5].text, "n.md:\n```md\nnote\n```\n");
  EXPECT_EQ(content()[6].text, "inner");
  for (const char* source : {R"({"type":"ftp"})", R"({"type":"text"})",
                             R"({"type":"base64","data":"x"})", R"({"type":"content","content":7})",
                             R"({"type":"content","content":[{"type":"document"}]})", R"("x")"}) {
    Json bad = body;
    bad["messages"][0]["content"] = {{{"type", "document"}, {"source", Json::parse(source)}}};
    EXPECT_EQ(server_.ask("POST", "/v1/messages", bad.dump()).status, 400) << source;
  }

  const Json input = {{{"role", "user"},
                       {"content",
                        {{{"type", "input_file"},
                          {"filename", "a.pdf"},
                          {"file_data", pdf_url(golden("three_pages.pdf"))},
                          {"pages", "3"}},
                         {{"type", "input_text"}, {"text", "?"}}}}}};
  const auto openai =
      server_.ask("POST", "/v1/responses", Json{{"model", "nano"}, {"input", input}}.dump());
  ASSERT_EQ(openai.status, 200) << openai.body;
  ASSERT_EQ(content(1).size(), 2u);
  EXPECT_EQ(content(1)[0].pixels.at(0).data.get()[2], 255);
}

TEST_F(Documents, WhatIsRefused) {
  EXPECT_THAT(refusal(about(file_part(golden("password.pdf"))), 422),
              testing::Pair("media_decode_failed", HasSubstr("content[0]: it is encrypted")));
  EXPECT_EQ(refusal(about(file_part(golden("broken.pdf"))), 422).first, "media_decode_failed");
  EXPECT_EQ(refusal(about(file_part("")), 422).first, "media_decode_failed");
  EXPECT_EQ(refusal(about(file_part("\x01\xff")), 422).first, "media_decode_failed");
  EXPECT_THAT(refusal(about(file_part(media::pdf_for_test(61))), 422),
              testing::Pair("too_many_pages", HasSubstr("at most 60")));
  EXPECT_EQ(refusal(about(file_part(golden("three_pages.pdf"), {{"pages", "4"}})), 400).first,
            "invalid_value");
  for (const char* pages : {"", "a", "0", "2-1"}) {
    EXPECT_EQ(refusal(about(file_part(golden("three_pages.pdf"), {{"pages", pages}})), 400).first,
              "invalid_value");
  }
  EXPECT_EQ(refusal(about(file_part("x", {{"dpi", 1e9}})), 400).first, "invalid_value");
  EXPECT_EQ(refusal(about({{"type", "file"}, {"file", {{"file_data", "%%%"}}}}), 422).first,
            "media_decode_failed");
  EXPECT_EQ(
      refusal(about({{"type", "file"}, {"file", {{"file_url", "https://x/a.pdf"}}}}), 422).first,
      "media_not_allowed");
  EXPECT_EQ(refusal(about({{"type", "file"}, {"file", {{"file_url", "/etc/passwd"}}}}), 422).first,
            "media_not_allowed");
  EXPECT_EQ(refusal(about({{"type", "file"}, {"file", {{"file_id", "f_00"}}}}), 404).first,
            "file_not_found");
  Json many = about(file_part("x"));
  for (int i = 0; i < 4; ++i) many["messages"][0]["content"].push_back(file_part("x"));
  EXPECT_EQ(refusal(many, 400).first, "invalid_value");
  EXPECT_TRUE(backend_.requests().empty());
}

TEST_F(Documents, Uploads) {
  const auto sent = upload(golden("three_pages.pdf"));
  ASSERT_EQ(sent.status, 201) << sent.body;
  const Json json = Json::parse(sent.body);
  EXPECT_EQ(json["kind"], "doc");
  EXPECT_EQ(json["mime"], "application/pdf");
  EXPECT_EQ(json["pages"], 3);
  EXPECT_EQ(json["w"], 1484);
  EXPECT_EQ(json["h"], 2100);
  EXPECT_GT(json["est_tokens"], 53 * 75);
  const std::string id = json["id"], path = "/api/files/" + id;
  const auto size = [&](const std::string& what) {
    const auto answer = server_.ask("GET", path + what);
    EXPECT_EQ(answer.status, 200) << what << " " << answer.body;
    EXPECT_EQ(answer.headers.at("content-type"), "image/png");
    EXPECT_EQ(answer.headers.at("content-security-policy"), "default-src 'none'; sandbox");
    const auto image = media::decode_image(answer.body, "page");
    return image ? std::pair(image->image.width, image->image.height) : std::pair(0, 0);
  };
  EXPECT_EQ(size("/thumb").second, 320);
  EXPECT_EQ(size("/pages/1"), std::pair(1484, 2100));
  EXPECT_EQ(size("/pages/1?w=100").first, 100);
  EXPECT_EQ(size("/pages/3?w=320"), std::pair(320, 160));
  EXPECT_EQ(size("/pages/3?w=99999"), size("/pages/3"));
  for (const char* what : {"/pages/0", "/pages/4", "/pages/x", "/pages/99999999999", "/frames"}) {
    EXPECT_EQ(server_.ask("GET", path + what).status, 404) << what;
  }
  EXPECT_EQ(server_.ask("GET", path + "/pages/1?w=0").status, 400);

  const Json part = {{"type", "file"}, {"file", {{"file_id", id}}}, {"pages", "1,3"}};
  ASSERT_EQ(server_.chat(about(part)).status, 200);
  EXPECT_EQ(content().size(), 5u);
  EXPECT_EQ(content()[2].text, "\nPage 3:\n");
  EXPECT_EQ(
      Json::parse(server_.ask("POST", "/api/tokens", about(part).dump()).body)["input_tokens"], 4);
  EXPECT_EQ(server_.ask("POST", "/apply-template", about(part).dump()).status, 200);
  // A document is no picture, and a picture no document.
  EXPECT_EQ(
      refusal(about({{"type", "image_url"}, {"image_url", {{"url", "file:" + id}}}}), 422).first,
      "media_decode_failed");
  const auto picture = upload(*media::decode_base64(kTinyPng));
  ASSERT_EQ(picture.status, 201);
  const Json other = {{"type", "file"}, {"file", {{"file_id", Json::parse(picture.body)["id"]}}}};
  EXPECT_EQ(refusal(about(other), 400).first, "invalid_value");
}

TEST_F(Documents, UploadedSlides) {
  const auto sent = upload(golden("slides.pptx"), "talk.pptx");
  ASSERT_EQ(sent.status, 201) << sent.body;
  const Json json = Json::parse(sent.body);
  EXPECT_EQ(json["pages"], 3);
  EXPECT_THAT(json["mime"].get<std::string>(), HasSubstr("presentationml"));
  const Json part = {{"type", "file"}, {"file", {{"file_id", json["id"]}}}};
  ASSERT_EQ(server_.chat(about(part)).status, 200);
  EXPECT_EQ(content().size(), 7u);
}

TEST_F(Documents, UploadsThatAreRefused) {
  const auto code = [&](const std::string& bytes, int status) {
    const auto answer = upload(bytes);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body)["error"]["code"].get<std::string>();
  };
  EXPECT_EQ(code(golden("password.pdf"), 422), "media_decode_failed");
  EXPECT_EQ(code(golden("broken.pdf"), 422), "media_decode_failed");
  EXPECT_EQ(code("just text", 415), "file_type_unsupported");
  EXPECT_EQ(code(media::zip_for_test({{"a", "b"}}), 415), "file_type_unsupported");
  EXPECT_EQ(code("PK\x03\x04 cut", 422), "media_decode_failed");
  EXPECT_EQ(
      code(media::zip_for_test({{"mimetype", "application/vnd.oasis.opendocument.presentation"},
                                {"encrypted-package", ""}}),
           422),
      "media_decode_failed");
  // Many pages may be sent; a request has to choose.
  const auto many = upload(media::pdf_for_test(300));
  ASSERT_EQ(many.status, 201) << many.body;
  const Json json = Json::parse(many.body);
  EXPECT_EQ(json["pages"], 300);
  const std::string path = "/api/files/" + json["id"].get<std::string>();
  EXPECT_EQ(server_.ask("GET", path + "/pages/300?w=50").status, 200);
  EXPECT_EQ(refusal(about({{"type", "file"}, {"file", {{"file_id", json["id"]}}}}), 422).first,
            "too_many_pages");
}

TEST_F(Documents, AreInTheInfo) {
  const Json json = Json::parse(server_.ask("GET", "/api/info").body);
  EXPECT_EQ(json["capabilities"]["doc"], true);
  EXPECT_EQ(json["limits"]["docs"], 4);
  EXPECT_EQ(json["limits"]["doc_pages"], 60);
  EXPECT_EQ(json["limits"]["doc_bytes"], 30 << 20);
}

MediaOptions with_little() {
  MediaOptions media = with_documents();
  media.limits.max_document_bytes = 1000;
  media.limits.max_request_pixels = 100'000;
  media.limits.max_held_bytes = 200'000;
  return media;
}
class DocumentsInLittleRoom : public Documents {
 protected:
  DocumentsInLittleRoom() : Documents(with_little()) {}
};

TEST_F(DocumentsInLittleRoom, AreRefused) {
  const std::string small = media::pdf_for_test(1);
  ASSERT_LT(small.size(), 1000u);
  EXPECT_EQ(refusal(about(file_part(golden("three_pages.pdf"))), 422).first, "media_too_large");
  EXPECT_EQ(upload(golden("three_pages.pdf")).status, 413);
  EXPECT_EQ(refusal(about(file_part(small)), 422).first, "media_too_large");  // pixels
  EXPECT_EQ(refusal(about(file_part(small, {{"dpi", 30}})), 503).first, "queue_full");
  EXPECT_EQ(server_.chat(about(file_part(small, {{"dpi", 12}}))).status, 200);
}

class NoDocuments : public Documents {
 protected:
  NoDocuments() : Documents(MediaOptions{}) {}
};

TEST_F(NoDocuments, AreTaken) {
  EXPECT_THAT(refusal(about(file_part(golden("three_pages.pdf"))), 422).second,
              HasSubstr("not taken here"));
  EXPECT_EQ(upload(golden("three_pages.pdf")).status, 415);
  EXPECT_EQ(Json::parse(server_.ask("GET", "/api/info").body)["capabilities"]["doc"], false);
}

}  // namespace
}  // namespace glmv::server
