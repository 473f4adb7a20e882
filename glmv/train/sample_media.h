#pragma once
// Local media files of a sample: finding and decoding them.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/train/sample_source.h"

namespace glmv::train {

// Where a medium lies: under `media_dir` if the file exists there, otherwise as given.
// data: URLs stay as they are. not_found when neither exists; unsupported for other URLs.
Result<std::filesystem::path> find_medium(const std::string& source,
                                          const std::filesystem::path& media_dir);

// The files a content part names (none for text).
std::vector<std::string> media_sources(const text::ContentPart& part);

// Media parts of all messages, in order.
std::vector<const text::ContentPart*> media_parts(const std::vector<text::Message>& messages);

// Fills sample.media from the sources in the messages.
Result<void> decode_media(Sample& sample, const std::filesystem::path& media_dir);

}  // namespace glmv::train
