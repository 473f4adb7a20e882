#include "glmv/net/http_call.h"

#include <array>

#include "glmv/base/files.h"
#include "glmv/net/curl_parts.h"

namespace glmv::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxHeaderBytes = size_t{64} << 10;
constexpr std::chrono::milliseconds kLookInterval{20};

struct CloseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// What the callbacks of the call know.
struct Transfer {
  const HttpCall& call;
  CURL* curl;
  CallHead head;
  size_t header_bytes = 0;
  bool enough = false;  // the rest of the body is not wanted
  std::string refusal;  // our own words instead of curl's
  Clock::time_point last_byte = Clock::now();
  curl_off_t num_sent = 0;
};

void read_status(Transfer& transfer) {
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
}

// A return value other than the size ends the transfer.
size_t on_header(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.last_byte = Clock::now();
  transfer.header_bytes += size;
  if (transfer.header_bytes > kMaxHeaderBytes) {
    transfer.refusal = "the headers of the answer are longer than 64 KiB";
    return 0;
  }
  const std::string_view line(bytes, size);
  if (line.starts_with("HTTP/")) {  // of the answer itself, behind those of a "100 Continue"
    transfer.head.headers.clear();
    return size;
  }
  const size_t colon = line.find(':');
  if (colon == line.npos) return size;
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (equal_ignoring_case(name, "content-encoding") && !value.empty() &&
      !equal_ignoring_case(value, "identity")) {
    transfer.refusal = "the answer came compressed, which was not asked for";
    return 0;
  }
  transfer.head.headers.emplace_back(name, value);
  return size;
}

size_t on_body(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.last_byte = Clock::now();
  if (!transfer.call.on_body) return size;
  read_status(transfer);
  transfer.enough = !transfer.call.on_body(transfer.head, {bytes, size});
  return transfer.enough ? 0 : size;
}

int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t num_sent) {
  auto& transfer = *static_cast<Transfer*>(data);
  if (num_sent != transfer.num_sent) transfer.last_byte = Clock::now();
  transfer.num_sent = num_sent;
  return 0;
}

bool is_this_machine(const Url& url) {
  return url.host == "localhost" ||
         (url.address && (url.host == "::1" || url.host.starts_with("127.")));
}

void prepare(Transfer& transfer, CurlList& headers, char* words) {
  const HttpCall& call = transfer.call;
  CURL* const curl = transfer.curl;
  append(headers, "Accept-Encoding: identity");
  append(headers, "Expect:");  // the body is sent at once
  for (const auto& [name, value] : call.headers) append(headers, name + ": " + value);
  curl_easy_setopt(curl, CURLOPT_URL, call.url.text().c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, call.url.scheme.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (is_this_machine(call.url)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (call.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data() == nullptr ? "" : call.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "glmv");
  curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name that is looked up is not waited for
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(call.connect_timeout.count()));
  if (!call.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, call.ca_file.c_str());
}

Result<CallHead> ended(Transfer& transfer, CURLcode code, const char* words) {
  read_status(transfer);
  // A server may answer before it has read the whole request, and close.
  const bool answered = code == CURLE_SEND_ERROR && transfer.head.status >= 400;
  if (code == CURLE_OK || transfer.enough || answered) return std::move(transfer.head);
  if (!transfer.refusal.empty()) return unavailable("{}", transfer.refusal);
  const std::string_view text = *words != 0 ? words : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return unavailable("no connection within {:.1f} s",
                         double(transfer.call.connect_timeout.count()) / 1000);
    case CURLE_COULDNT_CONNECT: {
      long error = 0;
      curl_easy_getinfo(transfer.curl, CURLINFO_OS_ERRNO, &error);
      return unavailable("no connection ({}); is the server running?",
                         error == 0 ? std::string(text) : errno_text(static_cast<int>(error)));
    }
    case CURLE_COULDNT_RESOLVE_HOST:
      return unavailable("there is no host of that name ({})", text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return unavailable("TLS: {}", text);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
      return unavailable("the connection was cut ({})", text);
    default:
      return unavailable("{}", text);
  }
}

}  // namespace

std::string_view CallHead::header(std::string_view name) const {
  std::string_view found;
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) found = value;
  }
  return found;
}

Result<CallHead> http_call(const HttpCall& call) {
  const WithoutSigpipe quiet;
  const CurlHandle owner(curl_easy_init());
  const std::unique_ptr<CURLM, CloseMulti> multi(curl_multi_init());
  if (!owner || !multi) return unavailable("no memory for a connection");
  Transfer transfer{call, owner.get(), {}, 0, false, {}};
  CurlList headers;
  std::array<char, CURL_ERROR_SIZE> words{};
  prepare(transfer, headers, words.data());
  curl_multi_add_handle(multi.get(), owner.get());
  // Removed before either is destroyed, which closes the connection.
  struct Remove {
    CURLM* multi;
    CURL* curl;
    ~Remove() { curl_multi_remove_handle(multi, curl); }
  } const remove{multi.get(), owner.get()};

  int num_running = 1;
  while (true) {
    curl_multi_perform(multi.get(), &num_running);
    if (num_running == 0) break;
    if (call.wanted && !call.wanted()) return cancelled("the answer is not wanted any more");
    if (Clock::now() - transfer.last_byte > call.silence_timeout) {
      curl_off_t connected = 0;
      curl_easy_getinfo(owner.get(), CURLINFO_CONNECT_TIME_T, &connected);
      if (connected > 0) {
        return unavailable("not a byte came for {:.1f} s",
                           double(call.silence_timeout.count()) / 1000);
      }
    }
    curl_multi_poll(multi.get(), nullptr, 0, static_cast<int>(kLookInterval.count()), nullptr);
  }
  int num_left = 0;
  const CURLMsg* const message = curl_multi_info_read(multi.get(), &num_left);
  const CURLcode code = message == nullptr ? CURLE_OBSOLETE20 : message->data.result;
  return ended(transfer, code, words.data());
}

}  // namespace glmv::net
