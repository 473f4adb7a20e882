// Uploads and the web page.

#include <filesystem>
#include <fstream>

#include "glmv/base/files.h"
#include "glmv/media/base64.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
namespace fs = std::filesystem;

MediaOptions with_videos() {
  MediaOptions media;
  media.videos = std::make_shared<media::InlineVideoOpener>();
  media.processor.video.max_pixels = int64_t{28} * 28 * 2 * 30000;
  return media;
}

std::string golden(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/" + name);
}

net::HttpAnswer upload(Fixture& server, const std::string& bytes, const std::string& headers = {}) {
  const std::string body =
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"my file\"\r\n\r\n" +
      bytes + "\r\n--XX--\r\n";
  net::TestConnection client(server.port());
  client.send(fmt::format("POST /api/files HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: "
                          "multipart/form-data; boundary=XX\r\nContent-Length: {}\r\n\r\n",
                          headers, body.size()) +
              body);
  return client.answer();
}

Json picture_question(const std::string& url) {
  return question({{"messages",
                    {{{"role", "user"},
                      {"content",
                       {{{"type", "image_url"}, {"image_url", {{"url", url}}}},
                        {{"type", "text"}, {"text", "what?"}}}}}}}});
}

TEST(Files, APicture) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend, {.model = "nano", .media = with_videos()});
  const auto sent = upload(server, golden("media/rgb.png"));
  ASSERT_EQ(sent.status, 201) << sent.body;
  const Json json = Json::parse(sent.body);
  EXPECT_EQ(json["kind"], "image");
  EXPECT_EQ(json["mime"], "image/png");
  EXPECT_EQ(json["name"], "my file");
  EXPECT_EQ(json["w"], 37);
  EXPECT_EQ(json["h"], 29);
  EXPECT_GT(json["est_tokens"], 2);
  const std::string id = json["id"];
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/files/" + id).body), json);
  EXPECT_EQ(server.ask("GET", "/api/files/" + id + "/content").body, golden("media/rgb.png"));
  const auto thumb = server.ask("GET", "/api/files/" + id + "/thumb");
  EXPECT_EQ(thumb.headers.at("content-type"), "image/png");
  EXPECT_EQ(thumb.headers.at("content-security-policy"), "default-src 'none'; sandbox");
  EXPECT_EQ(server.ask("GET", "/api/files/" + id + "/frames").status, 404);

  ASSERT_EQ(server.chat(picture_question("file:" + id)).status, 200);
  EXPECT_EQ(backend.requests().at(0).messages[0].content[0].pixels.at(0).width, 37);
  const auto missing = server.chat(picture_question("file:f_00"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Json::parse(missing.body)["error"]["code"], "file_not_found");
  EXPECT_EQ(Json::parse(missing.body)["error"]["param"], "messages[0].content[0]");
  EXPECT_EQ(server.ask("DELETE", "/api/files/" + id).status, 204);
  EXPECT_EQ(server.ask("DELETE", "/api/files/" + id).status, 204);
  EXPECT_EQ(server.ask("GET", "/api/files/" + id).status, 404);
}

TEST(Files, AVideo) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend, {.model = "nano", .media = with_videos()});
  const auto sent = upload(server, golden("video/cfr25.mp4"));
  ASSERT_EQ(sent.status, 201) << sent.body;
  const Json json = Json::parse(sent.body);
  EXPECT_EQ(json["kind"], "video");
  EXPECT_EQ(json["duration"], 4.0);
  EXPECT_EQ(json["fps"], 25.0);
  const std::string path = "/api/files/" + json["id"].get<std::string>();
  const Json frames = Json::parse(server.ask("GET", path + "/frames").body);
  EXPECT_EQ(frames["frames"].size(), 8u);
  EXPECT_EQ(frames["frames"][1]["time"], 0.52);
  const Json some =
      Json::parse(server.ask("GET", path + "/frames?fps=5&max_frames=4&start=1&end=3").body);
  EXPECT_EQ(some["frames"].size(), 4u);
  EXPECT_EQ(some["frames"][0]["time"], 1.0);
  EXPECT_EQ(server.ask("GET", path + "/frames/3").headers.at("content-type"), "image/png");
  EXPECT_EQ(server.ask("GET", path + "/frames/8").status, 404);
  EXPECT_EQ(server.ask("GET", path + "/frames/x").status, 404);
  for (const char* query : {"fps=0", "fps=x", "start=-1", "start=9", "max_frames=1e30", "end=%4"}) {
    EXPECT_EQ(server.ask("GET", path + "/frames?" + query).status, 400) << query;
  }
  Json body = picture_question("");
  body["messages"][0]["content"][0] = {
      {"type", "video_url"}, {"video_url", {{"url", "file:" + json["id"].get<std::string>()}}}};
  ASSERT_EQ(server.chat(body).status, 200);
  EXPECT_EQ(backend.requests().at(0).messages[0].content[0].pixels.size(), 8u);
}

// Counts how often a video is opened.
class CountingOpener final : public media::VideoOpener {
 public:
  Result<std::unique_ptr<media::VideoReader>> open(std::shared_ptr<const Fd> file,
                                                   Wanted wanted) override {
    ++count;
    return real_.open(std::move(file), std::move(wanted));
  }
  int count = 0;

 private:
  media::InlineVideoOpener real_;
};

TEST(Files, ARowOfFramesIsReadOnce) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  MediaOptions media = with_videos();
  const auto opener = std::make_shared<CountingOpener>();
  media.videos = opener;
  Fixture server(backend, {.model = "nano", .media = media});
  const auto sent = upload(server, golden("video/minute.mp4"));
  ASSERT_EQ(sent.status, 201) << sent.body;
  const std::string path = "/api/files/" + Json::parse(sent.body)["id"].get<std::string>();
  EXPECT_EQ(opener->count, 1);
  const auto frames = Json::parse(server.ask("GET", path + "/frames").body)["frames"].size();
  ASSERT_GT(frames, 20u);
  EXPECT_EQ(opener->count, 1);
  std::vector<std::string> pictures;
  for (int n = 0; n < 16; ++n) {
    pictures.push_back(server.ask("GET", fmt::format("{}/frames/{}", path, n)).body);
  }
  EXPECT_EQ(opener->count, 3);
  // The same pictures as one by one, from the back.
  for (int n = 15; n >= 0; --n) {
    EXPECT_EQ(server.ask("GET", fmt::format("{}/frames/{}", path, n)).body, pictures[n]);
  }
  EXPECT_EQ(opener->count, 3);
  EXPECT_NE(pictures[0], pictures[15]);
}

TEST(FramePictures, OldOnesMakeRoom) {
  FramePictures pictures(100);
  pictures.add("a", 1, std::string(40, 'x'));
  pictures.add("a", 2, std::string(40, 'y'));
  pictures.add("a", 3, std::string(200, 'z'));
  EXPECT_TRUE(pictures.find("a", 1));
  EXPECT_FALSE(pictures.find("b", 1));
  EXPECT_FALSE(pictures.find("a", 3));
  pictures.add("b", 1, std::string(40, 'z'));
  EXPECT_FALSE(pictures.find("a", 2));
  EXPECT_EQ(pictures.find("a", 1), std::string(40, 'x'));
  EXPECT_EQ(pictures.find("b", 1), std::string(40, 'z'));
}

TEST(Files, PartsOfTheBytes) {
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .media = with_videos()});
  const std::string bytes = golden("video/cfr25.mp4");
  const auto sent = upload(server, bytes);
  ASSERT_EQ(sent.status, 201);
  const std::string path =
      "/api/files/" + Json::parse(sent.body)["id"].get<std::string>() + "/content";
  const auto get = [&](const std::string& headers) { return server.ask("GET", path, {}, headers); };
  const auto whole = get("");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, bytes);
  EXPECT_EQ(whole.headers.at("accept-ranges"), "bytes");
  EXPECT_EQ(whole.headers.at("content-disposition"), "attachment; filename*=UTF-8''my%20file");
  const auto part = get("Range: bytes=100-199\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, bytes.substr(100, 100));
  EXPECT_EQ(part.headers.at("content-range"), fmt::format("bytes 100-199/{}", bytes.size()));
  EXPECT_EQ(part.headers.at("content-type"), "video/mp4");
  EXPECT_EQ(get("Range: bytes=-7\r\n").body, bytes.substr(bytes.size() - 7));
  const auto behind = get(fmt::format("Range: bytes={}-\r\n", bytes.size()));
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.headers.at("content-range"), fmt::format("bytes */{}", bytes.size()));
  EXPECT_EQ(get("Range: bytes=1-2,4-5\r\n").status, 200);
  const std::string etag = whole.headers.at("etag");
  EXPECT_EQ(get("Range: bytes=0-9\r\nIf-Range: " + etag + "\r\n").status, 206);
  EXPECT_EQ(get("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n").status, 200);
  EXPECT_EQ(get("If-None-Match: " + etag + "\r\n").status, 304);
}

TEST(Files, WhatIsNotTaken) {
  api::ScriptedBackend backend({});
  MediaOptions media = with_videos();
  media.limits.max_picture_bytes = 2000;
  Fixture server(backend, {.model = "nano", .media = media});
  EXPECT_EQ(upload(server, "").status, 415);
  EXPECT_EQ(upload(server, "%PDF-1.7 ...").status, 415);
  EXPECT_EQ(upload(server, golden("media/rgb.png").substr(0, 60)).status, 422);
  EXPECT_EQ(upload(server, golden("media/rgb.png") + std::string(3000, 'x')).status, 413);
  EXPECT_EQ(server.ask("POST", "/api/files", "{}").status, 415);
  EXPECT_EQ(server.ask("GET", "/api/files/none").status, 404);
  EXPECT_EQ(server.ask("GET", "/api/files/").status, 404);
}

TEST(Files, BelongToTheirKey) {
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .api_keys = {"anna one", "bert two"}});
  const std::string anna = "Authorization: Bearer one\r\n", bert = "Authorization: Bearer two\r\n";
  EXPECT_EQ(upload(server, golden("media/rgb.png")).status, 401);
  const auto sent = upload(server, golden("media/rgb.png"), anna);
  ASSERT_EQ(sent.status, 201);
  const Json json = Json::parse(sent.body);
  const std::string path = "/api/files/" + json["id"].get<std::string>();
  EXPECT_EQ(server.ask("GET", path, {}, bert).status, 404);
  EXPECT_EQ(server.ask("GET", path, {}, anna).status, 200);
  // Sent again by its digest only, which is worth nothing to others.
  const std::string digest = "X-File-Sha256: " + json["sha256"].get<std::string>() + "\r\n";
  EXPECT_EQ(Json::parse(upload(server, "", anna + digest).body)["id"], json["id"]);
  EXPECT_EQ(upload(server, "", bert + digest).status, 415);
}

TEST(Uploads, TheOnesUnusedForLongestMakeRoom) {
  Uploads uploads(100'000);
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(uploads.add({.owner = "a", .num_bytes = 20'000})->id);
  }
  EXPECT_NE(uploads.find("a", ids[0]), nullptr);
  uploads.add({.owner = "a", .num_bytes = 30'000});
  EXPECT_NE(uploads.find("a", ids[0]), nullptr);
  EXPECT_EQ(uploads.find("a", ids[1]), nullptr);
  EXPECT_EQ(uploads.add({.num_bytes = 100'000}), nullptr);
  Uploads brief(100'000, std::chrono::seconds(0));
  const std::string id = brief.add({.owner = "a", .bytes = "x"})->id;
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(brief.find("a", id), nullptr);
}

class Page : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / "glmv_page";
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "assets");
    std::ofstream(folder_ / "index.html") << "<p>hello";
    std::ofstream(folder_ / "preview.html") << "frame";
    std::ofstream(folder_ / "assets/a-1234.js") << "1";
    std::ofstream(folder_ / "assets/a-1234.js.gz") << "packed";
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Page, HasItsHeaders) {
  api::ScriptedBackend backend({});
  ServerOptions options{.model = "nano", .api_keys = {"secret"}};
  options.page = std::make_shared<const PageFiles>(*PageFiles::load(folder_));
  Fixture server(backend, options);
  const auto index = server.ask("GET", "/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.body, "<p>hello");
  EXPECT_EQ(index.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(index.headers.at("cache-control"), "no-cache");
  EXPECT_TRUE(index.headers.at("content-security-policy").starts_with("default-src 'self'; "));
  EXPECT_EQ(
      server.ask("GET", "/", {}, "If-None-Match: " + index.headers.at("etag") + "\r\n").status,
      304);
  EXPECT_TRUE(server.ask("GET", "/preview.html")
                  .headers.at("content-security-policy")
                  .starts_with("sandbox allow-scripts; "));
  const auto script = server.ask("GET", "/assets/a-1234.js");
  EXPECT_EQ(script.headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_TRUE(script.headers.at("cache-control").ends_with("immutable"));
  for (const char* path : {"/assets/none.js", "/assets/a-1234.js.gz", "/assets/..%2findex.html",
                           "/assets/../index.html", "/icon.svg", "/etc/passwd"}) {
    EXPECT_NE(server.ask("GET", path).status, 200) << path;
  }
}

TEST_F(Page, ComesPackedToThoseWhoTakeIt) {
  api::ScriptedBackend backend({});
  ServerOptions options{.model = "nano"};
  options.page = std::make_shared<const PageFiles>(*PageFiles::load(folder_));
  Fixture server(backend, options);
  const auto ask = [&](const std::string& headers, const char* path = "/assets/a-1234.js") {
    return server.ask("GET", path, {}, headers);
  };
  const auto plain = ask("");
  EXPECT_EQ(plain.body, "1");
  EXPECT_EQ(plain.headers.at("vary"), "Accept-Encoding");
  EXPECT_FALSE(plain.headers.contains("content-encoding"));
  const auto packed = ask("Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(packed.body, "packed");
  EXPECT_EQ(packed.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(packed.headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(packed.headers.at("vary"), "Accept-Encoding");
  EXPECT_NE(packed.headers.at("etag"), plain.headers.at("etag"));
  EXPECT_EQ(ask("Accept-Encoding: gzip;q=0\r\n").body, "1");
  // The forms are told apart: what a client has of one says nothing of the other.
  const std::string has = "If-None-Match: \"x\", W/" + packed.headers.at("etag") + "\r\n";
  const auto again = ask("Accept-Encoding: gzip\r\n" + has);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.headers.at("content-length"), "");
  EXPECT_EQ(again.headers.at("etag"), packed.headers.at("etag"));
  EXPECT_EQ(ask(has).status, 200);
  // index.html has no other form here.
  EXPECT_EQ(ask("Accept-Encoding: gzip\r\n", "/").body, "<p>hello");
  net::TestConnection client(server.port());
  client.send(
      "HEAD /assets/a-1234.js HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
      "Connection: close\r\n\r\n");
  while (client.more()) {
  }
  EXPECT_NE(client.received().find("Content-Length: 6\r\n"), std::string::npos);
  EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
}

TEST(EmbeddedPage, IsWholeOrNotThere) {
  const auto page = PageFiles::embedded();
  if (!page) {
    EXPECT_EQ(page.error().code, Code::kNotFound);
    GTEST_SKIP() << "built without web/dist";
  }
  const PageFile* const index = page->find("/");
  ASSERT_NE(index, nullptr);
  EXPECT_FALSE(index->gzipped.empty());
  // Everything that it names is there, and nothing is named from elsewhere.
  int num_named = 0;
  for (const char* mark : {"src=\"./", "href=\"./"}) {
    for (size_t at = 0; (at = index->bytes.find(mark, at)) != std::string::npos;) {
      at += std::string_view(mark).size();
      const std::string name = index->bytes.substr(at, index->bytes.find('"', at) - at);
      const PageFile* const file = page->find("/" + name);
      ASSERT_NE(file, nullptr) << name;
      EXPECT_FALSE(file->bytes.empty()) << name;
      ++num_named;
    }
  }
  EXPECT_GE(num_named, 3);
  EXPECT_EQ(index->bytes.find("http"), std::string::npos);
  for (const char* name : {"/preview.html", "/icon.svg", "/licences.md"}) {
    EXPECT_NE(page->find(name), nullptr) << name;
  }
}

TEST_F(Page, IsNotThere) {
  EXPECT_EQ(PageFiles::load(folder_ / "assets").error().code, Code::kNotFound);
  EXPECT_EQ(PageFiles::load("/no/such/folder").error().code, Code::kNotFound);
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const auto none = server.ask("GET", "/");
  EXPECT_EQ(none.status, 404);
  EXPECT_NE(none.body.find("./x setup"), std::string::npos);
}

TEST(Info, IsWhatThePageAsksFirst) {
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .media = with_videos()});
  const Json json = Json::parse(server.ask("GET", "/api/info").body);
  EXPECT_EQ(json["name"], "glmv");
  EXPECT_EQ(json["model"], "nano");
  EXPECT_EQ(json["context"], 4096);
  EXPECT_EQ(json["capabilities"]["video"], true);
  EXPECT_EQ(json["capabilities"]["think_switch"], false);
  EXPECT_EQ(json["defaults"]["min_p"], 0);
  EXPECT_FALSE(json["instance"].get<std::string>().empty());
}

}  // namespace
}  // namespace glmv::server
