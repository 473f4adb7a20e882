#pragma once
// Where the hub and the cache are: what huggingface_hub reads from the environment, read the same.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "glmv/base/result.h"
#include "glmv/net/url.h"

namespace glmv::hub {

struct HubOptions {
  net::Url endpoint;             // HF_ENDPOINT; a path in it stands before every other
  std::string token;             // HF_TOKEN, or the token file; empty: none
  std::filesystem::path cache;   // HF_HUB_CACHE, else hub/ below HF_HOME
  bool offline = false;          // HF_HUB_OFFLINE: nothing is asked
  std::string ca_file;           // SSL_CERT_FILE
  int num_connections = 8;       // to fetch one file
  int64_t part_bytes = 8 << 20;  // what one connection fetches at a time; so much of each is held
  std::chrono::milliseconds retry_delay{1000};         // doubled with each failure in a row
  std::chrono::milliseconds max_retry_after{300'000};  // a hub that asks for more ends it
  std::chrono::milliseconds stall_timeout{30'000};     // without a byte

  // Whether the token may go there: the endpoint's host, by https or within this machine.
  bool sends_token_to(const net::Url& url) const;
};

// Variable of the environment; nullptr where it is not set.
using Environment = std::function<const char*(const char* name)>;

// `endpoint`: instead of HF_ENDPOINT, empty: none. Errors: invalid_argument (an endpoint that is no
// URL, a token that cannot stand in a header), not_found (no home).
Result<HubOptions> hub_options(const Environment& environment, const std::string& endpoint = {});
Result<HubOptions> hub_options(const std::string& endpoint = {});  // of this process

}  // namespace glmv::hub
