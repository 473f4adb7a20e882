#pragma once
// A Hugging Face hub of one model on two ports of this machine, with the faults that a test asks
// for. The second port stands for the content delivery network that large files are redirected to.

#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "glmv/base/check.h"
#include "glmv/base/json.h"
#include "glmv/base/percent.h"
#include "glmv/hub/content_digest.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"

namespace glmv::hub {

struct FakeFile {
  std::string content;
  bool lfs = false;
};

// What goes wrong. Counts run down as requests come.
struct FakeFaults {
  std::vector<size_t> drops;    // the next answers with content are cut after so many bytes
  bool ignores_ranges = false;  // 200 and everything
  bool wrong_ranges = false;    // Content-Range that was not asked for
  bool corrupts = false;        // the last byte of contents of large files is another
  int changes_after = -1;       // so many answers with content later, it is another (with its ETag)
  int64_t lies_in_list = 0;     // added to sizes in the list
  int64_t lies_in_head = 0;     // added to X-Linked-Size
  bool sends_more = false;      // bytes behind the end
  bool no_sizes = false;        // the list has names only
  int expired_links = 0;        // answers of the second port that are 403
  std::vector<int> statuses;    // the next answers
  std::string retry_after;      // of those
  std::chrono::milliseconds delay{0};  // before each 64 KiB
};

class FakeHub {
 public:
  struct Seen {
    std::string method, path, range, authorization;
    bool second_port = false;
  };

  explicit FakeHub(std::string id = "acme/tiny") : id_(std::move(id)) {
    const auto serve = [&](bool second) {
      net::HttpServerOptions options;
      options.host = second ? "localhost" : "127.0.0.1";  // hosts of two names
      auto server = net::HttpServer::start(
          options,
          [this, second](const net::HttpRequest& request, net::HttpReply& reply) {
            answer(second, request, reply);
          },
          net::text_error);
      GLMV_CHECK(server.has_value());
      return std::move(*server);
    };
    links_ = serve(true);
    hub_ = serve(false);
  }
  ~FakeHub() {
    hub_.reset();
    links_.reset();
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(hub_->port()); }
  const std::string& commit() const { return commit_; }

  // The model and the faults may be changed while nothing runs.
  std::map<std::string, FakeFile> files;
  FakeFaults faults;
  bool redirects = true;     // LFS files lie at the second port
  bool needs_token = false;  // "hf_secret", else 401
  std::string listing;       // the list of files, as it goes out; empty: that of `files`
  std::string error_code;    // X-Error-Code of `faults.statuses`
  std::map<std::string, std::string> moved;  // id -> id, 307
  void set_commit(std::string commit) { commit_ = std::move(commit); }

  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  int count(const std::string& method, const std::string& part_of_path) const {
    int n = 0;
    for (const Seen& one : seen()) {
      n += one.method == method && one.path.find(part_of_path) != std::string::npos;
    }
    return n;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    seen_.clear();
  }

  static std::string digest(const FakeFile& file) {
    if (file.lfs) {
      return Sha256().add(std::as_bytes(std::span(file.content))).digest().hex();
    }
    return ContentDigest::git_sha1(file.content);
  }

 private:
  void answer(bool second, const net::HttpRequest& request, net::HttpReply& reply) {
    int status = 0;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back({request.method, request.path, std::string(request.header("range")),
                       std::string(request.header("authorization")), second});
      if (!faults.statuses.empty()) {
        status = faults.statuses.front();
        faults.statuses.erase(faults.statuses.begin());
      } else if (second && faults.expired_links > 0) {
        --faults.expired_links;
        status = 403;
      } else if (!second && needs_token && request.header("authorization") != "Bearer hf_secret") {
        status = 401;
      }
    }
    if (status != 0) {
      net::HttpHeaders headers;
      if (!faults.retry_after.empty()) headers.emplace_back("Retry-After", faults.retry_after);
      if (!error_code.empty()) headers.emplace_back("X-Error-Code", error_code);
      return reply.send(status, headers, "no");
    }
    for (const auto& [from, to] : moved) {
      const size_t at = request.path.find("/" + from + "/");
      if (at == std::string::npos) continue;
      std::string path = request.path;
      path.replace(at + 1, from.size(), to);
      return reply.send(
          307, {{"Location", path + (request.query.empty() ? "" : "?" + request.query)}}, "");
    }
    const std::string api = "/api/models/" + id_ + "/";
    if (request.path.starts_with(api))
      return answer_api(request, request.path.substr(api.size()), reply);
    const std::string resolve = "/" + id_ + "/resolve/";
    const std::string link = "/link/";
    const bool of_link = second && request.path.starts_with(link);
    if (!of_link && !request.path.starts_with(resolve)) return missing(reply, "RepoNotFound");
    std::string name = request.path.substr(of_link ? link.size() : resolve.size());
    if (!of_link) name = name.substr(name.find('/') + 1);
    const auto file = files.find(*percent_decode(name));
    if (file == files.end()) return missing(reply, "EntryNotFound");
    answer_file(!of_link, name, file->second, request, reply);
  }

  void missing(net::HttpReply& reply, const std::string& code) {
    reply.send(404, {{"X-Error-Code", code}, {"X-Repo-Commit", commit_}}, "no");
  }

  void answer_api(const net::HttpRequest& request, const std::string& what, net::HttpReply& reply) {
    Json list = Json::array();
    const bool tree = what.starts_with("tree/");
    for (const auto& [name, file] : files) {
      const int64_t size = static_cast<int64_t>(file.content.size()) + faults.lies_in_list;
      Json entry = {{tree ? "path" : "rfilename", name}};
      if (tree) entry["type"] = "file";
      if (!faults.no_sizes) {
        entry["size"] = size;
        entry[tree ? "oid" : "blobId"] = file.lfs ? std::string(40, 'a') : digest(file);
        if (file.lfs) {
          entry["lfs"] = {
              {tree ? "oid" : "sha256", digest(file)}, {"size", size}, {"pointerSize", 130}};
        }
      }
      list.push_back(entry);
    }
    const std::string revision = what.substr(what.find('/') + 1);
    if (revision != "main" && revision != commit_ && revision != "refs%2Fpr%2F1") {
      return missing(reply, "RevisionNotFound");
    }
    if (tree) return reply.send(200, {{"Content-Type", "application/json"}}, list.dump());
    const Json body = {{"id", id_},        {"modelId", id_},        {"sha", commit_},
                       {"private", false}, {"tags", Json::array()}, {"downloads", 0},
                       {"likes", 0},       {"siblings", list}};
    static_cast<void>(request);
    reply.send(200, {{"Content-Type", "application/json"}},
               listing.empty() ? body.dump() : listing);
  }

  void answer_file(bool at_hub, const std::string& name, const FakeFile& file,
                   const net::HttpRequest& request, net::HttpReply& reply) {
    const std::string etag = digest(file);
    net::HttpHeaders headers = {{"Accept-Ranges", "bytes"}};
    if (at_hub) {
      headers.emplace_back("X-Repo-Commit", commit_);
      if (file.lfs && redirects) {
        const auto size = static_cast<int64_t>(file.content.size()) + faults.lies_in_head;
        headers.emplace_back("X-Linked-Etag", "\"" + etag + "\"");
        headers.emplace_back("X-Linked-Size", std::to_string(size));
        headers.emplace_back(
            "Location", "http://localhost:" + std::to_string(links_->port()) + "/link/" + name);
        return reply.send(302, headers, "");
      }
    }
    std::string content = file.content;
    std::optional<size_t> cut;
    std::string tag = at_hub ? etag : "link-" + etag.substr(0, 8);
    if (request.method == "GET") {
      const std::lock_guard lock(mutex_);
      if (faults.corrupts && file.lfs) content.back() = static_cast<char>(content.back() ^ 1);
      if (faults.changes_after >= 0 && faults.changes_after-- <= 0) {
        faults.changes_after = 0;
        tag += "-changed";
        content.back() = '!';
      }
      if (!faults.drops.empty() && file.lfs) {
        cut = faults.drops.front();
        faults.drops.erase(faults.drops.begin());
      }
    }
    headers.emplace_back("ETag", "\"" + tag + "\"");
    int status = 200;
    size_t begin = 0, end = content.size();
    if (const std::string range(request.header("range"));
        range.starts_with("bytes=") && !faults.ignores_ranges) {
      const char* const text_end = range.data() + range.size();
      const char* at = std::from_chars(range.data() + 6, text_end, begin).ptr + 1;
      size_t last = content.size() - 1;
      if (at < text_end) std::from_chars(at, text_end, last);
      if (begin >= content.size()) {
        headers.emplace_back("Content-Range", "bytes */" + std::to_string(content.size()));
        return reply.send(416, headers, "");
      }
      end = std::min(last + 1, content.size());
      status = 206;
      const size_t said = begin + (faults.wrong_ranges ? 1 : 0);
      headers.emplace_back("Content-Range", "bytes " + std::to_string(said) + "-" +
                                                std::to_string(end - 1) + "/" +
                                                std::to_string(content.size()));
    }
    std::string body = content.substr(begin, end - begin);
    if (faults.sends_more) body += "more";
    const bool plain = !cut && faults.delay.count() == 0 && !faults.sends_more;
    if (plain || request.method == "HEAD") return reply.send(status, headers, std::move(body));
    reply.start(status, headers);
    const size_t stop = std::min(cut.value_or(body.size()), body.size());
    for (size_t at = 0; at < stop; at += 65536) {
      std::this_thread::sleep_for(faults.delay);
      if (!reply.write(body.substr(at, std::min<size_t>(65536, stop - at)))) return reply.abort();
    }
    if (!cut) return reply.finish();
    // What was written must be on its way before the connection is cut.
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    reply.abort();
  }

  const std::string id_;
  std::string commit_ = "0123456789abcdef0123456789abcdef01234567";
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::unique_ptr<net::HttpServer> hub_, links_;
};

}  // namespace glmv::hub
