#include "glmv/server/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

namespace glmv::server {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// On a CPU the first token of a long prompt takes minutes: long tails.
const Buckets kRequestSeconds = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                 30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
const Buckets kFirstTokenSeconds = {0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28,
                                    2.5,   5,     10,   20,   40,   80,   160,  320,  640,  2560};
const Buckets kTokenSeconds = {0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 1, 2, 5};

}  // namespace

prometheus::Family<prometheus::Counter>& Metrics::counters(const char* name, const char* help) {
  return prometheus::BuildCounter()
      .Name(prefix_ + ":" + name)
      .Help(help)
      .Labels(labels_)
      .Register(registry_);
}

prometheus::Histogram& Metrics::histogram(const char* name, const char* help,
                                          const Buckets& buckets) {
  return prometheus::BuildHistogram()
      .Name(prefix_ + ":" + name)
      .Help(help)
      .Labels(labels_)
      .Register(registry_)
      .Add({}, buckets);
}

Metrics::Metrics(std::string prefix, std::string model, std::shared_ptr<const AccessLog> log)
    : prefix_(std::move(prefix)),
      labels_{{"model_name", std::move(model)}},
      log_(std::move(log)),
      successes_(counters("request_success_total", "Requests that ended, by reason")),
      errors_(counters("request_errors_total", "Requests that were refused or failed, by code")),
      media_(
          counters("media_rejected_total", "Requests refused for a picture or video, by reason")),
      cancelled_(counters("requests_cancelled_total", "Requests whose client went away").Add({})),
      rejected_(counters("admission_rejections_total",
                         "Requests refused because the queue was full or "
                         "the server was ending")
                    .Add({})),
      forced_(
          counters("thinking_budget_forced_total", "Replies whose thought was ended by its budget")
              .Add({})),
      loops_(
          counters("loop_stopped_total", "Replies that were stopped because they went in circles")
              .Add({})),
      first_token_s_(histogram("time_to_first_token_seconds", "From the request to the first token",
                               kFirstTokenSeconds)),
      token_s_(histogram("inter_token_latency_seconds", "Between tokens, the mean of a request",
                         kTokenSeconds)),
      whole_s_(
          histogram("e2e_request_latency_seconds", "From the request to the end", kRequestSeconds)),
      queue_s_(
          histogram("request_queue_time_seconds", "Before the prompt was begun", kRequestSeconds)),
      prefill_s_(histogram("request_prefill_time_seconds", "Pictures and prompt", kRequestSeconds)),
      decode_s_(
          histogram("request_decode_time_seconds", "Tokens after the first", kRequestSeconds)) {}

void Metrics::add_reply(const api::ChatReply& reply, double seconds) {
  if (reply.finish_reason == "cancelled") return cancelled_.Increment();
  successes_.Add({{"finished_reason", reply.finish_reason}}).Increment();
  if (reply.usage.forced_tokens > 0) forced_.Increment();
  if (reply.finish_reason == "repetition") loops_.Increment();
  const api::ChatTimings& t = reply.timings;
  first_token_s_.Observe(t.time_to_first_token_ms / 1000);
  whole_s_.Observe(seconds);
  queue_s_.Observe(t.queue_ms / 1000);
  prefill_s_.Observe((t.vision_ms + t.prefill_ms) / 1000);
  decode_s_.Observe(t.decode_ms / 1000);
  if (reply.usage.completion_tokens > 1) {
    token_s_.Observe(t.decode_ms / 1000 / static_cast<double>(reply.usage.completion_tokens - 1));
  }
}

void Metrics::add_error(const std::string& code) {
  errors_.Add({{"code", code}}).Increment();
  if (code == "queue_full" || code == "draining") rejected_.Increment();
  constexpr std::string_view kMedia = "media_";
  if (code.starts_with(kMedia)) media_.Add({{"reason", code.substr(kMedia.size())}}).Increment();
}

namespace {

using Families = std::vector<prometheus::MetricFamily>;

// Adds what the model's service counts.
class ModelFamilies {
 public:
  ModelFamilies(const std::string& prefix, const prometheus::Labels& labels, Families& families)
      : prefix_(prefix), labels_(labels), families_(families) {}

  void gauge(const char* name, const char* help, double value) {
    prometheus::ClientMetric metric = labelled();
    metric.gauge.value = value;
    add(name, help, prometheus::MetricType::Gauge, std::move(metric));
  }
  void counter(const char* name, const char* help, double value) {
    prometheus::ClientMetric metric = labelled();
    metric.counter.value = value;
    add(name, help, prometheus::MetricType::Counter, std::move(metric));
  }
  void counter(const char* name, const char* help, int64_t value) {
    counter(name, help, static_cast<double>(value));
  }
  // Says what it says by its labels.
  void info(const char* name, const char* help,
            const std::vector<std::pair<const char*, int64_t>>& labels) {
    prometheus::ClientMetric metric = labelled();
    for (const auto& [key, value] : labels) metric.label.push_back({key, std::to_string(value)});
    metric.gauge.value = 1;
    add(name, help, prometheus::MetricType::Gauge, std::move(metric));
  }

 private:
  prometheus::ClientMetric labelled() const {
    prometheus::ClientMetric metric;
    for (const auto& [key, label] : labels_) metric.label.push_back({key, label});
    return metric;
  }
  void add(const char* name, const char* help, prometheus::MetricType type,
           prometheus::ClientMetric metric) {
    families_.push_back({prefix_ + ":" + name, help, type, {std::move(metric)}});
  }

  const std::string& prefix_;
  const prometheus::Labels& labels_;
  Families& families_;
};

void add_model(const api::ModelMetrics& m, ModelFamilies& to) {
  to.info("cache_config_info", "The key/value cache; gateways read its labels",
          {{"block_size", m.cache_block_tokens}, {"num_gpu_blocks", m.cache_blocks}});
  to.gauge("num_requests_running", "Requests in the batch", static_cast<double>(m.num_running));
  to.gauge("num_requests_waiting", "Requests in the queue", static_cast<double>(m.num_waiting));
  to.gauge("kv_cache_usage_perc", "Share of the key/value cache that requests hold, 0 to 1",
           static_cast<double>(m.used_cache_blocks) /
               static_cast<double>(std::max<int64_t>(1, m.cache_blocks)));
  to.counter("prompt_tokens_total", "Prompt tokens fed to the model", m.prompt_tokens);
  to.counter("generation_tokens_total", "Tokens generated", m.generated_tokens);
  to.counter("prompt_tokens_cached_total", "Prompt tokens found in the cache", m.cached_tokens);
  to.counter("prefix_cache_queries_total", "Prompt tokens looked up in the cache",
             m.prompt_tokens + m.cached_tokens);
  to.counter("prefix_cache_hits_total", "Of these, found", m.cached_tokens);
  to.counter("mm_cache_queries_total", "Pictures and videos looked up among those read before",
             m.media_cache_queries);
  to.counter("mm_cache_hits_total", "Of these, found", m.media_cache_hits);
  to.counter("encoder_seconds_total", "Time that pictures took in the vision tower",
             m.encoder_seconds);
  to.counter("encoder_cache_queries_total", "Pictures looked up among the encoded ones",
             m.encoder_cache_queries);
  to.counter("encoder_cache_hits_total", "Of these, found", m.encoder_cache_hits);
  to.counter("num_preemptions_total", "Requests put back because the cache was full",
             m.num_preempted);
  to.counter("spec_decode_num_draft_tokens_total", "Tokens guessed by speculation",
             m.drafted_tokens);
  to.counter("spec_decode_num_accepted_tokens_total", "Of these, right", m.accepted_tokens);
  to.counter("engine_steps_total", "Steps of the engine", m.num_steps);
  to.gauge("engine_step_seconds", "How long the running step takes by now; 0: none runs",
           m.step_seconds);
  to.gauge("engine_alive", "1, or 0 when the engine has ended", m.engine_alive ? 1 : 0);
}

}  // namespace

std::string Metrics::text(const api::ModelService* service) const {
  Families families = registry_.Collect();
  ModelFamilies more(prefix_, labels_, families);
  if (service != nullptr) add_model(service->metrics(), more);
  if (log_ != nullptr) {
    more.counter("access_log_dropped_total", "Lines of the access log that were lost",
                 log_->num_dropped());
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace glmv::server
