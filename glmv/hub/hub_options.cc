#include "glmv/hub/hub_options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "glmv/base/files.h"

namespace glmv::hub {
namespace {

constexpr const char* kDefaultEndpoint = "https://huggingface.co";

// The first of the variables that is set to something.
std::string first_of(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = environment(name); value != nullptr && *value != 0) return value;
  }
  return {};
}

bool is_true(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

// A leading "~" is the home folder.
Result<std::filesystem::path> folder(const Environment& environment, const std::string& text) {
  if (text != "~" && !text.starts_with("~/")) return std::filesystem::path(text);
  const std::string home = first_of(environment, {"HOME"});
  if (home.empty()) {
    return not_found("HOME is not set: say with HF_HOME where models shall be kept");
  }
  return std::filesystem::path(home) / text.substr(std::min<size_t>(2, text.size()));
}

Result<std::filesystem::path> home_folder(const Environment& environment) {
  std::string text = first_of(environment, {"HF_HOME"});
  if (text.empty()) {
    const std::string xdg = first_of(environment, {"XDG_CACHE_HOME"});
    text = (xdg.empty() ? "~/.cache" : xdg) + "/huggingface";
  }
  return folder(environment, text);
}

Result<std::string> find_token(const Environment& environment, const std::filesystem::path& home) {
  if (is_true(first_of(environment, {"HF_HUB_DISABLE_IMPLICIT_TOKEN"}))) return std::string();
  std::string token = trimmed(first_of(environment, {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}));
  std::string origin = "HF_TOKEN";
  if (token.empty()) {
    const std::string path = first_of(environment, {"HF_TOKEN_PATH"});
    GLMV_ASSIGN(
        const std::filesystem::path file,
        path.empty() ? Result<std::filesystem::path>(home / "token") : folder(environment, path));
    origin = file.string();
    if (auto text = read_file(file, 4096)) token = trimmed(*text);
  }
  // The message does not repeat it.
  if (!std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return invalid_argument("the token in {} holds characters that no token has", origin);
  }
  return token;
}

}  // namespace

bool HubOptions::sends_token_to(const net::Url& url) const {
  const bool local = url.host == "localhost" || url.host == "127.0.0.1" || url.host == "::1";
  return url.host == endpoint.host && url.port == endpoint.port && url.scheme == endpoint.scheme &&
         (url.scheme == "https" || local);
}

Result<HubOptions> hub_options(const Environment& environment, const std::string& endpoint) {
  HubOptions options;
  std::string text = endpoint.empty() ? first_of(environment, {"HF_ENDPOINT"}) : endpoint;
  if (text.empty()) text = kDefaultEndpoint;
  while (text.ends_with('/')) text.pop_back();
  auto url = net::parse_url(text);
  if (!url) {
    return in_context(endpoint.empty() ? "HF_ENDPOINT" : "--endpoint", url.error());
  }
  options.endpoint = std::move(*url);
  if (options.endpoint.target.find('?') != std::string::npos) {
    return invalid_argument("the endpoint of a hub has no \"?\"");
  }
  if (options.endpoint.target == "/") options.endpoint.target.clear();
  options.offline = is_true(first_of(environment, {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}));
  options.ca_file = first_of(environment, {"SSL_CERT_FILE"});
  const std::string cache = first_of(environment, {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  GLMV_ASSIGN(const std::filesystem::path home, home_folder(environment));
  if (cache.empty()) {
    options.cache = home / "hub";
  } else {
    GLMV_ASSIGN(options.cache, folder(environment, cache));
  }
  GLMV_ASSIGN(options.token, find_token(environment, home));
  return options;
}

Result<HubOptions> hub_options(const std::string& endpoint) {
  return hub_options([](const char* name) { return std::getenv(name); }, endpoint);
}

}  // namespace glmv::hub
