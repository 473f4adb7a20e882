#include "apps/glmv/plan_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/glmv/command.h"
#include "apps/glmv/model_parts.h"
#include "glmv/runtime/memory_check.h"

namespace glmv::app {
namespace {

struct Form {
  const char* name;
  const char* flags;
  int64_t element_bytes;
  int linear_bits;  // 0: as the elements
};
constexpr Form kForms[] = {{"float32", "--dtype float32", 4, 0},
                           {"bfloat16", "", 2, 0},
                           {"fp8", "an FP8 checkpoint", 2, 8},
                           {"int8", "--quant int8", 2, 8},
                           {"int4", "--quant int4", 2, 4}};

// What a block of the vision tower holds at once for every patch: rows, queries, keys, values and
// both halves of the gated product, in fp32.
int64_t picture_bytes(const PlanQuestion& question) {
  if (!question.largest_picture) return 0;
  const checkpoint::VisionConfig& vision = question.config.vision;
  const int64_t row =
      5 * vision.hidden_size + 2 * vision.block_intermediate_size + vision.patch_dim();
  return question.largest_picture->grid.num_patches() * row * static_cast<int64_t>(sizeof(float));
}

// Weights that are read for one token: all of a text token but the experts that it does not choose.
double read_share(const checkpoint::ModelConfig& config) {
  const auto sizes = part_sizes(config);
  const auto num_text = [&](Part part) {
    const auto it = sizes.find(part);
    return it == sizes.end() ? int64_t{0} : it->second.num_parameters;
  };
  const int64_t all = num_text(Part::kDecoder) + num_text(Part::kExperts) +
                      std::max(num_text(Part::kHead), num_text(Part::kEmbeddings));
  return static_cast<double>(active_text_parameters(config, sizes)) / static_cast<double>(all);
}

// Of the decoder and the head.
int64_t text_bytes(const checkpoint::ModelConfig& config, const Form& form) {
  const auto sizes = part_sizes(config);
  int64_t others = 0;  // that a text token does not read, in the elements of the form
  for (const Part part : {Part::kVision, Part::kProjector, Part::kEmbeddings}) {
    const auto it = sizes.find(part);
    const bool is_head = part == Part::kEmbeddings && config.text.tie_word_embeddings;
    if (it != sizes.end() && !is_head) others += it->second.num_parameters * form.element_bytes;
  }
  return runtime::memory_need(config, form.element_bytes, 1, form.linear_bits).weights_bytes -
         others;
}

void add_speed(const PlanQuestion& question, const Form& form, PlanRow& row) {
  if (!question.machine) return;
  const tensor::MachineLimits& machine = *question.machine;
  const double active =
      static_cast<double>(active_text_parameters(question.config, part_sizes(question.config)));
  const double gflops =
      form.element_bytes == 4
          ? machine.fp32_gflops
          : std::max({machine.bf16_gflops, machine.bf16_peak_gflops, machine.fp32_gflops});
  row.prefill_tokens_s = gflops * 1e9 / (2 * active);
  const double read =
      static_cast<double>(text_bytes(question.config, form)) * read_share(question.config) +
      static_cast<double>(row.cache_token_bytes * question.context_tokens) / 2;
  row.decode_tokens_s = machine.read_gb_s * 1e9 / read;
}

PlanRow make_row(const PlanQuestion& question, const Form& form, bool int8_cache) {
  const auto need = runtime::memory_need(question.config, form.element_bytes,
                                         question.context_tokens * question.num_requests,
                                         form.linear_bits, int8_cache);
  PlanRow row{.name = form.name, .flags = form.flags};
  if (int8_cache) {
    row.name += ", int8 cache";
    row.flags += std::string(row.flags.empty() ? "" : " ") + "--kv-cache-dtype int8";
  }
  row.weights_bytes = need.weights_bytes;
  row.cache_bytes = need.cache_bytes;
  row.cache_token_bytes = need.cache_bytes / std::max<int64_t>(need.cache_tokens, 1);
  row.work_bytes = need.work_bytes + picture_bytes(question);
  if (question.memory_bytes) {
    row.fits = row.total_bytes() <= *question.memory_bytes;
    const int64_t room = *question.memory_bytes - row.weights_bytes - row.work_bytes;
    row.max_tokens = std::max<int64_t>(0, room / std::max<int64_t>(row.cache_token_bytes, 1));
  }
  add_speed(question, form, row);
  return row;
}

Json row_json(const PlanRow& row, bool memory_known) {
  const auto number_or_null = [](double value) { return value > 0 ? Json(value) : Json(); };
  return {{"name", row.name},
          {"flags", row.flags},
          {"weights_bytes", row.weights_bytes},
          {"cache_bytes_per_token", row.cache_token_bytes},
          {"cache_bytes", row.cache_bytes},
          {"work_bytes", row.work_bytes},
          {"total_bytes", row.total_bytes()},
          {"fits", memory_known ? Json(row.fits) : Json()},
          {"max_cache_tokens", memory_known ? Json(row.max_tokens) : Json()},
          {"prefill_tokens_s_at_most", number_or_null(row.prefill_tokens_s)},
          {"decode_tokens_s_at_most", number_or_null(row.decode_tokens_s)}};
}

std::string speed_text(double tokens_s) {
  if (tokens_s <= 0) return "-";
  return tokens_s < 10 ? fmt::format("{:.1f}", tokens_s) : fmt::format("{:.0f}", tokens_s);
}

}  // namespace

std::vector<PlanRow> plan_rows(const PlanQuestion& question) {
  std::vector<PlanRow> rows;
  const auto add = [&](const Form& form) {
    for (const bool int8_cache : {false, true})
      rows.push_back(make_row(question, form, int8_cache));
  };
  if (question.stored_bits != 0) {
    add({"as stored", "", 2, question.stored_bits});
    return rows;
  }
  for (const Form& form : kForms) add(form);
  return rows;
}

std::vector<std::string> plan_advice(const PlanQuestion& question,
                                     const std::vector<PlanRow>& rows) {
  if (!question.memory_bytes)
    return {"the memory of this machine is not known: name it with --memory"};
  const std::string memory = bytes_text(static_cast<double>(*question.memory_bytes));
  // In its own precision, as it is loaded without flags.
  const auto plain =
      std::ranges::find_if(rows, [](const PlanRow& row) { return row.flags.empty(); });
  if (plain != rows.end() && plain->fits) {
    return {fmt::format(
        "fits in {} as it is, with {} to spare", memory,
        bytes_text(static_cast<double>(*question.memory_bytes - plain->total_bytes())))};
  }
  std::vector<std::string> advice = {fmt::format("does not fit in {} as it is", memory)};
  for (const PlanRow& row : rows) {
    if (!row.fits || row.flags.empty()) continue;
    advice.push_back(fmt::format("fits with {}", row.flags));
  }
  for (const PlanRow& row : rows) {
    if (row.fits || row.max_tokens < question.num_requests) continue;
    advice.push_back(fmt::format("fits with {}--ctx {}", row.flags.empty() ? "" : row.flags + " ",
                                 row.max_tokens / question.num_requests));
  }
  if (advice.size() == 1) {
    const auto smallest = std::ranges::min_element(rows, {}, &PlanRow::total_bytes);
    advice.push_back(fmt::format("needs {} at least ({})",
                                 bytes_text(double(smallest->total_bytes())), smallest->name));
  }
  return advice;
}

Json plan_json(const PlanQuestion& question, const std::vector<PlanRow>& rows) {
  const auto sizes = part_sizes(question.config);
  Json json = {{"model_type", question.config.model_type},
               {"parameters", num_parameters(sizes)},
               {"active_text_parameters", active_text_parameters(question.config, sizes)},
               {"context_tokens", question.context_tokens},
               {"requests", question.num_requests},
               {"memory_bytes", question.memory_bytes ? Json(*question.memory_bytes) : Json()},
               {"largest_picture", nullptr},
               {"machine", nullptr},
               {"rows", Json::array()},
               {"advice", plan_advice(question, rows)}};
  if (const auto& picture = question.largest_picture) {
    json["largest_picture"] = {{"patches", picture->grid.num_patches()},
                               {"tokens", picture->num_tokens},
                               {"work_bytes", picture_bytes(question)}};
  }
  if (const auto& machine = question.machine) {
    json["machine"] = {{"cpu", machine->cpu},
                       {"threads", machine->num_threads},
                       {"read_gb_s", machine->read_gb_s},
                       {"fp32_gflops", machine->fp32_gflops},
                       {"bf16_gflops", std::max(machine->bf16_gflops, machine->bf16_peak_gflops)}};
  }
  for (const PlanRow& row : rows)
    json["rows"].push_back(row_json(row, question.memory_bytes.has_value()));
  return json;
}

void print_plan(const PlanQuestion& question, const std::vector<PlanRow>& rows) {
  const auto sizes = part_sizes(question.config);
  fmt::print("{}: {:.3f} M parameters, {:.3f} M of them for a text token\n",
             question.config.model_type, double(num_parameters(sizes)) / 1e6,
             double(active_text_parameters(question.config, sizes)) / 1e6);
  fmt::print("{} request{} of {} tokens", question.num_requests,
             question.num_requests == 1 ? "" : "s", question.context_tokens);
  if (const auto& picture = question.largest_picture) {
    fmt::print("; the largest picture: {} tokens, {} to encode", picture->num_tokens,
               bytes_text(double(picture_bytes(question))));
  }
  fmt::print("\n\n{:<22}{:>11}{:>11}{:>11}{:>12}{:>8}{:>12}{:>12}\n", "", "weights", "cache", "all",
             "of a token", "fits", "read tok/s", "write tok/s");
  for (const PlanRow& row : rows) {
    fmt::print("{:<22}{:>11}{:>11}{:>11}{:>12}{:>8}{:>12}{:>12}\n", row.name,
               bytes_text(double(row.weights_bytes)), bytes_text(double(row.cache_bytes)),
               bytes_text(double(row.total_bytes())), bytes_text(double(row.cache_token_bytes)),
               !question.memory_bytes ? "?"
               : row.fits             ? "yes"
                                      : "no",
               speed_text(row.prefill_tokens_s), speed_text(row.decode_tokens_s));
  }
  fmt::print("\n");
  if (const auto& machine = question.machine) {
    fmt::print(
        "Speeds are what {} threads of this machine can give at most: {:.1f} GB/s, {:.0f} "
        "GFLOP/s.\n",
        machine->num_threads, machine->read_gb_s,
        std::max({machine->bf16_gflops, machine->bf16_peak_gflops, machine->fp32_gflops}));
  }
  for (const std::string& line : plan_advice(question, rows)) fmt::print("{}\n", line);
}

}  // namespace glmv::app
