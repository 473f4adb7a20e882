#include "glmv/media/data_url.h"

#include <algorithm>

#include "glmv/media/file_url.h"

namespace glmv::media {
namespace {

constexpr size_t kMaxHead = 16 * 1024;  // parameters included
constexpr std::string_view kBase64 = ";base64,";

}  // namespace

std::string_view DataUrl::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

bool DataUrl::is_frame_list() const {
  return media_type.size() == 10 && has_prefix_ignoring_case(media_type, "video/jpeg");
}

size_t DataUrl::num_frames() const {
  return static_cast<size_t>(std::ranges::count(payload, ',')) + 1;
}

std::vector<std::string_view> DataUrl::frames() const {
  std::vector<std::string_view> out;
  for (std::string_view rest = payload;;) {
    const size_t comma = rest.find(',');
    out.push_back(rest.substr(0, comma));
    if (comma == rest.npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

Result<DataUrl> split_data_url(std::string_view url) {
  if (!has_prefix_ignoring_case(url, "data:")) return invalid_argument("not a data: URL");
  url.remove_prefix(5);
  // Parameters may hold commas: the payload begins behind the word.
  const size_t mark = url.substr(0, kMaxHead).find(kBase64);
  if (mark == url.npos) {
    if (url.substr(0, kMaxHead).find(',') == url.npos) {
      return invalid_argument("no comma; expected data:image/png;base64,...");
    }
    return unsupported("only base64 is read; expected data:image/png;base64,...");
  }
  DataUrl out;
  out.payload = url.substr(mark + kBase64.size());
  std::string_view head = url.substr(0, mark);
  out.media_type = head.substr(0, head.find(';'));
  head.remove_prefix(out.media_type.size());
  while (!head.empty()) {
    head.remove_prefix(1);
    const std::string_view field = head.substr(0, head.find(';'));
    head.remove_prefix(field.size());
    const size_t equals = std::min(field.find('='), field.size());
    out.parameters.emplace_back(field.substr(0, equals),
                                field.substr(std::min(equals + 1, field.size())));
  }
  return out;
}

}  // namespace glmv::media
