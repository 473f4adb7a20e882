#include "glmv/media/document.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "glmv/base/check.h"
#include "glmv/base/limited_program.h"
#include "glmv/media/video_source.h"

namespace glmv::media {
namespace {

using Clock = std::chrono::steady_clock;

// Sizes of so many pages are asked for with the number of pages.
constexpr int kFirstLook = 64;
// A program renders so many at most before the next piece is given out.
constexpr int kMaxRun = 6;
constexpr double kPointsPerInch = 72;

double seconds_until(Clock::time_point end) {
  return std::chrono::duration<double>(end - Clock::now()).count();
}

// A place among those that may run, while it lives.
class Place {
 public:
  // Waits for one; without `ok()` nobody wants it any more.
  Place(std::counting_semaphore<>& places, const Wanted& wanted)
      : places_(places), ok_(acquire_wanted(places, wanted)) {}
  ~Place() {
    if (ok_) places_.release();
  }
  Place(const Place&) = delete;
  bool ok() const { return ok_; }

 private:
  std::counting_semaphore<>& places_;
  const bool ok_;
};

Status no_longer_wanted() { return {Code::kCancelled, "reading a document was stopped"}; }

RgbPixels as_pixels(Image image) {
  const auto owner = std::make_shared<const Image>(std::move(image));
  return {owner->width, owner->height, std::shared_ptr<const uint8_t>(owner, owner->data.data())};
}

int64_t bytes_of(const RgbPixels& pixels) { return int64_t{3} * pixels.width * pixels.height; }

}  // namespace

struct Document::Shared {
  explicit Shared(const DocumentLimits& given)
      : limits(given), programs(given.max_programs), pages(given.max_kept_bytes) {}

  const DocumentLimits limits;
  std::counting_semaphore<> programs;
  std::mutex mutex;
  ByteLru<RgbPixels> pages;  // by document, page and size

  static Digest page_key(const Digest& document, const PageView& view) {
    return Sha256()
        .add(document)
        .add_u32(static_cast<uint32_t>(view.page))
        .add_u32(static_cast<uint32_t>(view.width))
        .add_u32(static_cast<uint32_t>(view.height))
        .digest();
  }
};

void Document::note_sizes(int first, const std::vector<PageSize>& sizes) const {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i].width > 0) sizes_.emplace(first + static_cast<int>(i), sizes[i]);
  }
}

std::optional<PageSize> Document::known_size(int page) const {
  const std::lock_guard lock(mutex_);
  const auto known = sizes_.find(page);
  return known == sizes_.end() ? std::nullopt : std::optional(known->second);
}

Result<std::vector<PageSize>> Document::page_sizes(std::span<const int> pages,
                                                   const Wanted& wanted) const {
  std::vector<PageSize> sizes;
  for (const int page : pages) {
    GLMV_CHECK(page >= 1 && page <= num_pages_);
    std::optional<PageSize> size = known_size(page);
    if (!size) {
      // With those behind it, which are likely to be asked for next.
      const int last = std::min(page + kFirstLook - 1, num_pages_);
      const Place place(shared_->programs, wanted);
      if (!place.ok()) return std::unexpected(no_longer_wanted());
      GLMV_ASSIGN(const PdfInfo info,
                  pdf_info(*pdf_, page, last, shared_->limits.max_seconds, wanted));
      note_sizes(page, info.sizes);
      size = known_size(page);
    }
    if (!size) return invalid_argument("page {} is damaged: it has no size", page);
    sizes.push_back(*size);
  }
  return sizes;
}

namespace {

// Pages that one program renders: neighbours of one size, all of which are missing.
struct Piece {
  PageRun run;
  size_t first = 0;  // their place among the views
};

std::vector<Piece> pieces_of(std::span<const PageView> views, const std::vector<PageSize>& sizes,
                             const std::vector<RgbPixels>& known, int num_programs) {
  const auto num_missing =
      std::ranges::count_if(known, [](const RgbPixels& p) { return p.data == nullptr; });
  const int most =
      std::clamp(static_cast<int>((num_missing + num_programs - 1) / num_programs), 1, kMaxRun);
  std::vector<Piece> pieces;
  for (size_t i = 0; i < views.size(); ++i) {
    if (known[i].data != nullptr) continue;
    const PageView& view = views[i];
    const double dpi = sizes[i].turned ? kPointsPerInch * view.width / sizes[i].width : 0;
    if (!pieces.empty()) {
      Piece& last = pieces.back();
      const bool joins = last.first + static_cast<size_t>(last.run.count) == i &&
                         last.run.first + last.run.count == view.page &&
                         last.run.width == view.width && last.run.height == view.height &&
                         last.run.turned_dpi == dpi && last.run.count < most;
      if (joins) {
        ++last.run.count;
        continue;
      }
    }
    pieces.push_back({{view.page, 1, view.width, view.height, dpi}, i});
  }
  return pieces;
}

}  // namespace

Result<std::vector<RgbPixels>> Document::render(std::span<const PageView> views,
                                                const Wanted& wanted,
                                                const std::function<void(int64_t)>& on_page) const {
  std::vector<RgbPixels> pages(views.size());
  std::atomic<int64_t> num_there = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    for (size_t i = 0; i < views.size(); ++i) {
      GLMV_CHECK(views[i].page >= 1 && views[i].page <= num_pages_);
      GLMV_CHECK(views[i].width >= 1 && views[i].height >= 1);
      const RgbPixels* kept = shared_->pages.find(Shared::page_key(digest_, views[i]));
      if (kept == nullptr) continue;
      pages[i] = *kept;
      ++num_there;
    }
  }
  const auto count = [&] {
    const int64_t there = ++num_there;
    if (on_page) on_page(there);
  };
  const int num_programs = shared_->limits.max_programs;
  std::vector<int> numbers;
  for (const PageView& view : views) numbers.push_back(view.page);
  GLMV_ASSIGN(const std::vector<PageSize> sizes, page_sizes(numbers, wanted));
  const std::vector<Piece> pieces = pieces_of(views, sizes, pages, num_programs);
  const double max_seconds = shared_->limits.max_seconds;
  const auto end =
      Clock::now() + std::chrono::ceil<Clock::duration>(std::chrono::duration<double>(max_seconds));
  std::atomic<size_t> next = 0;
  std::mutex failing;
  Result<void> outcome;
  std::atomic<bool> failed = false;
  const Wanted still_wanted = [&] { return !failed && is_wanted(wanted); };
  const auto work = [&] {
    for (size_t p = next++; p < pieces.size() && !failed; p = next++) {
      const Piece& piece = pieces[p];
      size_t at = piece.first;
      Result<void> done;
      {
        const Place place(shared_->programs, still_wanted);
        const double left = seconds_until(end);
        const auto take = [&](Image page) {
          pages[at++] = as_pixels(std::move(page));
          count();
          return still_wanted();
        };
        if (!place.ok()) {
          done = std::unexpected(no_longer_wanted());
        } else if (left <= 0) {
          done = resource_exhausted("rendering it takes longer than {:.0f} s", max_seconds);
        } else {
          done = render_pages(*pdf_, piece.run, left, take, still_wanted);
        }
      }
      if (done) continue;
      const std::lock_guard lock(failing);
      if (outcome) outcome = done;
      failed = true;
    }
  };
  {
    std::vector<std::jthread> others;
    const size_t num_threads = std::min<size_t>(pieces.size(), static_cast<size_t>(num_programs));
    for (size_t i = 1; i < num_threads; ++i) others.emplace_back(work);
    work();
  }
  GLMV_RETURN_IF_ERROR(outcome);
  const std::lock_guard lock(shared_->mutex);
  for (const Piece& piece : pieces) {
    for (size_t i = piece.first; i < piece.first + static_cast<size_t>(piece.run.count); ++i) {
      shared_->pages.put(Shared::page_key(digest_, views[i]), pages[i], bytes_of(pages[i]));
    }
  }
  return pages;
}

DocumentReader::DocumentReader(DocumentLimits limits)
    : shared_(std::make_shared<Document::Shared>(limits)), slides_(limits.max_kept_bytes) {}

Result<std::shared_ptr<const Document>> DocumentReader::open_pdf(DocumentKind kind,
                                                                 const Digest& digest,
                                                                 std::string_view pdf,
                                                                 const Wanted& wanted) const {
  const auto document = std::make_shared<Document>();
  document->kind_ = kind;
  document->digest_ = digest;
  document->shared_ = shared_;
  document->num_bytes_ = std::ssize(pdf);
  auto file = file_of_bytes(pdf);
  if (!file) return unavailable("{}", file.error().message);
  document->pdf_ = *std::move(file);
  const Place place(shared_->programs, wanted);
  if (!place.ok()) return std::unexpected(no_longer_wanted());
  GLMV_ASSIGN(const PdfInfo info,
              pdf_info(*document->pdf_, 1, kFirstLook, shared_->limits.max_seconds, wanted));
  document->num_pages_ = info.num_pages;
  document->note_sizes(1, info.sizes);
  return document;
}

Result<std::shared_ptr<const Document>> DocumentReader::open(std::string_view bytes,
                                                             const Wanted& wanted) {
  GLMV_ASSIGN(const DocumentKind kind, document_kind(bytes));
  if (kind == DocumentKind::kText) return unsupported("text has no pages");
  const Digest digest = sha256_of(bytes);
  if (!is_slides(kind)) return open_pdf(kind, digest, bytes, wanted);
  std::unique_lock turn(office_, std::defer_lock);
  while (!turn.try_lock_for(kWantedInterval)) {
    if (!is_wanted(wanted)) return std::unexpected(no_longer_wanted());
  }
  {
    const std::lock_guard lock(mutex_);
    if (const auto* kept = slides_.find(digest)) return *kept;
  }
  GLMV_ASSIGN(const std::string pdf, slides_to_pdf(bytes, kind, shared_->limits.slides, wanted));
  GLMV_ASSIGN(auto document, open_pdf(kind, digest, pdf, wanted));
  const std::lock_guard lock(mutex_);
  slides_.put(digest, document, document->num_bytes());
  return document;
}

Result<void> check_pdf_programs() {
  for (const char* name : {"pdfinfo", "pdftoppm"}) {
    if (!find_program(name)) {
      return unavailable("PDF files need {}, which is not installed: apt-get install poppler-utils",
                         name);
    }
  }
  return {};
}

}  // namespace glmv::media
