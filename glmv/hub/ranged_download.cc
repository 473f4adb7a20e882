#include "glmv/hub/ranged_download.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace glmv::hub {
namespace {

constexpr int kMaxRedirects = 5;

using Clock = std::chrono::steady_clock;

// Takes a number off the front of the text.
std::optional<int64_t> take_number(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

std::optional<std::pair<int64_t, int64_t>> parse_content_range(std::string_view text) {
  if (!take(text, "bytes ")) return std::nullopt;
  const auto begin = take_number(text);
  if (!begin || !take(text, "-")) return std::nullopt;
  const auto last = take_number(text);
  if (!last || *last < *begin || !take(text, "/")) return std::nullopt;
  if (text == "*") return std::pair(*begin, int64_t{-1});
  const auto size = take_number(text);
  if (!size || !text.empty() || *size <= *last) return std::nullopt;
  return std::pair(*begin, *size);
}

RangedDownload::RangedDownload(HubClient& client, const RepoName& repo, const std::string& name,
                               RemoteBlob blob, Locate locate)
    : client_(client),
      repo_(repo),
      name_(name),
      blob_(std::move(blob)),
      locate_(std::move(locate)),
      retries_(client.options()) {}

RangedDownload::~RangedDownload() { cancel_all(); }

void RangedDownload::cancel_all() {
  for (Part& part : parts_) {
    if (part.id != 0) client_.transfers().cancel(part.id);
  }
  parts_.clear();
  held_ = 0;
}

void RangedDownload::fail(Status problem) {
  if (!problem_) problem_ = std::move(problem);
}

Result<void> RangedDownload::run(int64_t from, const Reader& reader, const Progress& progress) {
  reader_ = &reader;
  progress_ = &progress;
  begin_ = Clock::now();
  read_ = next_part_ = from;
  whole_ = from == 0 && blob_.size <= 2 * client_.options().part_bytes;
  while (read_ < blob_.size) {
    if (!client_.wanted()) return cancelled("stopped");
    plan_parts();
    for (Part& part : parts_) {
      if (part.id == 0 && part.received < part.end - part.begin &&
          Clock::now() >= part.not_before) {
        start(part);
      }
    }
    for (const net::TransferEnd& end : client_.transfers().wait(std::chrono::milliseconds(50))) {
      GLMV_RETURN_IF_ERROR(on_end(end));
    }
    if (problem_) return std::unexpected(*problem_);
  }
  return {};
}

int64_t RangedDownload::next_part_bytes() const {
  constexpr int64_t kLeastBytes = int64_t{1} << 20;
  const HubOptions& options = client_.options();
  const std::chrono::duration<double> spent = Clock::now() - begin_;
  const double rate = static_cast<double>(received_) / std::max(spent.count(), 0.1);
  const auto wanted = static_cast<int64_t>(2 * rate / std::max(options.num_connections, 1));
  return std::min(std::max(wanted, kLeastBytes), options.part_bytes);
}

void RangedDownload::plan_parts() {
  const HubOptions& options = client_.options();
  const size_t most = whole_ ? 1 : static_cast<size_t>(std::max(options.num_connections, 1));
  while (parts_.size() < most && next_part_ < blob_.size) {
    const int64_t end = whole_ ? blob_.size : std::min(next_part_ + next_part_bytes(), blob_.size);
    parts_.push_back({.begin = next_part_, .end = end});
    next_part_ = end;
  }
}

void RangedDownload::start(Part& part) {
  net::TransferRequest request{.url = blob_.location,
                               .headers = client_.headers_for(blob_.location)};
  request.stall_timeout = client_.options().stall_timeout;
  if (whole_) {
    part.skip = part.begin + part.received;  // read before; the answer begins with it again
  } else {
    request.headers.emplace_back(
        "Range", fmt::format("bytes={}-{}", part.begin + part.received, part.end - 1));
  }
  request.on_head = [this, &part](const net::TransferHead& head) { return on_head(part, head); };
  request.on_body = [this, &part](std::string_view bytes) { return on_body(part, bytes); };
  part.id = client_.transfers().start(std::move(request));
}

bool RangedDownload::on_head(Part& part, const net::TransferHead& head) {
  if (head.status != 200 && head.status != 206) return false;
  // The same content all the time: at the hub it has the blob's name, elsewhere any, but one.
  const std::string etag(head.header("etag"));
  if (!etag.empty()) {
    if (blob_.location.host == body_host_ && etag != body_etag_) changed_ = true;
    body_host_ = blob_.location.host;
    body_etag_ = etag;
  }
  if (changed_) {
    fail({Code::kUnavailable, fmt::format("{} changed while it was fetched", shown(name_))});
    return false;
  }
  if (head.status == 200) {
    if (!whole_) {
      ignores_ranges_ = true;
      return false;
    }
    const std::string expected = std::to_string(blob_.size);
    const std::string_view length = head.header("content-length");
    if (length.empty() || length == expected) return true;
    fail({Code::kUnavailable,
          fmt::format("{} sends {} bytes of {}, which should have {}", blob_.location.host,
                      shown(length), shown(name_), expected)});
    return false;
  }
  const auto range = parse_content_range(head.header("content-range"));
  const bool fits = !whole_ && range && range->first == part.begin + part.received &&
                    (range->second == blob_.size || range->second == -1);
  if (!fits) {
    fail({Code::kUnavailable,
          fmt::format("{} sends other bytes of {} than were asked for (\"{}\")",
                      blob_.location.host, shown(name_), shown(head.header("content-range")))});
  }
  return fits;
}

bool RangedDownload::on_body(Part& part, std::string_view bytes) {
  if (part.skip > 0) {
    const size_t skipped = std::min(bytes.size(), static_cast<size_t>(part.skip));
    part.skip -= static_cast<int64_t>(skipped);
    bytes.remove_prefix(skipped);
  }
  if (bytes.empty()) return true;
  if (static_cast<int64_t>(bytes.size()) > part.end - part.begin - part.received) {
    fail({Code::kUnavailable, fmt::format("{} sends more bytes of {} than were asked for",
                                          blob_.location.host, shown(name_))});
    return false;
  }
  part.received += static_cast<int64_t>(bytes.size());
  received_ += static_cast<int64_t>(bytes.size());
  retries_.progress();
  num_redirects_ = 0;
  if (&part == &parts_.front()) {
    read(bytes);
  } else {
    part.held += bytes;
    held_ += static_cast<int64_t>(bytes.size());
  }
  (*progress_)(read_ + held_);
  return !problem_;
}

void RangedDownload::read(std::string_view bytes) {
  if (auto result = (*reader_)(bytes); !result) return fail(std::move(result.error()));
  read_ += static_cast<int64_t>(bytes.size());
}

// What was held behind the front, once the front is done.
void RangedDownload::pass_on() {
  while (!parts_.empty() && !problem_) {
    Part& front = parts_.front();
    if (!front.held.empty()) {
      held_ -= static_cast<int64_t>(front.held.size());
      read(front.held);
      front.held = {};
    }
    if (front.received < front.end - front.begin || front.id != 0) return;
    parts_.pop_front();
  }
}

Result<void> RangedDownload::on_end(const net::TransferEnd& end) {
  const auto found = std::ranges::find(parts_, end.id, &Part::id);
  if (found == parts_.end()) return {};  // cancelled in the meantime
  Part& part = *found;
  part.id = 0;
  if (problem_) return std::unexpected(*problem_);
  if (ignores_ranges_ && !whole_) {
    cancel_all();
    whole_ = true;
    parts_.push_back({.begin = 0, .end = blob_.size, .received = read_});
    next_part_ = blob_.size;
    return {};
  }
  const int status = end.head.status;
  const bool got_bytes = status == 200 || status == 206;
  if (status != 0 && !got_bytes) return on_refusal(part, end.head);
  pass_on();
  if (problem_) return std::unexpected(*problem_);
  const bool left =
      std::ranges::any_of(parts_, [&part](const Part& one) { return &one == &part; }) &&
      part.received < part.end - part.begin;
  if (!left) return {};
  return try_later(part, end.complete ? "the answer is too short" : end.problem, end.head);
}

Result<void> RangedDownload::on_refusal(Part& part, const net::TransferHead& head) {
  if (is_redirect(head.status)) {
    if (++num_redirects_ > kMaxRedirects * client_.options().num_connections) {
      return unavailable("{} leads from one address to the next without end", blob_.location.host);
    }
    GLMV_ASSIGN(blob_.location, follow(blob_.location, head));
    return {};
  }
  if (is_passing(head.status)) {
    return try_later(part, fmt::format("answer {}", head.status), head);
  }
  // A signed address runs out after a while; the hub gives a new one.
  const bool ran_out = head.status == 401 || head.status == 403 || head.status == 404 ||
                       head.status == 410 || head.status == 400;
  if (ran_out && client_.headers_for(blob_.location).empty()) {
    const auto delay = retries_.failed();
    if (!delay) return std::unexpected(client_.status_of(repo_, name_, head));
    part.not_before = Clock::now() + *delay;
    GLMV_ASSIGN(RemoteBlob fresh, locate_());
    if (fresh.etag != blob_.etag || fresh.size != blob_.size) {
      changed_ = true;
      return unavailable("{} changed while it was fetched", shown(name_));
    }
    if (fresh.location.host != blob_.location.host) body_host_.clear();
    blob_.location = std::move(fresh.location);
    return {};
  }
  return std::unexpected(client_.status_of(repo_, name_, head));
}

Result<void> RangedDownload::try_later(Part& part, const std::string& reason,
                                       const net::TransferHead& head) {
  const auto asked = retry_after(head.header("retry-after"));
  const auto delay = retries_.failed(asked);
  if (!delay) {
    if (is_passing(head.status)) return std::unexpected(client_.status_of(repo_, name_, head));
    return unavailable(
        "{}: {} of {} bytes of {} came, then: {}; the same command goes on from there",
        blob_.location.host, read_, blob_.size, shown(name_), reason);
  }
  part.not_before = Clock::now() + *delay;
  client_.note(fmt::format("{}: {}: {}; next try in {:.0f} s", blob_.location.host, shown(name_),
                           reason, std::ceil(static_cast<double>(delay->count()) / 1000)));
  return {};
}

}  // namespace glmv::hub
