#include "apps/glmv/document_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "glmv/media/source.h"
#include "glmv/text/page_list.h"

namespace glmv::app {
namespace {

constexpr double kUsualDpi = 180, kPointsPerInch = 72;
constexpr double kMaxPixels = 100e6;
constexpr int kMaxSide = 32'767;
constexpr size_t kMaxBytes = size_t{128} << 20;

// The page in pixels, smaller where that is too much.
media::PageView view_of(int number, const media::PageSize& size, double dpi) {
  double scale = dpi / kPointsPerInch;
  const double area = size.width * scale * size.height * scale;
  scale *= std::min(1.0, std::sqrt(kMaxPixels / std::max(area, 1.0)));
  scale *= std::min(1.0, kMaxSide / std::max({size.width * scale, size.height * scale, 1.0}));
  const auto pixels = [scale](double points) {
    return std::max(1, static_cast<int>(std::lround(std::min(points * scale, double{kMaxSide}))));
  };
  return {number, pixels(size.width), pixels(size.height)};
}

}  // namespace

Result<std::vector<std::string>> DocumentPages::open(const DocumentFlags& flags) {
  dpi_ = flags.dpi > 0 ? flags.dpi : kUsualDpi;
  if (!flags.pages.empty()) {
    if (const auto list = text::parse_page_list(flags.pages); !list) {
      return in_context("--pages", list.error());
    }
  }
  std::vector<std::string> names;
  for (const std::string& path : flags.documents) {
    GLMV_ASSIGN(const media::SourceBytes file,
                media::load_source(path, {.max_bytes = kMaxBytes, .what = "document"}));
    const auto in_file = [&file](const Status& status) {
      return in_context("document " + file.name, status);
    };
    auto document = reader_.open(file.bytes);
    if (!document) return in_file(document.error());
    const int num_pages = (*document)->num_pages();
    const auto picked = text::pick_pages(flags.pages, num_pages, num_pages);
    if (!picked) return in_file(picked.error());
    for (const int number : *picked) {
      names.push_back(fmt::format("{}#page={}", path, number));
      pages_[names.back()] = {*document, number};
    }
  }
  return names;
}

int DocumentPages::page_of(const std::string& name) const {
  const auto page = pages_.find(name);
  return page == pages_.end() ? 0 : page->second.number;
}

Result<media::Image> DocumentPages::render(const std::string& name) const {
  const Page& page = pages_.at(name);
  const std::string shown = "document " + media::short_name(name);
  const std::vector<int> number = {page.number};
  const auto sizes = page.document->page_sizes(number);
  if (!sizes) return in_context(shown, sizes.error());
  const media::PageView view = view_of(page.number, sizes->front(), dpi_);
  const auto pictures = page.document->render({&view, 1});
  if (!pictures) return in_context(shown, pictures.error());
  const RgbPixels& pixels = pictures->front();
  media::Image image{pixels.width, pixels.height, {}};
  const auto num_bytes = static_cast<size_t>(pixels.width) * static_cast<size_t>(pixels.height) * 3;
  image.data.assign(pixels.data.get(), pixels.data.get() + num_bytes);
  return image;
}

}  // namespace glmv::app
