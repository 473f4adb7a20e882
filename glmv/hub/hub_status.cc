// What a hub's refusals mean for the one who asked.

#include "glmv/hub/hub_client.h"
#include "glmv/hub/retry.h"

namespace glmv::hub {
namespace {

// Where the one who asks may agree to the terms.
std::string page_of(const HubOptions& options, const RepoName& repo) {
  return options.endpoint.text() + "/" + repo.id();
}

std::string token_advice(const HubOptions& options) {
  if (options.token.empty()) {
    return "no token was sent: put one into HF_TOKEN, or into the file \"token\" of HF_HOME";
  }
  if (!options.sends_token_to(options.endpoint)) {
    return "the token was not sent, because the endpoint is not https";
  }
  return "the token that was sent does not allow it";
}

}  // namespace

Status HubClient::status_of(const RepoName& repo, const std::string& what,
                            const net::TransferHead& head) const {
  const std::string_view error = head.header("x-error-code");
  const std::string hub = options_.endpoint.host;
  const std::string file = what.empty() ? "" : shown(what) + " of ";
  std::string said = shown(head.header("x-error-message"));
  if (!said.empty()) said = fmt::format(" (\"{}\")", said);
  const auto say = [](Code code, std::string text) { return Status{code, std::move(text)}; };
  if (error == "GatedRepo") {
    return say(
        Code::kUnavailable,
        fmt::format("{} is gated: agree to its terms at {} with your account, then pull with "
                    "its token; {}{}",
                    repo.id(), page_of(options_, repo), token_advice(options_), said));
  }
  if (error == "RevisionNotFound") {
    return say(Code::kNotFound, fmt::format("{} has no revision \"{}\" at {}", repo.id(),
                                            shown(repo.revision), hub));
  }
  if (error == "EntryNotFound") {
    return say(Code::kNotFound, fmt::format("{} has no file {} any more; pull again to see what it "
                                            "has",
                                            repo.id(), shown(what)));
  }
  if (head.status == 404 || error == "RepoNotFound") {
    return say(Code::kNotFound,
               fmt::format("{}{} is not at {}: check the name; a private model is shown only to a "
                           "token that may see it; {}",
                           file, repo.id(), hub, token_advice(options_)));
  }
  if (head.status == 401) {  // also the answer for names that do not exist
    return say(
        Code::kNotFound,
        fmt::format("{} shows no {} to everybody: check the name; if it is private or gated, "
                    "a token is needed; {}{}",
                    hub, repo.id(), token_advice(options_), said));
  }
  if (head.status == 403) {
    return say(Code::kUnavailable, fmt::format("{} refuses {}{}; {}{}", hub, file, repo.id(),
                                               token_advice(options_), said));
  }
  if (head.status == 429) {
    const auto after = retry_after(head.header("retry-after"));
    return say(Code::kUnavailable,
               fmt::format("{} asks for fewer requests{}{}", hub,
                           after ? fmt::format("; try again in {} s", after->count() / 1000)
                                 : "; try again later",
                           options_.token.empty() ? ", or with a token (HF_TOKEN)" : ""));
  }
  return say(Code::kUnavailable,
             fmt::format("{} answers {} for {}{}{}{}", hub, head.status, file, repo.id(), said,
                         head.status >= 500 ? "; try again later" : ""));
}

}  // namespace glmv::hub
