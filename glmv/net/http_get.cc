#include "glmv/net/http_get.h"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>

#include "glmv/net/curl_parts.h"

namespace glmv::net {
namespace {

constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

// What the callbacks of one transfer know.
struct Transfer {
  CURL* handle;
  const std::vector<IpAddress>& addresses;
  size_t max_bytes;
  const std::function<bool()>& wanted;
  HttpGet result;
  size_t header_bytes = 0;
  bool encoded = false;
  bool too_large = false;

  long status() const {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
};

// curl was told the addresses; should it come to another one all the same, there is no socket.
curl_socket_t open_socket(void* data, curlsocktype, curl_sockaddr* address) {
  const auto& transfer = *static_cast<Transfer*>(data);
  const auto target = IpAddress::from(address->addr);
  if (!target || std::ranges::find(transfer.addresses, *target) == transfer.addresses.end()) {
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// A return value other than the size ends the transfer.
size_t on_header(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.header_bytes += size;
  if (transfer.header_bytes > kMaxHeaderBytes) return 0;
  const std::string_view line(bytes, size);
  const size_t colon = line.find(':');
  if (colon == line.npos) return size;
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  const bool identity = value.empty() || equal_ignoring_case(value, "identity");
  if (equal_ignoring_case(name, "content-encoding") && !identity) transfer.encoded = true;
  if (equal_ignoring_case(name, "transfer-encoding") && !equal_ignoring_case(value, "chunked") &&
      !identity) {
    transfer.encoded = true;
  }
  if (equal_ignoring_case(name, "location")) transfer.result.location = value;
  return transfer.encoded ? 0 : size;
}

size_t on_body(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  if (transfer.status() != 200) return 0;  // nobody reads it
  if (size > transfer.max_bytes - transfer.result.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.result.body.append(bytes, size);
  return size;
}

int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(data);
  return transfer.wanted && !transfer.wanted() ? 1 : 0;
}

std::string resolve_entry(const Url& url, const std::vector<IpAddress>& addresses) {
  std::string entry = fmt::format("{}:{}:", url.host, url.port);
  for (size_t i = 0; i < addresses.size(); ++i) {
    const std::string text = addresses[i].text();
    entry += (i == 0 ? "" : ",") + (addresses[i].is_v6 ? "[" + text + "]" : text);
  }
  return entry;
}

HttpGet::Outcome outcome(const Transfer& transfer, CURLcode code) {
  using Outcome = HttpGet::Outcome;
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) return Outcome::kTooLarge;
  if (transfer.encoded) return Outcome::kFailed;
  // A body that was not read is no failure of an answer that is not 200.
  const long status = transfer.status();
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0 && status != 200)) {
    return Outcome::kAnswered;
  }
  curl_off_t connected = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_CONNECT_TIME_T, &connected);
  if (code == CURLE_OPERATION_TIMEDOUT && connected == 0) return Outcome::kConnectTimeout;
  return Outcome::kFailed;
}

}  // namespace

HttpGet http_get(const Url& url, const std::vector<IpAddress>& addresses, size_t max_bytes,
                 std::chrono::milliseconds connect_timeout, std::chrono::milliseconds timeout,
                 const std::function<bool()>& wanted) {
  const CurlHandle owner(curl_easy_init());
  if (!owner || addresses.empty() || timeout.count() <= 0) return {};
  CURL* curl = owner.get();
  Transfer transfer{curl, addresses, max_bytes, wanted, {}};
  CurlList names, headers;
  if (!url.address) append(names, resolve_entry(url, addresses));
  append(headers, "Accept-Encoding: identity");
  append(headers, "Accept: image/*,*/*;q=0.5");
  const std::string text = url.text();

  curl_easy_setopt(curl, CURLOPT_URL, text.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, url.scheme.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_RESOLVE, names.get());
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the environment's is not asked
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "glmv");
  curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_bytes));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  const WithoutSigpipe quiet;
  const CURLcode code = curl_easy_perform(curl);
  transfer.result.outcome = outcome(transfer, code);
  transfer.result.status = static_cast<int>(transfer.status());
  return std::move(transfer.result);
}

}  // namespace glmv::net
