#include "apps/glmv/bench_compare.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

namespace glmv::app {
namespace {

// One timed part of a result: where it is, what tells its size, and how its figures are called.
struct PartRow {
  const char* part;
  std::vector<std::string> size_keys;  // of the result, or of the part with a "/" before
  const char* rate;                    // nullptr: compared by milliseconds
  const char* unit;
};
const PartRow kParts[] = {
    {"prefill", {"prompt_tokens"}, "tokens_per_s", "tokens/s"},
    {"decode", {"prompt_tokens"}, "tokens_per_s", "tokens/s"},
    {"vision", {"/width", "/height"}, nullptr, "ms"},
};

std::optional<double> number_at(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number() || !(found->get<double>() > 0)) {
    return std::nullopt;
  }
  return found->get<double>();
}

std::string size_of(const Json& record, const PartRow& row) {
  std::string text;
  for (const std::string& key : row.size_keys) {
    const bool in_part = key.starts_with("/");
    const Json& holder = in_part ? record[row.part] : record;
    const auto found = holder.find(in_part ? key.substr(1) : key);
    if (found == holder.end() || !found->is_number_integer()) return "";
    text += (text.empty() ? "" : "x") + std::to_string(found->get<int64_t>());
  }
  return text;
}

struct Figure {
  double best = 0, median = 0;
};

std::optional<Figure> figure_of(const Json& part, const PartRow& row) {
  const std::string best = row.rate ? std::string(row.rate) + "_best" : "ms_min";
  const std::string median = row.rate ? std::string(row.rate) + "_median" : "ms_median";
  const auto one = number_at(part, best), two = number_at(part, median);
  if (!one || !two) return std::nullopt;
  return Figure{*one, *two};
}

std::optional<Figure> figure_at(const std::vector<Json>& records, const PartRow& row,
                                const std::string& size) {
  for (const Json& record : records) {
    if (!record.contains(row.part) || size_of(record, row) != size) continue;
    if (auto figure = figure_of(record[row.part], row)) return figure;
  }
  return std::nullopt;
}

Json json_row(const std::string& figure, const char* unit, const Figure& mine, const Figure& other,
              bool more_is_better) {
  const auto ratio = [more_is_better](double a, double b) {
    return more_is_better ? a / b : b / a;
  };
  return {{"figure", figure},
          {"unit", unit},
          {"this_best", mine.best},
          {"other_best", other.best},
          {"ratio_best", ratio(mine.best, other.best)},
          {"this_median", mine.median},
          {"other_median", other.median},
          {"ratio_median", ratio(mine.median, other.median)}};
}

}  // namespace

Result<BenchResults> read_bench_results(const std::string& path) {
  GLMV_ASSIGN(Json json, read_json_file(path));
  BenchResults results{.name = std::filesystem::path(path).stem().string()};
  if (json.is_array()) {
    for (Json& record : json) results.records.push_back(std::move(record));
  } else {
    results.records.push_back(std::move(json));
  }
  bool any = false;
  for (const Json& record : results.records) {
    if (!record.is_object()) {
      return invalid_argument("{} holds a {} where a result of glmv bench --json belongs", path,
                              record.type_name());
    }
    for (const PartRow& row : kParts) {
      const auto part = record.find(row.part);
      if (part == record.end()) continue;
      if (!part->is_object()) {
        return invalid_argument(
            "{}: \"{}\" is a {}, expected an object as glmv bench --json writes", path, row.part,
            part->type_name());
      }
      any = true;
    }
  }
  if (!any) {
    return invalid_argument(
        "{} is no result of glmv bench --json: it has none of \"prefill\", "
        "\"decode\", \"vision\"",
        path);
  }
  return results;
}

Json compare_results(const std::vector<Json>& present, const BenchResults& other) {
  Json rows = Json::array();
  for (const PartRow& row : kParts) {
    for (const Json& record : present) {
      if (!record.contains(row.part)) continue;
      const std::string size = size_of(record, row);
      const auto mine = figure_of(record[row.part], row);
      const auto theirs = figure_at(other.records, row, size);
      if (!mine || !theirs || size.empty()) continue;
      rows.push_back(json_row(fmt::format("{}, {}", row.part, size), row.unit, *mine, *theirs,
                              row.rate != nullptr));
    }
  }
  const auto memory = [](const Json& record) { return number_at(record, "peak_rss_bytes"); };
  if (!rows.empty() && memory(present.back()) && memory(other.records.back())) {
    const Figure mine{*memory(present.back()) / 1e9, *memory(present.back()) / 1e9};
    const Figure theirs{*memory(other.records.back()) / 1e9, *memory(other.records.back()) / 1e9};
    rows.push_back(json_row("peak memory", "GB", mine, theirs, false));
  }
  return rows;
}

std::string comparison_text(const Json& rows, const BenchResults& other) {
  if (rows.empty()) {
    return fmt::format("beside {}: nothing in it was measured at these sizes\n", other.name);
  }
  std::string text = fmt::format(
      "beside {} (ratio above 1: this run is better)\n{:<24} {:>10} "
      "{:>10} {:>7} {:>10} {:>10} {:>7}\n",
      other.name, "", "best", "other", "ratio", "median", "other", "ratio");
  for (const Json& row : rows) {
    text += fmt::format("{:<24}", row["figure"].get<std::string>());
    for (const char* which : {"best", "median"}) {
      const auto at = [&](const char* name) {
        return row[fmt::format("{}_{}", name, which)].get<double>();
      };
      text += fmt::format(" {:>10.2f} {:>10.2f} {:>7.2f}", at("this"), at("other"), at("ratio"));
    }
    text += " " + row["unit"].get<std::string>() + "\n";
  }
  return text;
}

}  // namespace glmv::app
