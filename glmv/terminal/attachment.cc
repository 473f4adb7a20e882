#include "glmv/terminal/attachment.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"
#include "glmv/base/sha256.h"
#include "glmv/base/texts.h"
#include "glmv/base/utf8.h"
#include "glmv/media/base64.h"
#include "glmv/media/data_url.h"
#include "glmv/media/file_url.h"
#include "glmv/media/source.h"

namespace glmv::terminal {
namespace {

constexpr size_t kMaxPictureBytes = size_t{128} << 20;
constexpr size_t kMaxTextBytes = size_t{8} << 20;
constexpr size_t kMaxHashedBytes = size_t{8} << 30;
constexpr size_t kHashedAtOnce = size_t{4} << 20;  // before it is asked whether it is wanted

struct KindRow {
  MediaKind kind;
  std::string_view name;
  std::string_view endings;  // each between blanks
};
constexpr KindRow kKinds[] = {
    {MediaKind::kImage, "image", " jpg jpeg png gif bmp tiff tif webp avif "},
    {MediaKind::kVideo, "video", " mp4 avi mkv mov wmv flv webm mpeg mpg m4v "},
    {MediaKind::kPdf, "pdf", " pdf "},
    {MediaKind::kSlides, "slides", " ppt pptx odp "},
    {MediaKind::kText, "text", ""},
};

Result<std::string> hash_file(const std::string& path, const Wanted& wanted) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return not_found("cannot open {}: {}", path, errno_text(errno));
  Sha256 hash;
  std::array<std::byte, 1 << 16> buffer;
  for (size_t total = 0; total < kMaxHashedBytes;) {
    if (total % kHashedAtOnce == 0 && !is_wanted(wanted))
      return cancelled("{}", tr_format("{}: stopped", path));
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return invalid_argument("cannot read {}: {}", path, errno_text(errno));
    if (n == 0) break;
    hash.add(std::span(buffer).first(static_cast<size_t>(n)));
    total += static_cast<size_t>(n);
  }
  return hash.digest().hex();
}

Result<int64_t> file_size(const std::string& path, const std::string& shown) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return not_found("{}: {}", shown, errno == ENOENT ? tr("no such file") : errno_text(errno));
  }
  if (S_ISDIR(info.st_mode))
    return invalid_argument("{}", tr_format("{} is a folder, not a file", shown));
  if (!S_ISREG(info.st_mode))
    return invalid_argument("{}", tr_format("{} is no regular file", shown));
  if (info.st_size == 0) return invalid_argument("{}", tr_format("{} is empty (0 bytes)", shown));
  return info.st_size;
}

std::string about_picture(const media::DecodedImage& picture) {
  std::string about = fmt::format("{} x {}, {}", picture.image.width, picture.image.height,
                                  media::format_name(picture.format));
  if (picture.orientation > 1) about += tr(", turned upright");
  const bool pages =
      picture.format == media::ImageFormat::kGif || picture.format == media::ImageFormat::kTiff;
  if (pages) about += tr(", its first frame");
  return about;
}

// A text file in a fence that nothing inside closes. `name`: of the file.
Result<std::string> text_block(const std::string& text, const std::string& name,
                               const std::string& shown) {
  if (const auto bad = find_invalid_utf8(text); bad || text.find('\0') != text.npos) {
    return invalid_argument("{}", bad ? tr_format("{} is no UTF-8 text (byte {})", shown, *bad)
                                      : tr_format("{} is no text: it holds a zero byte", shown));
  }
  size_t ticks = 3;
  for (size_t at = 0; (at = text.find('`', at)) != text.npos;) {
    const size_t end = std::min(text.find_first_not_of('`', at), text.size());
    ticks = std::max(ticks, end - at + 1);
    at = end;
  }
  const std::string fence(ticks, '`');
  std::string language = std::filesystem::path(name).extension().string();
  if (!language.empty()) language.erase(0, 1);
  const std::string end = text.ends_with('\n') ? "" : "\n";
  return repair_utf8(fmt::format("{}:\n{}{}\n{}{}{}\n", name, fence, language, text, end, fence));
}

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

}  // namespace

std::string_view kind_name(MediaKind kind) { return kKinds[static_cast<size_t>(kind)].name; }

std::optional<MediaKind> kind_by_name(std::string_view name) {
  const auto* row = std::ranges::find(kKinds, name, &KindRow::name);
  if (row == std::end(kKinds)) return {};
  return row->kind;
}

std::optional<MediaKind> kind_of_file(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == path.npos || path.find('/', dot) != path.npos || dot + 1 == path.size()) return {};
  std::string ending(path.substr(dot + 1));
  if (ending.find(' ') != ending.npos) return {};
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  const std::string wanted = " " + ending + " ";
  for (const KindRow& row : kKinds) {
    if (row.endings.find(wanted) != row.endings.npos) return row.kind;
  }
  return {};
}

struct MediaReader::Given {
  std::string source;                // path or data: URL
  std::string name;                  // of the file
  std::string shown;                 // for messages
  std::optional<std::string> bytes;  // that are here already

  Result<std::string> content(size_t max_bytes) const {
    if (bytes) return *bytes;
    return read_file(source, max_bytes);
  }
};

Result<Attachment> MediaReader::attach(MediaKind kind, const std::string& given,
                                       const std::string& option, const Wanted& wanted) const {
  if (given.starts_with("data:")) {
    if (kind != MediaKind::kImage) return unsupported("{}", tr("only pictures can be data: URLs"));
    GLMV_ASSIGN(media::SourceBytes source, media::load_source(given));
    return look(kind, {given, "", source.name, std::move(source.bytes)}, option, wanted);
  }
  const std::string path = expand_home(given);
  const std::string shown = media::short_name(path);
  GLMV_ASSIGN(const int64_t num_bytes, file_size(path, shown));
  GLMV_ASSIGN(Attachment item, look(kind, {path, file_name(path), shown, {}}, option, wanted));
  item.num_bytes = num_bytes;
  if (item.sha256.empty()) {
    GLMV_ASSIGN(item.sha256, hash_file(path, wanted));
  }
  return item;
}

Result<Attachment> MediaReader::attach_bytes(MediaKind kind, std::string bytes,
                                             const std::string& name, const std::string& option,
                                             const Wanted& wanted) const {
  const std::string shown = media::short_name(name);
  if (bytes.empty()) return invalid_argument("{}", tr_format("{} is empty (0 bytes)", shown));
  std::string type = "application/octet-stream";
  if (kind == MediaKind::kImage) {
    const auto format = media::sniff_format(bytes);
    if (!format) {
      return invalid_argument(
          "{}", tr_format("{} is no picture: it is {}", shown, media::describe_content(bytes)));
    }
    type = "image/" + std::string(media::format_name(*format));
    for (char& c : type) c |= 0x20;
  }
  std::string url = "data:" + type + ";base64," + media::encode_base64(bytes);
  GLMV_ASSIGN(
      Attachment item,
      look(kind, {std::move(url), file_name(name), shown, std::move(bytes)}, option, wanted));
  item.name = name;
  return item;
}

Result<Attachment> MediaReader::look(MediaKind kind, const Given& given, const std::string& option,
                                     const Wanted& wanted) const {
  Attachment result{.kind = kind, .path = given.source, .option = option};
  if (given.bytes) {
    result.num_bytes = std::ssize(*given.bytes);
    result.sha256 = sha256_of(*given.bytes).hex();
  }
  switch (kind) {
    case MediaKind::kImage: {
      GLMV_ASSIGN(const std::string bytes, given.content(kMaxPictureBytes));
      media::InlineDecoder inlined;
      media::PictureDecoder& decoder = pictures ? *pictures : inlined;
      GLMV_ASSIGN(const media::DecodedImage picture,
                  decoder.decode_file(bytes, given.shown, wanted));
      result.about = about_picture(picture);
      result.sha256 = sha256_of(bytes).hex();
      result.part = {.kind = text::PartKind::kImage, .source = given.source};
      break;
    }
    case MediaKind::kVideo: {
      result.part = {.kind = text::PartKind::kVideo,
                     .source = given.source,
                     .fps = defaults.fps,
                     .max_frames = defaults.max_frames};
      if (option.empty()) result.option = defaults.clip;
      if (!result.option.empty()) GLMV_RETURN_IF_ERROR(set_clip(result.option, result.part));
      if (look_at_video) {
        auto about = look_at_video(result.part, wanted);
        if (!about) return in_context(given.shown, about.error());
        result.about = *about;
      }
      break;
    }
    case MediaKind::kPdf:
    case MediaKind::kSlides: {
      if (!document) {
        return unsupported("{}", tr_format("{}: PDF and slides cannot be read here", given.shown));
      }
      if (option.empty()) result.option = defaults.pages;
      auto look = document(given.source, result.option, wanted);
      if (!look) return in_context(given.shown, look.error());
      result.part = std::move(look->part);
      result.about = std::move(look->about);
      break;
    }
    case MediaKind::kText: {
      GLMV_ASSIGN(const std::string bytes, given.content(kMaxTextBytes));
      GLMV_ASSIGN(std::string block, text_block(bytes, given.name, given.shown));
      result.part = {.kind = text::PartKind::kText, .text = std::move(block)};
      break;
    }
  }
  if (given.bytes && kind != MediaKind::kText) result.part.name = given.name;
  return result;
}

std::optional<double> parse_seconds(std::string_view text) {
  double seconds = 0;
  for (int part = 0; part < 3; ++part) {
    const std::string_view digits = text.substr(0, text.find(':'));
    const bool last = digits.size() == text.size();
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool number = error == std::errc() && end == digits.data() + digits.size();
    if (!number || !(value >= 0) || !(value < 1e9) || (part > 0 && value >= 60)) return {};
    seconds = seconds * 60 + value;
    if (last) return seconds;
    text.remove_prefix(digits.size() + 1);
  }
  return {};
}

Result<void> set_clip(std::string_view clip, text::ContentPart& video) {
  const size_t dash = clip.find('-');
  const std::string_view begin = clip.substr(0, dash);
  const std::string_view end = dash == clip.npos ? "" : clip.substr(dash + 1);
  const std::optional<double> from = begin.empty() ? 0.0 : parse_seconds(begin);
  const std::optional<double> to = end.empty() ? 0.0 : parse_seconds(end);
  if (dash == clip.npos || !from || !to || (!end.empty() && *to <= *from)) {
    return invalid_argument(
        "{}", tr_format("clip \"{}\": write BEGIN-END, as 90-120 or 1:30-2:00", clip));
  }
  video.begin_s = *from;
  video.end_s = *to;
  return {};
}

text::Message user_message(const std::vector<Attachment>& media, const std::string& text) {
  text::Message message = text::Message::user("");
  message.content.clear();
  std::string words;
  for (const Attachment& item : media) {
    if (item.kind == MediaKind::kText) {
      words += item.part.text + "\n";
    } else {
      message.content.push_back(item.part);
    }
  }
  words += text;
  message.content_is_string = message.content.empty();
  if (!words.empty() || message.content.empty()) {
    message.content.push_back({.kind = text::PartKind::kText, .text = std::move(words)});
  }
  return message;
}

std::string expand_home(std::string_view path) {
  constexpr std::string_view kFileUrl = "file://";
  if (media::has_prefix_ignoring_case(path, kFileUrl)) {
    if (auto named = media::file_url_path(path)) return *std::move(named);
    path.remove_prefix(kFileUrl.size());
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || (path != "~" && !path.starts_with("~/"))) return std::string(path);
  return home + std::string(path.substr(1));
}

std::string with_tilde(std::string_view path) {
  const char* variable = std::getenv("HOME");
  const std::string_view home = variable == nullptr ? "" : variable;
  if (home.size() < 2 || !path.starts_with(home)) return std::string(path);
  const std::string_view rest = path.substr(home.size());
  return rest.empty() || rest[0] == '/' ? "~" + std::string(rest) : std::string(path);
}

}  // namespace glmv::terminal
