#pragma once
// Files that go with a message.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/media/picture_decoder.h"
#include "glmv/text/messages.h"

namespace glmv::terminal {

enum class MediaKind { kImage, kVideo, kPdf, kSlides, kText };

// "image", "video", "pdf", "slides", "text".
std::string_view kind_name(MediaKind kind);
std::optional<MediaKind> kind_by_name(std::string_view name);
// By the ending of a file name: picture, video, pdf or slides; nothing for other files.
std::optional<MediaKind> kind_of_file(std::string_view path);

struct Attachment {
  MediaKind kind = MediaKind::kImage;
  std::string path;    // or a data: URL
  std::string name;    // of what is a data: URL, the path that it had; may be empty
  std::string option;  // clip of a video ("0:30-1:00"), pages of a document ("1-5,9")
  std::string sha256;  // hex
  int64_t num_bytes = 0;
  std::string about;       // "1280 x 720, JPEG", for people
  text::ContentPart part;  // for the model; of kText the text block
};

// What of a video or document is meant, unless the message says so itself.
struct MediaDefaults {
  double fps = 0;
  int64_t max_frames = 0;
  std::string clip, pages;
};

struct DocumentLook {
  text::ContentPart part;
  std::string about;  // "12 pages"
};

// Reads files for messages.
struct MediaReader {
  MediaDefaults defaults;
  std::shared_ptr<media::PictureDecoder> pictures;  // who decodes them; null: this process
  // What a video is ("12.0 s, 1280 x 720, 24 fps"); unset: it is taken unseen.
  std::function<Result<std::string>(const text::ContentPart& video, const Wanted& wanted)>
      look_at_video;
  // A part for a PDF or a slide show, which is a path or data: URL; unset: unsupported.
  std::function<Result<DocumentLook>(const std::string& source, const std::string& pages,
                                     const Wanted& wanted)>
      document;

  // Checks that the file can be read and what is in it. Errors name the file: not_found,
  // invalid_argument (empty, damaged, no UTF-8), resource_exhausted, unsupported, cancelled.
  Result<Attachment> attach(MediaKind kind, const std::string& path, const std::string& option = {},
                            const Wanted& wanted = {}) const;
  // The same from memory, as a data: URL. `name`: the path that it had, or what it is.
  Result<Attachment> attach_bytes(MediaKind kind, std::string bytes, const std::string& name,
                                  const std::string& option = {}, const Wanted& wanted = {}) const;

 private:
  struct Given;
  Result<Attachment> look(MediaKind kind, const Given& given, const std::string& option,
                          const Wanted& wanted) const;
};

// Seconds of "90", "1:30", "1:02:03.5".
std::optional<double> parse_seconds(std::string_view text);
// BEGIN-END, one of them may be left out, into the part of a video.
Result<void> set_clip(std::string_view clip, text::ContentPart& video);

// Media in their order, then the texts of files and what is said.
text::Message user_message(const std::vector<Attachment>& media, const std::string& text);

// `path` with a leading ~ replaced by $HOME; of a file:// URL the path, its %20 and the like
// decoded.
std::string expand_home(std::string_view path);
// The other way, for what is shown or stored: no absolute path of the home folder.
std::string with_tilde(std::string_view path);

}  // namespace glmv::terminal
