#pragma once
// A dataset file (JSON array or JSON Lines of records, see dataset_record.h) as a SampleSource. The
// file stays mapped; a record is parsed and its pictures are decoded when they are asked for.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/mmap.h"
#include "glmv/train/json_records.h"
#include "glmv/train/sample_source.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

class Dataset final : public SampleSource {
 public:
  // Opens the file and checks every record (fields, roles, marker counts, that the media exist).
  // The first bad one is an error that names file, sample number and line, or, with
  // on_bad_sample = skip, is left out and named in warnings(). No good sample at all is an error.
  static Result<Dataset> open(const std::filesystem::path& path, const DataOptions& options);

  int64_t size() const override { return static_cast<int64_t>(records_.size()); }
  Result<Sample> get(int64_t index) const override;

  // Skipped samples (the first ones in words, then a count) and media found outside media_dir.
  const std::vector<std::string>& warnings() const { return warnings_; }
  int64_t num_skipped() const { return num_skipped_; }

 private:
  struct Record {
    JsonRecord place;
    int64_t number;  // in the file, counted from 0
  };

  Dataset(MappedFile file, std::filesystem::path path, std::filesystem::path media_dir)
      : file_(std::move(file)), path_(std::move(path)), media_dir_(std::move(media_dir)) {}
  std::string where(const Record& record) const;
  Result<Sample> parse(const Record& record) const;
  Result<void> check(const Record& record);

  MappedFile file_;
  std::filesystem::path path_;
  std::filesystem::path media_dir_;
  std::vector<Record> records_;
  std::vector<std::string> warnings_;
  int64_t num_skipped_ = 0;
  bool warned_outside_ = false;
};

}  // namespace glmv::train
