#pragma once
// Counters for Prometheus: of the model from its service, of requests as they end. Names as vLLM's.

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/api/model_service.h"
#include "glmv/server/access_log.h"

namespace glmv::server {

// Thread-safe.
class Metrics {
 public:
  // `prefix`: "glmv", or "vllm" for gateways that know no other.
  // `log` may be null.
  Metrics(std::string prefix, std::string model, std::shared_ptr<const AccessLog> log);

  // A reply that came to its end, or was given up by its client.
  void add_reply(const api::ChatReply& reply, double seconds);
  void add_error(const std::string& code);

  // The exposition text, version 0.0.4. Null: there is no model yet, nothing is said of it.
  std::string text(const api::ModelService* service) const;

 private:
  using Histogram = prometheus::Histogram;

  prometheus::Family<prometheus::Counter>& counters(const char* name, const char* help);
  Histogram& histogram(const char* name, const char* help,
                       const Histogram::BucketBoundaries& buckets);

  const std::string prefix_;
  const prometheus::Labels labels_;
  const std::shared_ptr<const AccessLog> log_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& successes_;
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Family<prometheus::Counter>& media_;
  prometheus::Counter& cancelled_;
  prometheus::Counter& rejected_;
  prometheus::Counter& forced_;
  prometheus::Counter& loops_;
  Histogram& first_token_s_;
  Histogram& token_s_;
  Histogram& whole_s_;
  Histogram& queue_s_;
  Histogram& prefill_s_;
  Histogram& decode_s_;
};

}  // namespace glmv::server
