#include "glmv/train/dataset.h"

#include <string_view>

#include "glmv/train/dataset_record.h"
#include "glmv/train/sample_media.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxWarnings = 20;

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

Result<Dataset> Dataset::open(const fs::path& path, const DataOptions& options) {
  const bool skip = options.on_bad_sample == "skip";
  if (!skip && options.on_bad_sample != "error") {
    return invalid_argument("on_bad_sample is \"{}\"; known: error, skip", options.on_bad_sample);
  }
  const fs::path media_dir =
      options.media_dir.empty() ? path.parent_path() : fs::path(options.media_dir);
  GLMV_ASSIGN(MappedFile file, MappedFile::open(path));
  Dataset dataset(std::move(file), path, media_dir);
  auto places = split_json_records(text_of(dataset.file_));
  if (!places) return in_context(path.string(), places.error());

  int64_t number = 0;
  for (const JsonRecord& place : *places) {
    const Record record{.place = place, .number = number++};
    const Result<void> good = dataset.check(record);
    if (good) {
      dataset.records_.push_back(record);
      continue;
    }
    if (!skip) return std::unexpected(good.error());
    ++dataset.num_skipped_;
    if (dataset.num_skipped_ <= kMaxWarnings) {
      dataset.warnings_.push_back(fmt::format("skipped: {}", good.error().message));
    }
  }
  if (dataset.num_skipped_ > kMaxWarnings) {
    dataset.warnings_.push_back(
        fmt::format("{}: {} samples skipped in all", path.string(), dataset.num_skipped_));
  }
  if (dataset.records_.empty()) {
    return invalid_argument("{}: no {}sample in it", path.string(), number > 0 ? "usable " : "");
  }
  return dataset;
}

std::string Dataset::where(const Record& record) const {
  return fmt::format("{}: sample {} (line {})", path_.string(), record.number, record.place.line);
}

Result<Sample> Dataset::parse(const Record& record) const {
  const std::string_view bytes =
      text_of(file_).substr(record.place.begin, record.place.end - record.place.begin);
  auto json = parse_json(bytes, where(record));
  if (!json) return std::unexpected(json.error());
  auto sample = parse_record(*json);
  if (!sample) return in_context(where(record), sample.error());
  return sample;
}

Result<void> Dataset::check(const Record& record) {
  GLMV_ASSIGN(const Sample sample, parse(record));
  for (const text::ContentPart* part : media_parts(sample.messages)) {
    for (const std::string& source : media_sources(*part)) {
      const auto found = find_medium(source, media_dir_);
      if (!found) return in_context(where(record), found.error());
      if (!warned_outside_ && fs::path(source).is_relative() && *found != media_dir_ / source) {
        warned_outside_ = true;
        warnings_.push_back(fmt::format("{}: {} is not in {}, used as given (and maybe others)",
                                        where(record), source, media_dir_.string()));
      }
    }
  }
  return {};
}

Result<Sample> Dataset::get(int64_t index) const {
  if (index < 0 || index >= size()) {
    return invalid_argument("{}: sample {} of {}", path_.string(), index, size());
  }
  const Record& record = records_[static_cast<size_t>(index)];
  GLMV_ASSIGN(Sample sample, parse(record));
  const Result<void> decoded = decode_media(sample, media_dir_);
  if (!decoded) return in_context(where(record), decoded.error());
  return sample;
}

}  // namespace glmv::train
