#include "apps/glmv/bench_runs.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "apps/glmv/command.h"
#include "glmv/base/random.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/position_ids.h"

namespace glmv::app {
namespace {

constexpr int64_t kMaxSide = 1 << 16;

runtime::Request make_request(int64_t num_new_tokens) {
  runtime::Request request;
  request.sampling.temperature = 0;
  request.stop.max_new_tokens = num_new_tokens;
  request.stop.ignore_eos = true;
  return request;
}

void add_random_ids(processing::ModelInput& input, int64_t num, int64_t vocab_size,
                    Random& random) {
  for (int64_t i = 0; i < num; ++i) {
    input.input_ids.push_back(static_cast<int32_t>(random.below(vocab_size)));
    input.mm_token_types.push_back(0);
  }
}

runtime::Request text_request(const checkpoint::ModelConfig& config, int64_t num_prompt,
                              int64_t num_generated, Random& random) {
  runtime::Request request = make_request(num_generated);
  add_random_ids(request.input, num_prompt, config.text.vocab_size, random);
  return request;
}

Result<runtime::Request> picture_request(const checkpoint::ModelConfig& config,
                                         const BenchPicture& picture, Random& random) {
  runtime::Request request = make_request(1);
  processing::ModelInput& input = request.input;
  add_random_ids(input, 1, config.text.vocab_size, random);
  const int64_t image_id =
      std::clamp<int64_t>(config.image_token_id, 0, config.text.vocab_size - 1);
  input.input_ids.insert(input.input_ids.end(), picture.num_tokens, static_cast<int32_t>(image_id));
  input.mm_token_types.insert(input.mm_token_types.end(), picture.num_tokens, 1);
  processing::Medium medium;
  medium.grid = picture.grid;
  medium.width = picture.width;
  medium.height = picture.height;
  medium.patches.resize(picture.grid.num_patches() * config.vision.patch_dim());
  // The range of normalised pixels.
  for (float& value : medium.patches) value = static_cast<float>(random.uniform() * 4 - 2);
  input.media.push_back(std::move(medium));
  GLMV_RETURN_IF_ERROR(processing::set_position_ids(input, config.vision.spatial_merge_size));
  return request;
}

// The last event. With `stop_after_media` the request ends once its prompt begins to be read (part
// of which cannot be prevented).
Result<runtime::TokenEvent> wait_for_end(runtime::Engine& engine, runtime::Request request,
                                         bool stop_after_media) {
  GLMV_ASSIGN(const auto stream, engine.submit(std::move(request)));
  bool stopping = false;
  while (true) {
    runtime::TokenEvent event = stream->next();
    if (event.error) return std::unexpected(*event.error);
    if (event.finish != runtime::FinishReason::kNone) {
      if (interrupted()) return cancelled("interrupted");
      return event;
    }
    const bool media_done =
        event.progress && event.progress->phase == runtime::Phase::kPrefill && stop_after_media;
    if (!stopping && (media_done || interrupted())) {
      stopping = true;
      engine.cancel(stream->id());
    }
  }
}

// Milliseconds of a step that decodes one token of each of plan.num_together sequences, over the
// steps in which all of them took part.
Result<double> time_together(runtime::Engine& engine, int64_t num_prompt, const BenchPlan& plan,
                             Random& random) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::unique_ptr<runtime::TokenStream>> streams;
  for (int64_t i = 0; i < plan.num_together; ++i) {
    GLMV_ASSIGN(auto stream, engine.submit(text_request(engine.config(), num_prompt,
                                                        plan.num_generated, random)));
    streams.push_back(std::move(stream));
  }
  std::vector<std::vector<Clock::time_point>> arrivals(streams.size());
  std::vector<Result<void>> ends(streams.size());
  {
    std::vector<std::jthread> readers;
    for (size_t i = 0; i < streams.size(); ++i) {
      readers.emplace_back([&, i] {
        while (true) {
          const runtime::TokenEvent event = streams[i]->next();
          if (event.token_id) arrivals[i].push_back(Clock::now());
          if (interrupted()) engine.cancel(streams[i]->id());
          if (event.error) ends[i] = std::unexpected(*event.error);
          if (event.error || event.finish != runtime::FinishReason::kNone) return;
        }
      });
    }
  }
  if (interrupted()) return cancelled("interrupted");
  for (const auto& end : ends) GLMV_RETURN_IF_ERROR(end);
  Clock::time_point begin = arrivals[0].front(), finish = arrivals[0].back();
  for (const auto& times : arrivals) {
    begin = std::max(begin, times.front());
    finish = std::min(finish, times.back());
  }
  int64_t num_tokens = 0;
  for (const auto& times : arrivals) {
    num_tokens += std::ranges::count_if(times, [&](auto t) { return t > begin && t <= finish; });
  }
  if (num_tokens < 2 * plan.num_together) {
    return invalid_argument(
        "{} sequences with prompts of {} tokens were hardly decoded together: "
        "ask for longer answers than --gen {} or shorter prompts",
        plan.num_together, num_prompt, plan.num_generated);
  }
  const double ms = std::chrono::duration<double, std::milli>(finish - begin).count();
  return ms * double(plan.num_together) / double(num_tokens);
}

}  // namespace

double Series::min() const {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

double Series::median() const {
  if (values.empty()) return 0;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

Result<std::optional<BenchPicture>> parse_picture(const std::string& text,
                                                  const processing::ProcessorConfig& processor,
                                                  const checkpoint::VisionConfig& vision) {
  if (text == "none") return std::nullopt;
  BenchPicture picture;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, picture.width);
  const bool has_width = width.ec == std::errc{} && width.ptr != end && *width.ptr == 'x';
  const char* rest = has_width ? width.ptr + 1 : end;
  const auto height = std::from_chars(rest, end, picture.height);
  if (!has_width || height.ec != std::errc{} || height.ptr != end || picture.width < 1 ||
      picture.height < 1 || picture.width > kMaxSide || picture.height > kMaxSide) {
    return invalid_argument("--image \"{}\": write WIDTHxHEIGHT, as in 1024x1024, or none", text);
  }
  const int64_t merge = vision.spatial_merge_size;
  processing::ResizeLimits limits = processor.image.limits();
  limits.factor = vision.patch_size * merge;
  limits.temporal_factor = vision.temporal_patch_size;
  GLMV_ASSIGN(
      const processing::FrameSize size,
      processing::smart_resize(limits.temporal_factor, picture.height, picture.width, limits));
  picture.grid = {1, size.height / vision.patch_size, size.width / vision.patch_size};
  picture.num_tokens = picture.grid.num_patches() / (merge * merge);
  return picture;
}

Result<BenchTimes> run_bench(runtime::Engine& engine, const BenchPlan& plan) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const auto progress = [&](int run, const std::string& what) {
    if (!terminal) return;
    const std::string name =
        run < 0 ? "warm-up" : fmt::format("run {} of {}", run + 1, plan.num_runs);
    fmt::print(stderr, "\r\033[K{}: {}", name, what);
  };
  Random random(0);
  BenchTimes times;
  for (const int64_t num_prompt : plan.prompts) {
    times.texts.push_back({.num_prompt = num_prompt, .num_together = plan.num_together});
  }
  // The first round, number -1, compiles kernels and touches memory for the first time: not
  // counted.
  for (int run = -1; run < plan.num_runs; ++run) {
    for (TextTimes& text : times.texts) {
      progress(run, fmt::format("prompt of {}", text.num_prompt));
      GLMV_ASSIGN(
          const runtime::TokenEvent end,
          wait_for_end(engine,
                       text_request(engine.config(), text.num_prompt, plan.num_generated, random),
                       false));
      text.num_decoded = end.usage.completion_tokens - 1;
      double step_ms = 0;
      if (plan.num_together > 1) {
        progress(run, fmt::format("{} prompts of {}", plan.num_together, text.num_prompt));
        GLMV_ASSIGN(step_ms, time_together(engine, text.num_prompt, plan, random));
      }
      if (run < 0) continue;
      text.prefill_ms.values.push_back(end.timings.prefill_ms);
      if (text.num_decoded > 0) text.decode_ms.values.push_back(end.timings.decode_ms);
      if (plan.num_together > 1) text.step_ms.values.push_back(step_ms);
    }
    if (!plan.picture) continue;
    progress(run, "picture");
    GLMV_ASSIGN(runtime::Request request, picture_request(engine.config(), *plan.picture, random));
    GLMV_ASSIGN(const runtime::TokenEvent end, wait_for_end(engine, std::move(request), true));
    if (run >= 0) times.vision_ms.values.push_back(end.timings.vision_ms);
  }
  if (terminal) fmt::print(stderr, "\r\033[K");
  return times;
}

}  // namespace glmv::app
