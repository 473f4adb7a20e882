#include "glmv/train/sample_media.h"

#include "glmv/media/source.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;

Result<media::Image> decode_file(const std::string& source, const fs::path& media_dir) {
  GLMV_ASSIGN(const fs::path path, find_medium(source, media_dir));
  GLMV_ASSIGN(media::DecodedImage decoded, media::load_image(path.string()));
  return std::move(decoded.image);
}

Result<processing::DecodedMedium> decode_part(const text::ContentPart& part,
                                              const fs::path& media_dir) {
  processing::DecodedMedium medium;
  for (const std::string& source : media_sources(part)) {
    GLMV_ASSIGN(media::Image image, decode_file(source, media_dir));
    medium.frames.push_back(std::move(image));
  }
  if (part.kind == text::PartKind::kVideo) {
    medium.kind = processing::MediaKind::kVideo;
    medium.frame_times_s = part.frame_times_s;
    for (size_t i = medium.frame_times_s.size(); i < medium.frames.size(); ++i) {
      medium.frame_times_s.push_back(static_cast<double>(i) / part.list_fps());
    }
  }
  return medium;
}

}  // namespace

Result<fs::path> find_medium(const std::string& source, const fs::path& media_dir) {
  if (source.starts_with("http://") || source.starts_with("https://")) {
    return unsupported("{}: training reads local files only; download it first", source);
  }
  const std::string name = source.starts_with("file://") ? source.substr(7) : source;
  if (source.starts_with("data:")) return fs::path(source);
  std::error_code error;
  fs::path joined = media_dir / name;
  if (fs::is_regular_file(joined, error)) return joined;
  if (fs::is_regular_file(name, error)) return fs::path(name);
  return not_found("{}: no such file in {}, nor as given", source,
                   media_dir.empty() ? "." : media_dir.string());
}

std::vector<std::string> media_sources(const text::ContentPart& part) {
  if (part.kind == text::PartKind::kText) return {};
  if (!part.frames.empty()) return part.frames;
  return {part.source};
}

std::vector<const text::ContentPart*> media_parts(const std::vector<text::Message>& messages) {
  std::vector<const text::ContentPart*> parts;
  for (const text::Message& message : messages) {
    for (const text::ContentPart& part : message.content) {
      if (part.kind != text::PartKind::kText) parts.push_back(&part);
    }
  }
  return parts;
}

Result<void> decode_media(Sample& sample, const fs::path& media_dir) {
  std::vector<processing::DecodedMedium> media;
  for (const text::ContentPart* part : media_parts(sample.messages)) {
    GLMV_ASSIGN(processing::DecodedMedium medium, decode_part(*part, media_dir));
    media.push_back(std::move(medium));
  }
  sample.media = std::move(media);
  return {};
}

}  // namespace glmv::train
