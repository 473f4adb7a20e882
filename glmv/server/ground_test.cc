// /api/ground on the wire.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

class Ground : public testing::Test {
 protected:
  net::HttpAnswer post(const std::string& body) { return server_.ask("POST", "/api/ground", body); }
  Json found(const Json& body) {
    const net::HttpAnswer answer = post(body.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }

  api::ScriptedBackend backend_{{}};
  Fixture server_{backend_};
};

TEST_F(Ground, BoxesAndPointsInBothCoordinates) {
  const Json json =
      found({{"text", "cup: [300,200,100,400] and [500,500]"}, {"width", 1280}, {"height", 720}});
  const Json box = Json::parse(R"({"box": [100,200,300,400], "px": [128,144,384,288],
                                   "label": "cup", "reordered": true, "clamped": false})");
  EXPECT_EQ(json["boxes"], Json::array({box}));
  EXPECT_EQ(json["points"][0]["point"], (Json{500, 500}));
  EXPECT_EQ(json["points"][0]["px"], (Json{640, 360}));
  EXPECT_FALSE(json.contains("raw_text"));
}

TEST_F(Ground, WithoutASizeThereAreNoPixels) {
  const Json json = found({{"text", "[1,2,3,4]"}, {"width", nullptr}});
  EXPECT_EQ(json["boxes"][0]["box"], (Json{1, 2, 3, 4}));
  EXPECT_FALSE(json["boxes"][0].contains("px"));
}

TEST_F(Ground, FormsOfAnswers) {
  const Json polygon = found({{"text", "[[1,2],[3,4],[5,6]]"}, {"as", "poly"}});
  EXPECT_EQ(polygon["polygons"].size(), 1u);
  EXPECT_EQ(found({{"text", "[[1,2],[3,4],[5,6]]"}})["points"].size(), 3u);
  const Json space = found({{"text", R"([{"bbox_3d":[0,0,9,1,1,1,0,0,0],"label":"car"}])"},
                            {"width", 100},
                            {"height", 100}});
  EXPECT_EQ(space["boxes_3d"][0]["px_edges"].size(), 12u);
  EXPECT_EQ(found({{"text", "[1,2,3]"}})["rejected"], Json::array({"[1,2,3]"}));
}

TEST_F(Ground, HostileBodies) {
  const auto expect_bad = [&](const std::string& body, const std::string& param) {
    const net::HttpAnswer answer = post(body);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 100);
    const Json error = Json::parse(answer.body)["error"];
    EXPECT_FALSE(error["message"].get<std::string>().empty());
    EXPECT_TRUE(param.empty() || error["param"] == param) << body.substr(0, 100) << error;
  };
  expect_bad("", "");
  expect_bad("[1,2", "");
  expect_bad("[]", "");
  expect_bad("{}", "text");
  expect_bad(R"({"text": null})", "text");
  expect_bad(R"({"text": 5})", "text");
  expect_bad(R"({"text": ["[1,2,3,4]"]})", "text");
  expect_bad(R"({"text": "x", "width": 100})", "height");
  expect_bad(R"({"text": "x", "height": 100})", "width");
  expect_bad(R"({"text": "x", "width": 0, "height": 1})", "width");
  expect_bad(R"({"text": "x", "width": -5, "height": 1})", "width");
  expect_bad(R"({"text": "x", "width": 1.5, "height": 1})", "width");
  expect_bad(R"({"text": "x", "width": 1e300, "height": 1})", "width");
  expect_bad(R"({"text": "x", "width": "1", "height": 1})", "width");
  expect_bad(R"({"text": "x", "as": "mask"})", "as");
  expect_bad(R"({"text": "x", "as": 3})", "as");
  expect_bad(Json{{"text", std::string((1 << 20) + 1, '[')}}.dump(), "text");
  expect_bad("{\"text\": \"\xFF\"}", "");
  expect_bad(std::string(3000, '['), "");
}

TEST_F(Ground, HostileTextsAreAnsweredSoon) {
  for (const std::string unit : {"[", "[[1],", "[{\"bbox_2d\":", "(1,2)", "{\"a\":",
                                 "<|begin_of_box|>", "[1,2,3,4]", "[{\"polygon\":[[1,2],"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    const auto start = std::chrono::steady_clock::now();
    found({{"text", text}, {"width", 1000}, {"height", 1000}});
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << unit;
  }
}

TEST_F(Ground, OtherMethodsAndTheDescription) {
  EXPECT_EQ(server_.ask("GET", "/api/ground").status, 405);
  const Json api = Json::parse(server_.ask("GET", "/openapi.json").body);
  EXPECT_TRUE(api["paths"].contains("/api/ground"));
}

}  // namespace
}  // namespace glmv::server
