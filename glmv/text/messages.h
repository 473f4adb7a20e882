#pragma once
// Chat messages in OpenAI's form, as the chat template sees them.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/packed_medium.h"
#include "glmv/base/rgb_pixels.h"

namespace glmv::text {

enum class PartKind { kText, kImage, kVideo, kDocument };

// How much of a picture is wanted: kLow at most 256 tokens, kOriginal what it has, up to 6084
// tokens or the checkpoint's limit if that is more; the others the checkpoint's limit.
enum class Detail { kAuto, kLow, kHigh, kOriginal };

// One item of a content list. Media carry a source (path, URL or data: URL) or, for videos made of
// pictures, the sources of the frames with their times. A document stands for its pages, or its
// text; processing/document_parts.h puts those in its place before a template sees it.
struct ContentPart {
  PartKind kind = PartKind::kText;
  std::string text;                   // kText
  std::string source;                 // of media: path, file://, http(s)://, data:
  std::vector<std::string> frames;    // kVideo given as a list of frame images
  std::vector<double> frame_times_s;  // per frame; empty: frame i is at i / fps
  // Of a list of frames (0: 24 a second); of a video file, so many are taken a second (0: by the
  // checkpoint's rule).
  double fps = 0;
  double begin_s = 0, end_s = 0;  // the part of a video file that is meant; end_s 0: to its end
  Detail detail = Detail::kAuto;
  int64_t max_pixels = 0;  // per picture or frame, only lowers limits; 0: none
  int64_t max_frames = 0;  // so many of the frames, evenly spread; 0: all
  std::string name;        // kDocument: of the file, for the prompt; may be empty
  std::string pages;       // kDocument: as parse_page_list() reads them; empty: all
  double dpi = 0;          // kDocument: of the pages; 0: what a budget of tokens allows
  int64_t max_tokens = 0;  // kDocument: that budget; 0: of who reads it
  // Decoded already, one of a picture or one per frame: the sources are then not read.
  std::vector<RgbPixels> pixels;
  bool pixels_fit = false;  // they have the size that the model gets
  // Where media are kept: the name of this one (processing/media_cache.h), and itself if it was
  // found; neither sources nor pixels are then looked at.
  std::optional<Digest> media_key;
  std::shared_ptr<const PackedMedium> packed;

  double list_fps() const { return fps > 0 ? fps : 24.0; }
};

struct Message {
  std::string role;  // system | user | assistant | tool | developer
  std::vector<ContentPart> content;
  // True: the content came as (or is) one string and is handed to the template as a string.
  bool content_is_string = true;
  std::optional<std::string> reasoning_content;
  Json tool_calls;  // null, or OpenAI's list of calls
  std::string tool_call_id;

  static Message user(std::string text);
  static Message system(std::string text);
  static Message assistant(std::string text);

  // Text parts concatenated.
  std::string text() const;
};

// An error about a part of media, with where that stands ("messages[0].content[1]: ...") unless its
// file's name, which such errors begin with, tells it.
std::unexpected<Status> in_part(const ContentPart& part, size_t message, size_t index,
                                const Status& status);

// Parses OpenAI's `messages` list (string or list contents, image_url / video_url / image / video
// parts, null content, tool_calls whose arguments are JSON text). Errors name the path of the
// field ("messages[2].content[0].type").
Result<std::vector<Message>> parse_messages(const Json& messages);

// The list handed to the template: media parts become {"type":"image"} or {"type":"video"}.
Json to_template_json(const std::vector<Message>& messages);

}  // namespace glmv::text
