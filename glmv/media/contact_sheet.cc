#include "glmv/media/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "glmv/media/canvas.h"
#include "glmv/media/label_chip.h"
#include "glmv/media/resize.h"

namespace glmv::media {
namespace {

constexpr double kAspect = 1.5;
constexpr int kLargestCell = 320, kSmallestCell = 32;
constexpr int kMaxSide = 4096;
constexpr int kGap = 6;
constexpr uint8_t kBackground = 32;

void put(const Image& frame, int x, int y, Image& sheet) {
  for (int row = 0; row < frame.height; ++row) {
    std::memcpy(sheet.pixel(x, y + row), frame.pixel(0, row), static_cast<size_t>(frame.width) * 3);
  }
}

void write_caption(Canvas& canvas, const std::string& text, double x, double bottom,
                   double cell_width) {
  double size = std::clamp(cell_width / 16, 9.0, 16.0);
  canvas.set_font(text, size);
  cairo_text_extents_t extents;
  cairo_text_extents(canvas.cairo(), text.c_str(), &extents);
  if (extents.x_advance + 6 > cell_width) {
    size *= cell_width / (extents.x_advance + 6);
    canvas.set_font(text, size);
    cairo_text_extents(canvas.cairo(), text.c_str(), &extents);
  }
  canvas.set_color({0, 0, 0}, 0.7);
  cairo_rectangle(canvas.cairo(), x, bottom - size - 6, extents.x_advance + 6, size + 6);
  cairo_fill(canvas.cairo());
  canvas.set_color({1, 1, 1});
  cairo_move_to(canvas.cairo(), x + 3, bottom - 5);
  cairo_show_text(canvas.cairo(), text.c_str());
  cairo_new_path(canvas.cairo());
}

}  // namespace

SheetLayout lay_out_sheet(size_t count, int width, int height) {
  const double frame_aspect = double(width) / height;
  SheetLayout layout{.gap = kGap};
  const auto total = static_cast<double>(count);
  layout.columns =
      std::clamp(static_cast<int>(std::ceil(std::sqrt(total * kAspect / frame_aspect) - 1e-9)), 1,
                 static_cast<int>(std::min<size_t>(count, kMaxSide / (kSmallestCell + kGap))));
  layout.rows = static_cast<int>((count + layout.columns - 1) / layout.columns);
  layout.columns = static_cast<int>((count + layout.rows - 1) / layout.rows);
  const int widest = std::max(1, (kMaxSide - kGap) / layout.columns - kGap);
  const int highest = std::max(1, (kMaxSide - kGap) / layout.rows - kGap);
  layout.cell_width =
      std::clamp(std::min({kLargestCell, width, widest, static_cast<int>(highest * frame_aspect)}),
                 1, kMaxSide);
  layout.cell_height = std::max(1, static_cast<int>(std::lround(layout.cell_width / frame_aspect)));
  return layout;
}

Result<Image> draw_contact_sheet(std::span<const Image> frames,
                                 std::span<const std::string> captions) {
  if (frames.empty() || frames.size() != captions.size()) {
    return invalid_argument("{} frames with {} captions make no contact sheet", frames.size(),
                            captions.size());
  }
  const int width = frames[0].width, height = frames[0].height;
  const SheetLayout layout = lay_out_sheet(frames.size(), width, height);
  Image sheet{layout.width(), layout.height(), {}};
  sheet.data.assign(static_cast<size_t>(sheet.width) * sheet.height * 3, kBackground);
  const auto left = [&](size_t i) {
    return layout.gap + static_cast<int>(i % layout.columns) * (layout.cell_width + layout.gap);
  };
  const auto top = [&](size_t i) {
    return layout.gap + static_cast<int>(i / layout.columns) * (layout.cell_height + layout.gap);
  };
  for (size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].width != width || frames[i].height != height) {
      return invalid_argument("frame {} of a contact sheet has another size", i);
    }
    put(resize_bicubic(frames[i], layout.cell_width, layout.cell_height), left(i), top(i), sheet);
  }
  Canvas canvas(sheet);
  for (size_t i = 0; i < frames.size(); ++i) {
    write_caption(canvas, drawable_label(captions[i]), left(i), top(i) + layout.cell_height,
                  layout.cell_width);
  }
  return canvas.to_image();
}

}  // namespace glmv::media
