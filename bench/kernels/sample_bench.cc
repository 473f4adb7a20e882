// Milliseconds to choose a token from 151,552 logits, by kind of distribution and of sampling.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "glmv/runtime/sampler.h"

namespace {

using glmv::Random;
using glmv::runtime::SamplingParams;

double median_ms(const std::function<void()>& call) {
  std::vector<double> times;
  for (int i = 0; i < 15; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace

int main() {
  struct Case {
    std::string name;
    SamplingParams params;
  };
  const std::vector<Case> cases = {
      {"greedy", {.temperature = 0}},  {"top-p 0.6, top-k 2", {.top_p = 0.6, .top_k = 2}},
      {"top-k 50", {.top_k = 50}},     {"top-p 0.95", {.top_p = 0.95}},
      {"min-p 0.05", {.min_p = 0.05}}, {"temperature 1", {}}};
  for (const double spread : {0.5, 2.0, 4.0}) {
    Random random(1);
    std::vector<float> logits(151552);
    for (float& logit : logits) logit = static_cast<float>(random.normal() * spread);
    if (spread > 3) logits[777] = 30;
    fmt::print("logits of deviation {}{}\n", spread, spread > 3 ? ", one far above" : "");
    for (const Case& c : cases) {
      glmv::runtime::Sampler sampler(c.params, 7);
      const double ms = median_ms([&] {
        if (!glmv::runtime::check_logits(logits) || sampler.sample(logits) < 0) std::abort();
      });
      fmt::print("  {:<20} {:8.3f} ms\n", c.name, ms);
    }
    const double ms = median_ms([&] { glmv::runtime::logprobs_of(logits, 5, 20); });
    fmt::print("  {:<20} {:8.3f} ms\n", "20 log-probabilities", ms);
  }
}
