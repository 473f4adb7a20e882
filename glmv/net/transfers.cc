#include "glmv/net/transfers.h"

#include <array>
#include <map>
#include <utility>

#include "glmv/base/files.h"
#include "glmv/net/curl_parts.h"

namespace glmv::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

// One transfer. Its address is what curl's callbacks get.
struct Transfer {
  int id = 0;
  TransferRequest request;
  CurlHandle handle;
  CurlList headers;
  TransferHead head;
  size_t header_bytes = 0;
  bool head_shown = false;
  std::string refusal;  // of our own, instead of curl's words
  std::array<char, CURL_ERROR_SIZE> words{};
  Clock::time_point last_byte = Clock::now();
  curl_off_t num_bytes = 0;  // of both directions

  bool show_head() {
    if (head_shown) return true;
    head_shown = true;
    return !request.on_head || request.on_head(head);
  }
};

// A return value other than the size ends the transfer.
size_t on_header(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.header_bytes += size;
  if (transfer.header_bytes > kMaxHeaderBytes) {
    transfer.refusal = "the answer's headers are longer than 64 KiB";
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

// Called now and then, also while nothing comes; 1 ends the transfer.
int on_progress(void* data, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  auto& transfer = *static_cast<Transfer*>(data);
  const curl_off_t num_bytes = received + sent + static_cast<curl_off_t>(transfer.header_bytes);
  curl_off_t connected = 0;  // before that, another limit holds
  curl_easy_getinfo(transfer.handle.get(), CURLINFO_CONNECT_TIME_T, &connected);
  if (std::exchange(transfer.num_bytes, num_bytes) != num_bytes || connected == 0) {
    transfer.last_byte = Clock::now();
  }
  if (Clock::now() - transfer.last_byte <= transfer.request.stall_timeout) return 0;
  transfer.refusal = fmt::format("not a byte came for {:g} s",
                                 double(transfer.request.stall_timeout.count()) / 1000);
  return 1;
}

bool is_this_machine(const Url& url) {
  return url.host == "localhost" ||
         (url.address && (url.host == "::1" || url.host.starts_with("127.")));
}

// Why it failed, for people.
std::string problem_of(const Transfer& transfer, CURLcode code) {
  if (!transfer.refusal.empty()) return transfer.refusal;
  const std::string text =
      transfer.words[0] != 0 ? transfer.words.data() : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return fmt::format("no connection within {:g} s",
                         double(transfer.request.connect_timeout.count()) / 1000);
    case CURLE_COULDNT_CONNECT: {
      long error = 0;
      curl_easy_getinfo(transfer.handle.get(), CURLINFO_OS_ERRNO, &error);
      return fmt::format("no connection ({})",
                         error == 0 ? text : errno_text(static_cast<int>(error)));
    }
    case CURLE_COULDNT_RESOLVE_HOST:
      return fmt::format("there is no host of that name ({})", text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return "TLS: " + text;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
      return fmt::format("the connection was cut ({})", text);
    default:
      return text;
  }
}

void read_status(Transfer& transfer) {
  long status = 0;
  curl_easy_getinfo(transfer.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
}

size_t on_body(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  read_status(transfer);
  if (!transfer.show_head()) return 0;
  if (!transfer.request.on_body) return 0;
  return transfer.request.on_body({bytes, size}) ? size : 0;
}

void prepare(Transfer& transfer, const std::string& ca_file) {
  CURL* curl = transfer.handle.get();
  const TransferRequest& request = transfer.request;
  append(transfer.headers, "Accept-Encoding: identity");
  append(transfer.headers, "Expect:");  // a body is sent at once
  for (const auto& [name, value] : request.headers) append(transfer.headers, name + ": " + value);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.text().c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request.url.scheme.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (is_this_machine(request.url)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "glmv");
  curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  if (request.method != "GET") {
    const char* const body = request.body.data();
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body == nullptr ? "" : body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.head_only) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer.words.data());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name that is looked up is not waited for
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  if (!ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
}

}  // namespace

std::string_view TransferHead::header(std::string_view name) const {
  std::string_view found;
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) found = value;
  }
  return found;
}

struct Transfers::State {
  struct CloseMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  std::string ca_file;
  std::unique_ptr<CURLM, CloseMulti> multi{curl_multi_init()};
  std::map<int, std::unique_ptr<Transfer>> running;
  int last_id = 0;

  void remove(Transfer& transfer) {
    curl_multi_remove_handle(multi.get(), transfer.handle.get());
    running.erase(transfer.id);
  }

  TransferEnd ended(Transfer& transfer, CURLcode code) {
    read_status(transfer);
    // A server may answer before it has read the whole request, and close.
    const bool answered = code == CURLE_SEND_ERROR && transfer.head.status >= 400;
    TransferEnd end{transfer.id, transfer.head, code == CURLE_OK || answered, {}};
    if (end.complete && !transfer.show_head()) end.complete = false;
    if (!end.complete) end.problem = problem_of(transfer, code);
    return end;
  }
};

Transfers::Transfers(std::string ca_file) : state_(std::make_unique<State>()) {
  state_->ca_file = std::move(ca_file);
}
Transfers::Transfers(Transfers&&) noexcept = default;
Transfers& Transfers::operator=(Transfers&&) noexcept = default;
Transfers::~Transfers() {
  if (!state_) return;
  const WithoutSigpipe quiet;
  while (!state_->running.empty()) state_->remove(*state_->running.begin()->second);
}

int Transfers::start(TransferRequest request) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = ++state_->last_id;
  transfer->request = std::move(request);
  transfer->handle.reset(curl_easy_init());
  prepare(*transfer, state_->ca_file);
  curl_multi_add_handle(state_->multi.get(), transfer->handle.get());
  const int id = transfer->id;
  state_->running.emplace(id, std::move(transfer));
  return id;
}

void Transfers::cancel(int id) {
  const WithoutSigpipe quiet;
  const auto found = state_->running.find(id);
  if (found != state_->running.end()) state_->remove(*found->second);
}

std::vector<TransferEnd> Transfers::wait(std::chrono::milliseconds timeout) {
  const WithoutSigpipe quiet;
  CURLM* multi = state_->multi.get();
  std::vector<TransferEnd> ends;
  const auto take_ends = [&] {
    int num_left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &num_left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      ends.push_back(state_->ended(*transfer, message->data.result));
      state_->remove(*transfer);
    }
  };
  int num_active = 0;
  curl_multi_perform(multi, &num_active);
  take_ends();
  if (!ends.empty()) return ends;
  curl_multi_poll(multi, nullptr, 0, static_cast<int>(timeout.count()), nullptr);
  curl_multi_perform(multi, &num_active);
  take_ends();
  return ends;
}

int Transfers::num_running() const { return static_cast<int>(state_->running.size()); }

}  // namespace glmv::net
