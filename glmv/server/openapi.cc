#include "glmv/server/openapi.h"

#include <algorithm>

#include "glmv/server/openapi_schemas.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

Json error_schema() { return Json::parse(R"({"type": "object", "required": ["error"]})"); }

const char* success_status(const Route& route) {
  if (route.endpoint == &send_file) return "201";
  const bool empty = route.method == "PUT" || route.endpoint == &delete_file ||
                     route.endpoint == &delete_conversation;
  return empty ? "204" : "200";
}

Json responses_json(const Route& route) {
  const Json ref = {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}};
  Json responses = {{success_status(route), {{"description", "the answer"}}}};
  const auto add = [&](const char* status, const char* text) {
    responses[status] = {{"description", text}, {"content", ref}};
  };
  if (!route.is_public) add("401", "no key, or an unknown one");
  add("403", "a host or page that is not served");
  if (route.path.find('*') != route.path.npos) {
    add("400", "a name in the path cannot be read");
    add("404", "there is none of this name");
  }
  if (route.endpoint == &page_file) {
    responses["304"] = {{"description", "it is as it was"}};
    add("404", "the server has no such page");
  }
  if (route.path.starts_with("/api/conversations/")) {
    add("400", "a field is wrong; error.param names it");
    if (route.method == "PUT") add("412", "another browser has changed it");
  }
  if (route.path.starts_with("/api/blobs/")) add("400", "no SHA-256, or that of other bytes");
  if (route.path.starts_with("/api/files/")) add("422", "the file cannot be decoded");
  if (!route.query.empty()) {
    add("400", "a parameter is wrong; error.param names it");
    add("404", "there is none of this name");
  }
  if (!route.body.empty()) {
    add("400", "a field is wrong; error.param names it");
    add("404", "there is no such model");
    add("413", "the body is too large");
    add("415", "the body is compressed");
    add("422", "a picture is not allowed, not found or broken");
    add("501", "not offered");
  } else if (route.path.starts_with("/v1/lora")) {
    add("501", "not offered");
  }
  add("503", "too many requests, or the server is ending: come again after Retry-After seconds");
  return responses;
}

// Names of what stands for the stars of a path, in their order.
constexpr const char* kStarNames[] = {"id", "n"};

// "/api/files/*" -> "/api/files/{id}", and as many names as it has. "**" is one name; a slash in it
// may be escaped.
struct PathTemplate {
  std::string text;
  size_t num_names = 0;
};
PathTemplate path_template(std::string_view path) {
  PathTemplate out{std::string(path)};
  for (const char* name : kStarNames) {
    const size_t star = out.text.find('*');
    if (star == out.text.npos) break;
    const size_t end = std::min(out.text.find_first_not_of('*', star), out.text.size());
    out.text.replace(star, end - star, fmt::format("{{{}}}", name));
    ++out.num_names;
  }
  return out;
}

Json parameter(std::string_view name, const char* place, bool required) {
  return {{"name", name},
          {"in", place},
          {"required", required},
          {"schema", {{"type", "string"}, {"minLength", 1}}}};
}

Json parameters(const Route& route) {
  Json list = Json::array();
  const size_t num_names = path_template(route.path).num_names;
  for (size_t i = 0; i < num_names; ++i) list.push_back(parameter(kStarNames[i], "path", true));
  for (std::string_view rest = route.query; !rest.empty();) {
    std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const bool required = name.ends_with('!');
    if (required) name.remove_suffix(1);
    list.push_back(parameter(name, "query", required));
  }
  return list;
}

Json operation(const Route& route) {
  Json json = {{"summary", route.summary}, {"responses", responses_json(route)}};
  if (Json list = parameters(route); !list.empty()) json["parameters"] = std::move(list);
  if (!route.body.empty()) {
    const std::string ref = "#/components/schemas/" + std::string(route.body);
    const char* type = route.body == "Multipart" ? "multipart/form-data"
                       : route.body == "Bytes"   ? "application/octet-stream"
                                                 : "application/json";
    json["requestBody"] = {{"required", true},
                           {"content", {{type, {{"schema", {{"$ref", ref}}}}}}}};
  }
  if (route.is_public) json["security"] = Json::array();
  return json;
}

}  // namespace

Json openapi_json() {
  Json paths = Json::object();
  for (const Route& route : routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c + 32); });
    paths[path_template(route.path).text][method] = operation(route);
  }
  Json schemas = body_schemas();
  schemas["Error"] = error_schema();
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "glmv"},
            {"version", GLMV_VERSION},
            {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", std::move(schemas)},
            {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
          {"security", Json::array({{{"key", Json::array()}}})}};
}

void show_openapi(const Call& call) { send_json(call.reply, 200, openapi_json(), call.request_id); }

}  // namespace glmv::server
