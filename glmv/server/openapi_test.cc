#include "glmv/server/openapi.h"

#include "glmv/server/routes.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

// Every "$ref" below `json` leads somewhere.
void expect_references(const Json& json, const Json& root) {
  if (json.is_object() && json.contains("$ref") && json["$ref"].is_string()) {
    const std::string ref = json["$ref"];
    ASSERT_TRUE(ref.starts_with("#/"));
    EXPECT_TRUE(root.contains(Json::json_pointer(ref.substr(1)))) << ref;
  }
  if (json.is_structured()) {
    for (const Json& child : json) expect_references(child, root);
  }
}

TEST(OpenApi, DescribesEveryRoute) {
  const Json json = openapi_json();
  expect_references(json, json);
  size_t num = 0;
  for (const auto& [path, methods] : json["paths"].items()) num += methods.size();
  EXPECT_EQ(num, routes().size());
  for (const Route& route : routes()) EXPECT_FALSE(route.summary.empty()) << route.path;
  EXPECT_TRUE(json["paths"]["/v1/models/{id}"]["get"].contains("parameters"));
}

TEST(OpenApi, IsServed) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const auto answer = server.ask("GET", "/openapi.json");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(answer.body)["openapi"], "3.1.0");
}

}  // namespace
}  // namespace glmv::server
