#pragma once
// The bytes of one file, in order, fetched by several connections at once.
//
// The file is cut into parts. The part at the front goes straight on to its reader, later ones are
// held in memory until their turn comes; what was read is therefore the beginning of the file
// without holes at any time, which is what another try, or another program, can go on from. A
// server that does not know ranges is read by one connection, and what is there already is skipped.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/hub/hub_client.h"
#include "glmv/hub/retry.h"

namespace glmv::hub {

class RangedDownload {
 public:
  // Takes the next bytes. An error ends the download.
  using Reader = std::function<Result<void>(std::string_view bytes)>;
  // So many bytes are here: read, or held until their turn comes.
  using Progress = std::function<void(int64_t bytes)>;
  // Where the file is now, when its address has run out.
  using Locate = std::function<Result<RemoteBlob>()>;

  RangedDownload(HubClient& client, const RepoName& repo, const std::string& name, RemoteBlob blob,
                 Locate locate);
  ~RangedDownload();
  RangedDownload(const RangedDownload&) = delete;
  RangedDownload& operator=(const RangedDownload&) = delete;

  // Reads from byte `from` to the end. Errors: those of `reader`; unavailable (no answer after many
  // tries, other bytes than asked for); cancelled. What was read stays good.
  Result<void> run(int64_t from, const Reader& reader, const Progress& progress);
  // The content changed while it was fetched: what was read is of no use.
  bool changed() const { return changed_; }

 private:
  struct Part {
    int64_t begin = 0, end = 0;
    int64_t received = 0;
    std::string held;  // not yet read, because others come first
    int id = 0;        // of its transfer; 0: none runs
    int64_t skip = 0;  // bytes that come but were read before
    std::chrono::steady_clock::time_point not_before;
  };
  using Problem = std::optional<Status>;

  void plan_parts();
  // Of two seconds of one connection, so that a stop does not cost more than that.
  int64_t next_part_bytes() const;
  void start(Part& part);
  bool on_head(Part& part, const net::TransferHead& head);
  bool on_body(Part& part, std::string_view bytes);
  void read(std::string_view bytes);
  void pass_on();
  Result<void> on_end(const net::TransferEnd& end);
  Result<void> on_refusal(Part& part, const net::TransferHead& head);
  Result<void> try_later(Part& part, const std::string& reason, const net::TransferHead& head);
  void cancel_all();
  void fail(Status problem);

  HubClient& client_;
  const RepoName& repo_;
  const std::string name_;
  RemoteBlob blob_;
  Locate locate_;
  const Reader* reader_ = nullptr;
  const Progress* progress_ = nullptr;
  std::chrono::steady_clock::time_point begin_;
  int64_t received_ = 0;  // in this run
  int64_t held_ = 0;      // of all parts
  Retries retries_;
  std::deque<Part> parts_;
  int64_t next_part_ = 0;  // where the next part begins
  int64_t read_ = 0;       // bytes that the reader has
  bool whole_ = false;     // one connection, without ranges
  bool ignores_ranges_ = false;
  bool changed_ = false;
  int num_redirects_ = 0;
  std::string body_etag_, body_host_;
  Problem problem_;
};

// "bytes 5-9/10" as {5, 10}; -1 where the length is "*". nullopt: no such header.
std::optional<std::pair<int64_t, int64_t>> parse_content_range(std::string_view text);

}  // namespace glmv::hub
