#include "glmv/server/media_loader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "glmv/base/files.h"
#include "glmv/media/base64.h"
#include "glmv/media/png_writer.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"

namespace glmv::server {
namespace {

std::string png(int width, int height) {
  media::Image image;
  image.width = width;
  image.height = height;
  image.data.resize(size_t{3} * width * height, 77);
  return *media::encode_png(image);
}

std::string data_url(const std::string& bytes, const std::string& type = "image/png") {
  return "data:" + type + ";base64," + media::encode_base64(bytes);
}

api::ChatRequest request(const Json& content) {
  api::ChatRequest out;
  const Json parts = content.is_object() ? Json::array({content}) : content;  // {x} is x
  auto messages = text::parse_messages(Json::array({{{"role", "user"}, {"content", parts}}}));
  EXPECT_TRUE(messages) << messages.error().message;
  if (messages) out.messages = std::move(*messages);
  return out;
}
Json image(const std::string& url) {
  return {{"type", "image_url"}, {"image_url", {{"url", url}}}};
}
Json text(const std::string& words) { return {{"type", "text"}, {"text", words}}; }
Json frames(const std::vector<std::string>& list, const Json& more = Json::object()) {
  Json part = {{"type", "video"}, {"frames", list}};
  part.update(more);
  return part;
}

// "" for success, else "CODE PARAM".
std::string outcome(const MediaLoader& loader, api::ChatRequest& given) {
  const auto loaded = loader.load(given, {});
  if (loaded) return "";
  EXPECT_EQ(loaded.error().status, loaded.error().code.starts_with("media_") ? 422 : 400)
      << loaded.error().message;
  return loaded.error().code + " " + loaded.error().param;
}
std::string outcome(const MediaLoader& loader, const Json& content) {
  api::ChatRequest given = request(content);
  return outcome(loader, given);
}

// Counts what is decoded.
class CountingDecoder : public media::PictureDecoder {
 public:
  Result<media::Image> decode(std::string_view bytes, int64_t max_pixels) override {
    ++num_decoded;
    return media::InlineDecoder().decode(bytes, max_pixels);
  }
  int num_decoded = 0;
};

TEST(MediaLoader, FillsPixelsAndForgetsSources) {
  const MediaLoader loader({});
  api::ChatRequest given = request({text("a"), image(data_url(png(30, 20))), text("b"),
                                    frames({data_url(png(8, 9)), data_url(png(8, 9))})});
  EXPECT_EQ(outcome(loader, given), "");
  const auto& parts = given.messages[0].content;
  ASSERT_EQ(parts[1].pixels.size(), 1u);
  EXPECT_EQ(parts[1].pixels[0].width, 30);
  EXPECT_EQ(parts[1].pixels[0].height, 20);
  EXPECT_EQ(parts[1].pixels[0].data.get()[1799], 77);
  EXPECT_EQ(parts[1].source, "");
  ASSERT_EQ(parts[3].pixels.size(), 2u);
  EXPECT_TRUE(parts[3].frames.empty());
  EXPECT_EQ(parts[3].frame_times_s, (std::vector<double>{0, 1 / 24.0}));
}

TEST(MediaLoader, WhatIsNotAllowedIsNotOpened) {
  const MediaLoader loader({});
  const std::string picture = std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/rgb.png";
  for (const std::string& source :
       {picture, "file://" + picture, std::string("http://127.0.0.1/a.png"),
        std::string("https://example.com/"), std::string("HTTP://example.com"),
        std::string("ftp://x/y"), std::string("a.png"), std::string("blob:x"), std::string("../x"),
        std::string("\\\\host\\share"), std::string("//host/x")}) {
    EXPECT_EQ(outcome(loader, {text("a"), image(source)}),
              "media_not_allowed messages[0].content[1]")
        << source;
    EXPECT_EQ(outcome(loader, {frames({data_url(png(4, 4)), source})}),
              "media_not_allowed messages[0].content[0]")
        << source;
    EXPECT_EQ(outcome(loader, {{{"type", "video_url"}, {"video_url", {{"url", source}}}}}),
              "media_not_allowed messages[0].content[0]")
        << source;
  }
}

TEST(MediaLoader, BrokenPicturesAreToldOneText) {
  const MediaLoader loader({});
  const std::string good = png(30, 20);
  std::string first;
  for (const std::string& bytes :
       {std::string(), std::string("text"), good.substr(0, good.size() / 2), good.substr(0, 20),
        std::string("II*\0", 4), std::string("%PDF-1.4"), std::string("\xff\xd8\xff\xe0")}) {
    api::ChatRequest given = request({image(data_url(bytes))});
    const auto loaded = loader.load(given, {});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, "media_decode_failed");
    if (first.empty()) first = loaded.error().message;
    EXPECT_EQ(loaded.error().message, first);
  }
  for (const std::string& url :
       {std::string("data:"), std::string("data:image/png,x"),
        std::string("data:image/png;base64,QQ"), std::string("data:image/png;base64,Q Q="),
        std::string("data:image/png;base64,QQ==\n"), std::string("data:;base64,-_-_"),
        std::string("data:image/png;base64,%51QQQ")}) {
    EXPECT_EQ(outcome(loader, {image(url)}), "media_decode_failed messages[0].content[0]") << url;
  }
  // What is declared is a hint; what is there counts.
  EXPECT_EQ(outcome(loader, {image(data_url(good, "text/html"))}), "");
  // Formats whose decoders a server does not offer.
  for (const char* name : {"rgb.tif", "rgb_444.avif"}) {
    const auto bytes = read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/" + name);
    EXPECT_EQ(outcome(loader, {image(data_url(*bytes))}),
              "media_decode_failed messages[0].content[0]")
        << name;
  }
}

TEST(MediaLoader, LimitsOfPicturesAndRequests) {
  const std::string picture = png(100, 100);
  const auto counting = std::make_shared<CountingDecoder>();
  MediaOptions options{.decoder = counting};
  options.limits = {.max_images = 3,
                    .max_picture_bytes = picture.size(),
                    .max_picture_pixels = 10'000,
                    .max_request_bytes = 3 * picture.size(),
                    .max_request_pixels = 25'000};
  const MediaLoader loader(options);
  const Json good = image(data_url(picture));
  EXPECT_EQ(outcome(loader, {good, good}), "");
  EXPECT_EQ(outcome(loader, {good, good, good}),
            "media_too_large messages[0].content[2]");  // pixels
  EXPECT_EQ(outcome(loader, {good, good, good, good}), "invalid_value messages");
  EXPECT_EQ(outcome(loader, {image(data_url(png(101, 100)))}),
            "media_too_large messages[0].content[0]");
  EXPECT_EQ(outcome(loader, {image(data_url(picture + "x"))}),
            "media_too_large messages[0].content[0]");
  options.limits.max_request_bytes = 2 * picture.size() - 1;
  EXPECT_EQ(outcome(MediaLoader(options), {good, good}), "media_too_large messages[0].content[1]");
  EXPECT_EQ(outcome(loader, {frames({data_url(png(4, 4)), data_url(png(4, 4))}),
                             frames({data_url(png(4, 4))})}),
            "invalid_value messages");
  // A header alone is enough to refuse.
  counting->num_decoded = 0;
  std::string bomb = png(4, 4);
  bomb.replace(16, 8, std::string("\0\0\xff\xff\0\0\xff\xff", 8));
  EXPECT_TRUE(outcome(MediaLoader({}), {image(data_url(bomb))}).starts_with("media_"));
}

TEST(MediaLoader, ShapesThatNoModelTakes) {
  const MediaLoader loader({});
  EXPECT_EQ(outcome(loader, {image(data_url(png(1, 1)))}), "");
  EXPECT_EQ(outcome(loader, {image(data_url(png(200, 1)))}), "");
  for (const auto& [width, height] : {std::pair{1, 65535}, {65535, 1}, {201, 1}, {3, 800}}) {
    EXPECT_EQ(outcome(loader, {image(data_url(png(width, height)))}),
              "media_decode_failed messages[0].content[0]");
  }
  EXPECT_EQ(outcome(loader, {frames({data_url(png(4, 4)), data_url(png(4, 5))})}),
            "media_decode_failed messages[0].content[0]");
}

TEST(MediaLoader, FramesAreCountedBeforeAnyIsDecoded) {
  const auto counting = std::make_shared<CountingDecoder>();
  MediaOptions options{.decoder = counting};
  options.limits.max_frames = 10;
  const MediaLoader loader(options);
  const std::string frame = data_url(png(4, 4));
  EXPECT_EQ(outcome(loader, {frames(std::vector<std::string>(11, frame))}),
            "media_too_large messages[0].content[0]");
  const std::string endless = "data:video/jpeg;base64," + std::string(1'000'000, ',');
  EXPECT_EQ(outcome(loader, {{{"type", "video"}, {"video", endless}}}),
            "media_too_large messages[0].content[0]");
  EXPECT_EQ(counting->num_decoded, 0);
  EXPECT_EQ(outcome(loader, {frames(std::vector<std::string>(10, frame))}), "");
  EXPECT_EQ(counting->num_decoded, 10);
  api::ChatRequest given =
      request({frames(std::vector<std::string>(31, frame), {{"max_frames", 4}, {"fps", 10}})});
  EXPECT_EQ(outcome(loader, given), "");
  EXPECT_EQ(counting->num_decoded, 14);
  EXPECT_EQ(given.messages[0].content[0].frame_times_s, (std::vector<double>{0, 1, 2, 3}));
}

TEST(MediaLoader, VideosAsJoinedFrames) {
  const MediaLoader loader({});
  const std::string frame = media::encode_base64(png(6, 4));
  const auto video = [](const std::string& url, const Json& more = Json::object()) {
    Json source = {{"url", url}};
    source.update(more);
    return Json::array({{{"type", "video_url"}, {"video_url", source}}});
  };
  const auto times = [&](const Json& content) {
    api::ChatRequest given = request(content);
    EXPECT_EQ(outcome(loader, given), "");
    EXPECT_EQ(given.messages[0].content[0].pixels.size(),
              given.messages[0].content[0].frame_times_s.size());
    return given.messages[0].content[0].frame_times_s;
  };
  const std::string three = ";base64," + frame + "," + frame + "," + frame;
  using Times = std::vector<double>;
  EXPECT_EQ(times(video("data:video/jpeg" + three, {{"fps", 2}})), (Times{0, 0.5, 1}));
  EXPECT_EQ(times(video("data:video/jpeg;fps=4" + three)), (Times{0, 0.25, 0.5}));
  EXPECT_EQ(times(video("data:video/jpeg;fps=10;frames_indices=0,10,25" + three)),
            (Times{0, 1, 2.5}));
  EXPECT_EQ(
      times(video("data:video/jpeg;total_num_frames=30;duration=3;frames_indices=0,10,25" + three)),
      (Times{0, 1, 2.5}));
  EXPECT_EQ(times(video("data:video/jpeg" + three, {{"fps", 10}, {"frames_indices", {0, 5, 9}}})),
            (Times{0, 0.5, 0.9}));
  for (const char* parameters :
       {";fps=0", ";fps=-1", ";fps=10;frames_indices=0,1", ";frames_indices=0,x,2",
        ";fps=10;frames_indices=0,1,-2", ";total_num_frames=3;fps=1;frames_indices=0,1,3",
        ";frames_indices=0,1,nan", ";frames_indices=0,1,"}) {
    EXPECT_EQ(outcome(loader, video(std::string("data:video/jpeg") + parameters + three)),
              "media_decode_failed messages[0].content[0]")
        << parameters;
  }
  EXPECT_EQ(outcome(loader, video("data:video/jpeg;base64," + frame + ",")),
            "media_decode_failed messages[0].content[0]");
  EXPECT_EQ(outcome(loader, video("data:video/mp4;base64,AAAA")),
            "media_decode_failed messages[0].content[0]");
}

TEST(MediaLoader, FilesBelowTheFolder) {
  const std::string folder = std::string(GLMV_SOURCE_DIR) + "/tests/golden/media";
  MediaOptions options;
  options.folder = std::make_shared<const media::LocalFolder>(*media::LocalFolder::open(folder));
  options.limits.max_picture_bytes = 100'000;
  const MediaLoader loader(options);
  EXPECT_EQ(outcome(loader, {image("file://" + folder + "/rgb.png")}), "");
  EXPECT_EQ(outcome(loader, {image("file://localhost" + folder + "/rgb%2Epng")}), "");
  for (const std::string& url :
       {std::string("file:///etc/passwd"), "file://" + folder + "/../x.png",
        "file://" + folder + "/%2e%2e/x.png", "file://host" + folder + "/rgb.png",
        "file://" + folder + "/rgb.png%00", "file://" + folder, folder + "/rgb.png",
        "file:" + folder + "/rgb.png"}) {
    EXPECT_EQ(outcome(loader, {image(url)}), "media_not_allowed messages[0].content[0]") << url;
  }
  EXPECT_EQ(outcome(loader, {image("file://" + folder + "/none.png")}),
            "media_fetch_failed messages[0].content[0]");
  EXPECT_EQ(outcome(loader, {image("file://" + folder + "/index.jsonl")}),
            "media_decode_failed messages[0].content[0]");
}

TEST(MediaLoader, HostsOfTheList) {
  const std::string picture = png(30, 20);
  const auto http = *net::HttpServer::start(
      {},
      [&](const net::HttpRequest& asked, net::HttpReply& reply) {
        reply.send(asked.path == "/a.png" ? 200 : 404, {},
                   asked.path == "/big" ? std::string(9999, 'x') : picture);
      },
      net::text_error);
  const std::string base = "http://pics.test:" + std::to_string(http->port());
  const auto with = [&](bool loopback) {
    net::MediaFetchOptions fetch;
    fetch.allowed_domains = {"pics.test:" + std::to_string(http->port())};
    fetch.resolver = [](const std::string&) {
      return std::vector{*net::IpAddress::parse("127.0.0.1")};
    };
    if (loopback) fetch.address_policy = [](const net::IpAddress&) { return true; };
    MediaOptions options;
    options.fetcher = std::make_shared<const net::MediaFetcher>(*net::MediaFetcher::create(fetch));
    return MediaLoader(options);
  };
  api::ChatRequest given = request({image(base + "/a.png")});
  EXPECT_EQ(outcome(with(true), given), "");
  EXPECT_EQ(given.messages[0].content[0].pixels.at(0).width, 30);
  EXPECT_EQ(outcome(with(true), {image("http://other.test/")}),
            "media_not_allowed messages[0].content[0]");
  EXPECT_EQ(outcome(with(true), {{{"type", "video_url"}, {"video_url", base + "/v.mp4"}}}),
            "media_decode_failed messages[0].content[0]");
  // A forbidden address and an answer of 404 are told the same.
  api::ChatRequest forbidden = request({image(base + "/a.png")}),
                   missing = request({image(base + "/none")});
  const auto first = with(false).load(forbidden, {}), second = with(true).load(missing, {});
  ASSERT_TRUE(!first && !second);
  EXPECT_EQ(first.error().code, "media_fetch_failed");
  EXPECT_EQ(first.error().message, second.error().message);
}

std::string golden_video(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/" + name);
}
Json video(const std::string& url, const Json& more = Json::object()) {
  Json part = {{"type", "video_url"}, {"video_url", {{"url", url}}}};
  part.update(more);
  return part;
}

MediaOptions with_videos() {
  MediaOptions options;
  options.videos = std::make_shared<media::InlineVideoOpener>();
  options.processor.video.max_pixels = int64_t{28} * 28 * 2 * 30000;
  return options;
}

TEST(MediaLoader, VideoFiles) {
  const std::string url = data_url(golden_video("cfr25.mp4"), "video/mp4");
  const MediaLoader loader(with_videos());
  api::ChatRequest given = request({video(url)});
  ASSERT_EQ(outcome(loader, given), "");
  const text::ContentPart& part = given.messages[0].content[0];
  EXPECT_EQ(part.pixels.size(), 8u);  // two a second
  EXPECT_EQ(part.pixels[0].width, 56);
  EXPECT_EQ(part.frame_times_s.at(1), 0.52);
  EXPECT_TRUE(part.source.empty());
  given = request({video(url, {{"start", 1}, {"end", 3}, {"fps", 5}, {"max_frames", 4}})});
  ASSERT_EQ(outcome(loader, given), "");
  EXPECT_EQ(given.messages[0].content[0].pixels.size(), 4u);
  EXPECT_EQ(given.messages[0].content[0].frame_times_s.at(0), 1.0);

  const std::string here = "messages[0].content[0]";
  EXPECT_EQ(outcome(loader, {video(url, {{"start", 5}})}), "invalid_value " + here);
  EXPECT_EQ(outcome(loader, {video(data_url(png(20, 20)))}), "media_decode_failed " + here);
  EXPECT_EQ(outcome(loader, {video(data_url("no video", "video/mp4"))}),
            "media_decode_failed " + here);
  EXPECT_EQ(outcome(MediaLoader({}), {video(url)}), "media_decode_failed " + here);
  MediaOptions small = with_videos();
  small.limits.max_video_bytes = 1000;
  EXPECT_EQ(outcome(MediaLoader(small), {video(url)}), "media_too_large " + here);
  MediaOptions few = with_videos();
  few.limits.max_frames = 7;
  EXPECT_EQ(outcome(MediaLoader(few), {video(url)}), "media_too_large " + here);
}

TEST(MediaLoader, VideosMayTakeLongerToComeThanPictures) {
  const auto http = *net::HttpServer::start(
      {},
      [&](const net::HttpRequest& asked, net::HttpReply& reply) {
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        reply.send(200, {}, asked.path == "/clip" ? golden_video("cfr25.mp4") : png(20, 20));
      },
      net::text_error);
  net::MediaFetchOptions fetch;
  fetch.allowed_domains = {"127.0.0.1:" + std::to_string(http->port())};
  fetch.address_policy = [](const net::IpAddress&) { return true; };
  MediaOptions options = with_videos();
  options.fetcher = std::make_shared<const net::MediaFetcher>(*net::MediaFetcher::create(fetch));
  options.limits.fetch_deadline = std::chrono::milliseconds(100);
  const MediaLoader loader(options);
  const std::string base = fmt::format("http://127.0.0.1:{}", http->port());
  EXPECT_EQ(outcome(loader, {image(base + "/a.png")}), "media_fetch_failed messages[0].content[0]");
  EXPECT_EQ(outcome(loader, {video(base + "/clip")}), "");
  const MediaLimits limits;
  EXPECT_EQ(limits.fetch_deadline, std::chrono::seconds(10));
  EXPECT_EQ(limits.file_fetch_deadline, std::chrono::seconds(60));
  EXPECT_EQ(limits.max_video_bytes, size_t{256} << 20);
}

TEST(MediaLoader, FetchesSideBySideAndInOrder) {
  std::atomic<int> num_running = 0, most = 0;
  const auto http = *net::HttpServer::start(
      {},
      [&](const net::HttpRequest& asked, net::HttpReply& reply) {
        const int now = ++num_running;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
        const int width = std::stoi(asked.path.substr(1));
        // The first ones come last.
        std::this_thread::sleep_for(std::chrono::milliseconds(120 - 4 * width));
        --num_running;
        reply.send(width == 29 ? 404 : 200, {}, png(width, 20));
      },
      net::text_error);
  net::MediaFetchOptions fetch;
  fetch.allowed_domains = {"127.0.0.1:" + std::to_string(http->port())};
  fetch.address_policy = [](const net::IpAddress&) { return true; };
  MediaOptions options;
  options.fetcher = std::make_shared<const net::MediaFetcher>(*net::MediaFetcher::create(fetch));
  const MediaLoader loader(options);
  const auto url = [&](int width) {
    return fmt::format("http://127.0.0.1:{}/{}", http->port(), width);
  };
  Json content = Json::array();
  for (int width = 10; width < 20; ++width) {
    content.push_back(image(url(width)));
    content.push_back(image(data_url(png(5, 5))));  // and what is not fetched, between them
  }
  content.push_back(
      {{"type", "video"}, {"frames", {url(24), url(24), url(24)}}, {"max_frames", 2}, {"fps", 1}});
  content.push_back(image(url(10)));
  api::ChatRequest given = request(content);
  ASSERT_EQ(outcome(loader, given), "");
  const auto& parts = given.messages[0].content;
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(parts[i].pixels.at(0).width, i % 2 == 0 ? 10 + int(i) / 2 : 5);
  }
  EXPECT_EQ(parts[20].pixels.size(), 2u);
  EXPECT_EQ(parts[20].pixels[0].width, 24);
  EXPECT_EQ(parts[21].pixels.at(0).width, 10);
  EXPECT_GT(most, 1);
  EXPECT_LE(most, 4);
  // What is behind a failure is for nothing, and an error is of the first that failed.
  content[2] = image(url(29));
  EXPECT_EQ(outcome(loader, content), "media_fetch_failed messages[0].content[2]");
}

// What a backend keeps of a part once it has made it into what the model gets.
void keep(const MediaOptions& options, const text::ContentPart& part, int64_t slices = 1) {
  ASSERT_TRUE(part.media_key);
  ASSERT_FALSE(part.pixels.empty());
  auto packed = std::make_shared<PackedMedium>();
  packed->grid = {slices, 2, 2};
  packed->width = part.pixels[0].width;
  packed->height = part.pixels[0].height;
  options.cache->put(*part.media_key, std::move(packed));
}

TEST(MediaLoader, WhatTheCacheHasIsNotDecoded) {
  const auto counting = std::make_shared<CountingDecoder>();
  MediaOptions options = with_videos();
  options.decoder = counting;
  options.limits.max_videos = 3;
  options.cache = std::make_shared<processing::MediaCache>(1 << 20);
  const MediaLoader loader(options);
  const std::string frame = data_url(png(8, 9));
  const std::string joined = "data:video/jpeg;fps=2;base64," + media::encode_base64(png(8, 9)) +
                             "," + media::encode_base64(png(8, 9));
  const std::string file = data_url(golden_video("cfr25.mp4"), "video/mp4");
  const Json content = {image(data_url(png(30, 20))), frames({frame, frame}), video(joined),
                        video(file)};
  api::ChatRequest first = request(content), second = request(content);
  ASSERT_EQ(outcome(loader, first), "");
  EXPECT_EQ(counting->num_decoded, 5);
  for (size_t i = 0; i < 4; ++i) {
    const text::ContentPart& part = first.messages[0].content[i];
    EXPECT_EQ(part.packed, nullptr);
    keep(options, part, i == 3 ? 4 : 1);
  }
  ASSERT_EQ(outcome(loader, second), "");
  EXPECT_EQ(counting->num_decoded, 5);
  for (size_t i = 0; i < 4; ++i) {
    const text::ContentPart& part = second.messages[0].content[i];
    EXPECT_EQ(part.media_key, first.messages[0].content[i].media_key);
    EXPECT_NE(part.packed, nullptr) << i;
    EXPECT_TRUE(part.pixels.empty() && part.source.empty() && part.frames.empty()) << i;
  }
  // Others find nothing, nor does who wants it otherwise.
  api::ChatRequest salted = request(image(data_url(png(30, 20))));
  salted.cache_salt = "other";
  api::ChatRequest smaller = request(image(data_url(png(30, 20))));
  smaller.max_pixels = 784;
  for (api::ChatRequest* each : {&salted, &smaller}) {
    ASSERT_EQ(outcome(loader, *each), "");
    EXPECT_EQ(each->messages[0].content[0].packed, nullptr);
  }
  EXPECT_EQ(counting->num_decoded, 7);
  EXPECT_EQ(options.cache->use().hits, 4);
}

TEST(MediaLoader, LimitsHoldForWhatTheCacheHas) {
  MediaOptions options = with_videos();
  options.limits.max_videos = 2;
  options.cache = std::make_shared<processing::MediaCache>(1 << 20);
  const std::string picture = png(100, 100);
  const Json good = image(data_url(picture));
  const Json list = frames({data_url(png(50, 50)), data_url(png(50, 50))});
  const Json file = video(data_url(golden_video("cfr25.mp4"), "video/mp4"));
  api::ChatRequest first = request({good, list, file});
  ASSERT_EQ(outcome(MediaLoader(options), first), "");
  for (size_t i = 0; i < 3; ++i) keep(options, first.messages[0].content[i], i == 2 ? 4 : 1);
  const auto with = [&](const std::function<void(MediaLimits&)>& change, const Json& content) {
    MediaOptions changed = options;
    change(changed.limits);
    return outcome(MediaLoader(changed), content);
  };
  EXPECT_EQ(with([](MediaLimits& l) { l.max_request_pixels = 20'000; }, {good, good}), "");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_request_pixels = 19'999; }, {good, good}),
            "media_too_large messages[0].content[1]");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_picture_pixels = 9'999; }, {good}),
            "media_too_large messages[0].content[0]");
  EXPECT_EQ(with([&](MediaLimits& l) { l.max_request_bytes = picture.size(); }, {good, good}),
            "media_too_large messages[0].content[1]");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_request_pixels = 4'999; }, {list}),
            "media_too_large messages[0].content[0]");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_request_bytes = 50; }, {list}),
            "media_too_large messages[0].content[0]");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_frames = 8; }, {file}), "");
  EXPECT_EQ(with([](MediaLimits& l) { l.max_frames = 7; }, {file}),
            "media_too_large messages[0].content[0]");
}

TEST(MediaLoader, SixtyFourPicturesAndNotMore) {
  const MediaLoader loader({});
  const std::string url = data_url(png(30, 20));
  Json content = Json::array();
  for (int i = 0; i < 64; ++i) content.push_back(image(url));
  EXPECT_EQ(outcome(loader, content), "");
  content.push_back(image(url));
  EXPECT_EQ(outcome(loader, content), "invalid_value messages");
}

TEST(MediaLoader, MemoryOfAllRequestsIsBounded) {
  MediaOptions options;
  options.limits.max_held_bytes = 100 * 100 * 3 * 2;
  const MediaLoader loader(options);
  const Json picture = {image(data_url(png(100, 100)))};
  api::ChatRequest third = request(picture);
  {
    api::ChatRequest first = request(picture), second = request(picture);
    EXPECT_TRUE(loader.load(first, {}));
    EXPECT_TRUE(loader.load(second, {}));
    const auto full = loader.load(third, {});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().status, 503);
    EXPECT_GT(full.error().retry_after_s, 0);
  }
  EXPECT_TRUE(loader.load(third, {}));  // the others are gone
}

TEST(MediaLoader, TheServersLimitOfPixelsForTheModel) {
  MediaOptions options;
  options.limits.max_model_pixels = 1000;
  for (const auto& [asked, given] :
       {std::pair<int64_t, int64_t>{0, 1000}, {500, 500}, {2000, 1000}}) {
    api::ChatRequest each = request(text("a"));
    each.max_pixels = asked;
    EXPECT_TRUE(MediaLoader(options).load(each, {}));
    EXPECT_EQ(each.max_pixels, given);
    each.max_pixels = asked;
    EXPECT_TRUE(MediaLoader({}).load(each, {}));
    EXPECT_EQ(each.max_pixels, asked);
  }
}

TEST(MediaLoader, StopsWhenTheClientIsGone) {
  const auto counting = std::make_shared<CountingDecoder>();
  const MediaLoader loader({.decoder = counting});
  api::ChatRequest given = request({image(data_url(png(4, 4))), image(data_url(png(4, 4)))});
  EXPECT_FALSE(loader.load(given, [&] { return counting->num_decoded == 0; }));
  EXPECT_EQ(counting->num_decoded, 1);
}

}  // namespace
}  // namespace glmv::server
