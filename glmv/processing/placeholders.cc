#include "glmv/processing/placeholders.h"

#include <algorithm>

namespace glmv::processing {
namespace {

struct Placeholder {
  size_t begin;
  MediaKind kind;
};

std::string_view token_of(MediaKind kind) {
  return kind == MediaKind::kImage ? kImageToken : kVideoToken;
}

bool touches(std::span<const text::ByteRange> ranges, size_t begin, size_t end) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const text::ByteRange& range) {
    return range.begin < end && begin < range.end;
  });
}

std::vector<Placeholder> find_placeholders(std::string_view text,
                                           std::span<const text::ByteRange> untrusted) {
  std::vector<Placeholder> found;
  for (size_t pos = text.find("<|"); pos != text.npos; pos = text.find("<|", pos + 1)) {
    for (MediaKind kind : {MediaKind::kImage, MediaKind::kVideo}) {
      const std::string_view token = token_of(kind);
      if (text.substr(pos).starts_with(token) && !touches(untrusted, pos, pos + token.size())) {
        found.push_back({pos, kind});
      }
    }
  }
  return found;
}

Result<void> check_counts(const std::vector<Placeholder>& found, std::span<const Medium> media) {
  for (MediaKind kind : {MediaKind::kImage, MediaKind::kVideo}) {
    const auto num_found =
        std::count_if(found.begin(), found.end(), [&](const auto& p) { return p.kind == kind; });
    const auto num_media =
        std::count_if(media.begin(), media.end(), [&](const auto& m) { return m.kind == kind; });
    if (num_found == num_media) continue;
    const char* name = kind == MediaKind::kImage ? "pictures" : "videos";
    if (num_found > num_media) {
      return invalid_argument(
          "placeholder_mismatch: the prompt holds {} {} but {} {} were given; if a message contains"
          " the literal text {}, do not trust special tokens in it",
          num_found, token_of(kind), num_media, name, token_of(kind));
    }
    return invalid_argument(
        "placeholder_mismatch: {} {} were given but the prompt holds {} {}; the chat template may "
        "not show media in every role (put them into user messages)",
        num_media, name, num_found, token_of(kind));
  }
  return {};
}

void append_tokens(std::string& out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out += kImageToken;
}

void append_medium(std::string& out, const Medium& medium, VideoStyle style, int64_t merge) {
  const int64_t tokens_per_slice = (medium.grid.h / merge) * (medium.grid.w / merge);
  if (medium.kind == MediaKind::kImage) return append_tokens(out, medium.grid.t * tokens_per_slice);
  const std::vector<double> times = slice_times(medium.timestamps_s, medium.grid.t, 1);
  for (double time : times) {
    out += kImageStart;
    append_tokens(out, tokens_per_slice);
    out += kImageEnd;
    out += timestamp_text(time, style);
  }
}

}  // namespace

std::string timestamp_text(double seconds, VideoStyle style) {
  if (style == VideoStyle::kGlm46v) return fmt::format("{:.1f} seconds", seconds);
  return fmt::format("{}", static_cast<int64_t>(seconds));
}

std::vector<double> slice_times(std::span<const double> frame_times_s, int64_t num_slices,
                                int64_t temporal_patch_size) {
  std::vector<double> times;
  for (int64_t slice = 0; slice < num_slices; ++slice) {
    const size_t frame = static_cast<size_t>(slice * temporal_patch_size);
    if (frame < frame_times_s.size()) {
      times.push_back(frame_times_s[frame]);
    } else {
      times.push_back(times.empty() ? 0.0 : times.back());
    }
  }
  return times;
}

Result<Expanded> expand_placeholders(std::string_view text, std::span<const Medium> media,
                                     std::span<const text::ByteRange> untrusted, VideoStyle style,
                                     int64_t merge) {
  const std::vector<Placeholder> found = find_placeholders(text, untrusted);
  GLMV_RETURN_IF_ERROR(check_counts(found, media));

  Expanded expanded;
  expanded.untrusted.assign(untrusted.begin(), untrusted.end());
  size_t copied = 0;
  size_t next_medium[2] = {0, 0};
  size_t next_range = 0;
  for (const Placeholder& placeholder : found) {
    size_t& next = next_medium[placeholder.kind == MediaKind::kVideo];
    while (media[next].kind != placeholder.kind) ++next;
    expanded.order.push_back(next);
    const Medium& medium = media[next++];
    // Ranges never contain a placeholder, so those before it keep the shift reached so far.
    const ptrdiff_t shift_before = static_cast<ptrdiff_t>(expanded.text.size() - copied);
    for (; next_range < untrusted.size() && untrusted[next_range].end <= placeholder.begin;
         ++next_range) {
      expanded.untrusted[next_range].begin += shift_before;
      expanded.untrusted[next_range].end += shift_before;
    }
    expanded.text += text.substr(copied, placeholder.begin - copied);
    append_medium(expanded.text, medium, style, merge);
    copied = placeholder.begin + token_of(placeholder.kind).size();
    expanded.num_image_tokens += medium.grid.num_patches() / (merge * merge);
  }
  const ptrdiff_t shift = static_cast<ptrdiff_t>(expanded.text.size() - copied);
  for (; next_range < untrusted.size(); ++next_range) {
    expanded.untrusted[next_range].begin += shift;
    expanded.untrusted[next_range].end += shift;
  }
  expanded.text += text.substr(copied);
  return expanded;
}

}  // namespace glmv::processing
