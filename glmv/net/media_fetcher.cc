#include "glmv/net/media_fetcher.h"

#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "glmv/net/http_get.h"

namespace glmv::net {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kMaxRedirects = 3;
constexpr size_t kMaxAddresses = 16;

std::vector<IpAddress> resolve_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_UNSPEC;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<IpAddress> out;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const auto address = IpAddress::from(*entry->ai_addr);
    if (address && std::ranges::find(out, *address) == out.end()) out.push_back(*address);
  }
  return out;
}

// The system's resolver knows no deadline: it is left alone when it takes too long.
std::vector<IpAddress> resolve_by(const Resolver& resolver, const std::string& host,
                                  Clock::time_point end) {
  auto promise = std::make_shared<std::promise<std::vector<IpAddress>>>();
  std::future<std::vector<IpAddress>> found = promise->get_future();
  std::thread([promise, resolver, host] {
    try {
      promise->set_value(resolver(host));
    } catch (...) {
      promise->set_value({});
    }
  }).detach();
  if (found.wait_until(end) != std::future_status::ready) return {};
  return found.get();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Result<MediaFetcher> MediaFetcher::create(MediaFetchOptions options) {
  static std::once_flag once;
  static CURLcode started;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (started != CURLE_OK) return internal_error("libcurl does not start");
  if (options.max_redirects < 0 || options.max_redirects > kMaxRedirects) {
    return invalid_argument("{} redirects: 0 to {} are possible", options.max_redirects,
                            kMaxRedirects);
  }
  if (!options.resolver) options.resolver = resolve_by_system;
  MediaFetcher fetcher(std::move(options));
  for (const std::string& entry : fetcher.options_.allowed_domains) {
    const bool any = entry == "*" || entry.starts_with("*:");
    auto url = parse_url("http://" + (any ? "any" + entry.substr(1) : entry));
    if (!url || url->target != "/") {
      return invalid_argument("\"{}\" is no host: write host, host:port or *{}", entry,
                              url ? "" : " (" + url.error().message + ")");
    }
    fetcher.rules_.push_back({any ? "" : url->host, url->has_port ? url->port : uint16_t{0}});
  }
  return fetcher;
}

bool MediaFetcher::is_allowed(const Url& url) const {
  return std::ranges::any_of(rules_, [&url](const Rule& rule) {
    const bool port = rule.port == 0 ? url.port == 80 || url.port == 443 : url.port == rule.port;
    return port && (rule.host.empty() || rule.host == url.host);
  });
}

std::vector<IpAddress> MediaFetcher::checked_addresses(const Url& url,
                                                       Clock::time_point end) const {
  std::vector<IpAddress> addresses;
  if (url.address) {
    addresses = {*url.address};
  } else {
    addresses = resolve_by(options_.resolver, url.host, end);
  }
  // One bad address among good ones is how a name is made to point inside.
  if (!std::ranges::all_of(addresses, options_.address_policy)) return {};
  if (addresses.size() > kMaxAddresses) addresses.resize(kMaxAddresses);
  return addresses;
}

std::expected<std::string, FetchFault> MediaFetcher::fetch(
    std::string_view text, const FetchLimits& limits, const std::function<bool()>& wanted) const {
  auto url = parse_url(text);
  if (!url || !is_allowed(*url)) return std::unexpected(FetchFault::kNotAllowed);
  const Clock::time_point end = Clock::now() + limits.deadline;
  int redirects_left = options_.max_redirects, retries_left = 1;
  std::vector<IpAddress> addresses = checked_addresses(*url, end);
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    HttpGet got = http_get(*url, addresses, limits.max_bytes,
                           std::min(left, limits.deadline * 2 / 5), left, wanted);
    if (got.outcome == HttpGet::Outcome::kTooLarge) return std::unexpected(FetchFault::kTooLarge);
    const bool answered = got.outcome == HttpGet::Outcome::kAnswered;
    if (answered && got.status == 200) return std::move(got.body);
    if (got.outcome == HttpGet::Outcome::kConnectTimeout || (answered && got.status >= 500)) {
      if (retries_left-- > 0) continue;
    } else if (answered && is_redirect(got.status) && redirects_left-- > 0) {
      const bool secure = url->scheme == "https";
      url = resolve_url(*url, got.location);
      if (url && is_allowed(*url) && (!secure || url->scheme == "https")) {
        addresses = checked_addresses(*url, end);
        continue;
      }
    }
    return std::unexpected(FetchFault::kFailed);
  }
}

}  // namespace glmv::net
