#include "glmv/store/conversation_json.h"

#include "glmv/store/store_for_test.h"

namespace glmv::store {
namespace {

TEST(ConversationJson, ComesBackAsItWasPut) {
  Json json = conversation_of("c1", "apples");
  json["conv"]["theirs"] = {{"deep", {1, 2.5, nullptr}}};
  json["msgs"][0]["parts"] = {{{"kind", "image"}, {"name", "a\nb"}, {"sha256", "00"}, {"w", 3}}};
  json["msgs"][1]["stats"] = {{"finish", "length"}, {"perSecond", 8.6}};
  json["msgs"][1]["stream"] = {{"id", "s1"}, {"next", 4}};
  const StoredConversation read = stored(json);
  EXPECT_EQ(read.messages[1].finish, "length");
  const Json back = conversation_json(read);
  // Objects are compared without their order.
  EXPECT_EQ(nlohmann::json::parse(back.dump()), nlohmann::json::parse(json.dump()));
}

TEST(ConversationJson, FieldsThatAreLeftOut) {
  const auto read = read_conversation({{"conv", {{"id", "c"}}}}, "c");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->title, "");
  EXPECT_EQ(read->params, "{}");
  EXPECT_EQ(read->leaf, std::nullopt);
  EXPECT_TRUE(read->messages.empty());
}

TEST(ConversationJson, ErrorsNameTheField) {
  const auto error = [](const std::function<void(Json&)>& change) {
    Json json = conversation_of("c1", "x");
    change(json);
    const auto read = read_conversation(json, "c1");
    return read ? std::string("taken") : read.error().message;
  };
  EXPECT_TRUE(error([](Json& j) { j = Json::array(); }).starts_with(": must be an object"));
  EXPECT_TRUE(error([](Json& j) { j["conv"] = 3; }).starts_with("conv: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["id"] = "c2"; }).starts_with("conv.id: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["title"] = 3; }).starts_with("conv.title: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["updated"] = -1; }).starts_with("conv.updated: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["updated"] = 1e300; }).starts_with("conv.updated: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["pinned"] = 1; }).starts_with("conv.pinned: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["params"] = "x"; }).starts_with("conv.params: "));
  EXPECT_TRUE(error([](Json& j) { j["conv"]["leaf"] = "a b"; }).starts_with("conv.leaf: "));
  EXPECT_TRUE(error([](Json& j) { j["msgs"] = Json::object(); }).starts_with("msgs: "));
  EXPECT_TRUE(error([](Json& j) { j["msgs"][1] = nullptr; }).starts_with("msgs[1]: "));
  EXPECT_TRUE(error([](Json& j) { j["msgs"][1]["id"] = ""; }).starts_with("msgs[1].id: "));
  EXPECT_TRUE(error([](Json& j) { j["msgs"][1]["id"] = "m0"; }).starts_with("msgs[1].id: "));
  EXPECT_TRUE(error([](Json& j) { j["msgs"][0]["text"] = {1}; }).starts_with("msgs[0].text: "));
  EXPECT_TRUE(
      error([](Json& j) { j["msgs"][0]["parts"] = {1}; }).starts_with("msgs[0].parts[0]: "));
  EXPECT_TRUE(error([](Json& j) {
                j["msgs"][0]["parts"] = {{{"kind", 1}}};
              }).starts_with("msgs[0].parts[0].kind: "));
  EXPECT_TRUE(error([](Json& j) {
                j["msgs"][0]["parts"] = Json::array();
                for (int i = 0; i < 201; ++i) j["msgs"][0]["parts"].push_back(Json::object());
              }).starts_with("msgs[0].parts: "));
}

}  // namespace
}  // namespace glmv::store
