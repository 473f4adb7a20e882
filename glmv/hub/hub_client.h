#pragma once
// What is asked of a hub: the list of a model's files, and where each one lies. Redirects are
// followed here; the token goes to the hub alone.

#include <functional>
#include <string>

#include "glmv/base/result.h"
#include "glmv/hub/content_digest.h"
#include "glmv/hub/hub_options.h"
#include "glmv/hub/listing.h"
#include "glmv/hub/repo_name.h"
#include "glmv/net/transfers.h"

namespace glmv::hub {

struct RemoteBlob {
  std::string etag;  // a good name of a blob
  int64_t size = 0;
  ExpectedDigest digest;
  net::Url location;   // where its bytes are: at the hub, or signed for a while elsewhere
  std::string commit;  // of X-Repo-Commit
};

bool is_redirect(int status);
// Where a redirect leads. Errors: invalid_argument (no URL), unavailable (from https to http).
Result<net::Url> follow(const net::Url& from, const net::TransferHead& head);

class HubClient {
 public:
  // `wanted` is asked often; false ends what runs (cancelled). `on_note`: what is tried again.
  HubClient(HubOptions options, std::function<bool()> wanted,
            std::function<void(const std::string&)> on_note);

  // Errors: not_found (model, revision, or no right to see it), unavailable (gated, no answer),
  // resource_exhausted (too long), invalid_argument (nonsense), cancelled.
  Result<RepoListing> list(const RepoName& repo);
  // `commit` of the listing, `listed` one of its files.
  Result<RemoteBlob> locate(const RepoName& repo, const std::string& commit,
                            const RemoteFile& listed);

  void note(const std::string& text) const {
    if (on_note_) on_note_(text);
  }
  // Waits that long unless it is not wanted any more.
  Result<void> pause(std::chrono::milliseconds delay, const std::string& reason);
  net::HttpHeaders headers_for(const net::Url& url) const;
  // What an answer other than success means, said for people. `what`: "config.json".
  Status status_of(const RepoName& repo, const std::string& what,
                   const net::TransferHead& head) const;

  const HubOptions& options() const { return options_; }
  net::Transfers& transfers() { return transfers_; }
  bool wanted() const { return !wanted_ || wanted_(); }

 private:
  struct Answer {
    net::TransferHead head;
    net::Url url;
    std::string body;
  };
  net::Url hub_url(const std::string& path, const std::string& query = {}) const;
  // One request, without retries; nullopt body limits are errors.
  Result<net::TransferEnd> ask_once(const net::Url& url, bool head_only, std::string& body);
  // With retries and redirects. Of a HEAD, the first answer that says what a file is ends it.
  Result<Answer> ask(const RepoName& repo, const std::string& what, net::Url url, bool head_only);

  HubOptions options_;
  std::function<bool()> wanted_;
  std::function<void(const std::string&)> on_note_;
  net::Transfers transfers_;  // of the bytes of files
  net::Transfers questions_;  // apart, so that waiting for an answer takes no end from those
};

}  // namespace glmv::hub
