#include "glmv/hub/hub_client.h"

#include <charconv>
#include <cmath>
#include <thread>

#include "glmv/hub/retry.h"

namespace glmv::hub {
namespace {

constexpr size_t kMaxListingBytes = size_t{64} << 20;
constexpr int kMaxRedirects = 5;

using std::chrono::milliseconds;

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// The value of an ETag header, weak or not.
std::string plain_etag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

bool says_what_it_is(const net::TransferHead& head) {
  return !head.header("x-linked-etag").empty() ||
         (!is_redirect(head.status) && !head.header("etag").empty());
}

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// How content is checked: as the list of files says, else as its name does.
Result<ExpectedDigest> expected_digest(const RemoteFile& listed, const std::string& etag) {
  ExpectedDigest digest{listed.sha256, listed.git_sha1};
  const bool contradicts =
      (is_hex(etag, 64) && !digest.sha256.empty() && digest.sha256 != etag) ||
      (is_hex(etag, 40) && !digest.git_sha1.empty() && digest.git_sha1 != etag);
  if (contradicts) {
    return unavailable(
        "the hub contradicts itself about {}: its list of files and its answer name different "
        "content; try again later",
        shown(listed.name));
  }
  if (is_hex(etag, 64)) digest.sha256 = etag;
  if (is_hex(etag, 40) && digest.sha256.empty()) digest.git_sha1 = etag;
  return digest;
}

}  // namespace

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<net::Url> follow(const net::Url& from, const net::TransferHead& head) {
  auto next = net::resolve_url(from, head.header("location"));
  if (!next) return in_context(fmt::format("a redirect of {}", from.host), next.error());
  if (from.scheme == "https" && next->scheme != "https") {
    return unavailable("{} leads from https to http, which is not followed", from.host);
  }
  return next;
}

HubClient::HubClient(HubOptions options, std::function<bool()> wanted,
                     std::function<void(const std::string&)> on_note)
    : options_(std::move(options)),
      wanted_(std::move(wanted)),
      on_note_(std::move(on_note)),
      transfers_(options_.ca_file),
      questions_(options_.ca_file) {}

net::Url HubClient::hub_url(const std::string& path, const std::string& query) const {
  net::Url url = options_.endpoint;
  url.target += path + query;
  return url;
}

net::HttpHeaders HubClient::headers_for(const net::Url& url) const {
  if (options_.token.empty() || !options_.sends_token_to(url)) return {};
  return {{"Authorization", "Bearer " + options_.token}};
}

Result<void> HubClient::pause(milliseconds delay, const std::string& reason) {
  note(fmt::format("{}; next try in {:.0f} s", reason,
                   std::ceil(static_cast<double>(delay.count()) / 1000)));
  const auto end = std::chrono::steady_clock::now() + delay;
  while (std::chrono::steady_clock::now() < end) {
    if (!wanted()) return cancelled("stopped");
    std::this_thread::sleep_for(std::min(delay, milliseconds(50)));
  }
  return {};
}

Result<net::TransferEnd> HubClient::ask_once(const net::Url& url, bool head_only,
                                             std::string& body) {
  bool too_long = false;
  net::TransferRequest request{.url = url, .head_only = head_only, .headers = headers_for(url)};
  request.stall_timeout = options_.stall_timeout;
  request.on_body = [&](std::string_view bytes) {
    too_long = body.size() + bytes.size() > kMaxListingBytes;
    if (!too_long) body += bytes;
    return !too_long;
  };
  const int id = questions_.start(std::move(request));
  while (true) {
    for (net::TransferEnd& end : questions_.wait(milliseconds(100))) {
      if (end.id != id) continue;
      if (too_long) {
        return resource_exhausted(
            "the hub's answer is longer than {} MB, which no list of files is",
            kMaxListingBytes >> 20);
      }
      return std::move(end);
    }
    if (!wanted()) {
      questions_.cancel(id);
      return cancelled("stopped");
    }
  }
}

Result<HubClient::Answer> HubClient::ask(const RepoName& repo, const std::string& what,
                                         net::Url url, bool head_only) {
  if (options_.offline) {
    return unavailable("HF_HUB_OFFLINE is set: nothing is asked of {}", options_.endpoint.host);
  }
  Retries retries(options_);
  for (int num_redirects = 0; num_redirects <= kMaxRedirects;) {
    Answer answer{.url = url};
    GLMV_ASSIGN(net::TransferEnd end, ask_once(url, head_only, answer.body));
    answer.head = std::move(end.head);
    const int status = answer.head.status;
    if (!end.complete || is_passing(status)) {
      const std::string reason = end.complete ? fmt::format("{} answers {}", url.host, status)
                                              : fmt::format("{}: {}", url.host, end.problem);
      const auto delay = retries.failed(retry_after(answer.head.header("retry-after")));
      if (delay) {
        GLMV_RETURN_IF_ERROR(pause(*delay, reason));
        continue;
      }
      if (end.complete) return std::unexpected(status_of(repo, what, answer.head));
      return unavailable(
          "cannot reach the hub at {}: {}; is there a network, and is HF_ENDPOINT "
          "right?",
          options_.endpoint.host, end.problem);
    }
    if (!is_redirect(status)) {
      if (status == 200) return answer;
      return std::unexpected(status_of(repo, what, answer.head));
    }
    GLMV_ASSIGN(net::Url next, follow(url, answer.head));
    const bool same_host = next.host == url.host && next.port == url.port;
    if (head_only && !same_host && says_what_it_is(answer.head)) return answer;
    url = std::move(next);
    ++num_redirects;
  }
  return unavailable("{} leads from one address to the next without end", options_.endpoint.host);
}

Result<RepoListing> HubClient::list(const RepoName& repo) {
  const std::string path = "/api/models/" + repo.id() + "/revision/" +
                           url_escaped(repo.revision, /*keep_slashes=*/false);
  GLMV_ASSIGN(const Answer answer, ask(repo, "", hub_url(path, "?blobs=true"), false));
  auto listing = parse_listing(answer.body);
  if (!listing) return in_context(options_.endpoint.host, listing.error());
  return listing;
}

Result<RemoteBlob> HubClient::locate(const RepoName& repo, const std::string& commit,
                                     const RemoteFile& listed) {
  const std::string path = "/" + repo.id() + "/resolve/" + commit + "/" +
                           url_escaped(listed.name, /*keep_slashes=*/true);
  GLMV_ASSIGN(const Answer answer, ask(repo, listed.name, hub_url(path), true));
  RemoteBlob blob;
  const net::TransferHead& head = answer.head;
  const std::string_view linked = head.header("x-linked-etag");
  blob.etag = plain_etag(linked.empty() ? head.header("etag") : linked);
  if (!is_blob_name(blob.etag)) {
    return unavailable("{} gives no usable ETag for {}", options_.endpoint.host,
                       shown(listed.name));
  }
  blob.commit = head.header("x-repo-commit");
  if (!blob.commit.empty() && blob.commit != commit) {
    return unavailable("{} answers for commit {} where {} was asked for", options_.endpoint.host,
                       shown(blob.commit), commit);
  }
  const bool redirected = is_redirect(head.status);
  std::optional<int64_t> size = number(head.header("x-linked-size"));
  if (!size && !redirected) size = number(head.header("content-length"));
  if (!size) size = listed.size;
  if (!size) {
    return unavailable("{} does not say how long {} is", options_.endpoint.host,
                       shown(listed.name));
  }
  if (listed.size && *listed.size != *size) {
    return unavailable("{} lists {} with {} bytes, but has {}; try again later",
                       options_.endpoint.host, shown(listed.name), *listed.size, *size);
  }
  blob.size = *size;
  GLMV_ASSIGN(blob.digest, expected_digest(listed, blob.etag));
  blob.location = answer.url;
  if (redirected) {
    GLMV_ASSIGN(blob.location, follow(answer.url, head));
  }
  return blob;
}

}  // namespace glmv::hub
