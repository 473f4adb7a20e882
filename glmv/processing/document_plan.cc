#include "glmv/processing/document_plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "glmv/media/file_url.h"
#include "glmv/media/source.h"
#include "glmv/processing/image_processor.h"
#include "glmv/processing/video_plan.h"
#include "glmv/text/page_list.h"

namespace glmv::processing {
namespace {

constexpr double kMaxDpi = 180;  // where a budget decides
constexpr double kLeastDpi = 6;
constexpr double kPointsPerInch = 72;
// Begin and end of a picture, and the number of its page.
constexpr int64_t kTokensBeside = 10;
constexpr int kSteps = 24;  // of the search: finer than a pixel

// The first, the last and every n-th between, `most` in all.
std::vector<int> spread_slides(int num_slides, int most) {
  const int middle = num_slides - 2, slots = most - 2;
  std::vector<int> pages = {1};
  if (most == 1) return pages;
  const int step = slots > 0 ? middle / slots : 1;
  for (int i = 0; i < slots; ++i) pages.push_back(2 + i * step);
  pages.push_back(num_slides);
  return pages;
}

Result<std::vector<int>> chosen_pages(int num_pages, bool slides, const std::string& list,
                                      const DocumentRule& rule) {
  const int64_t most = slides ? std::min(rule.max_slides, rule.max_pages) : rule.max_pages;
  if (list.empty() && slides && num_pages > most) {
    return spread_slides(num_pages, static_cast<int>(most));
  }
  return text::pick_pages(list, num_pages, rule.max_pages);
}

// Pages at a resolution, as the model gets them.
class Sizer {
 public:
  Sizer(std::vector<media::PageSize> sizes, const MediaConfig& config, int64_t max_pixels)
      : sizes_(std::move(sizes)), config_(config), max_pixels_(max_pixels) {
    config_.do_resize = true;  // whatever size the model can take is rendered
  }

  Result<FrameSize> at(size_t page, double dpi) const {
    const auto pixels = [dpi](double points) {
      return std::max<int64_t>(std::llround(points * dpi / kPointsPerInch), 1);
    };
    return resized(config_, MediaKind::kImage, 1,
                   {pixels(sizes_[page].height), pixels(sizes_[page].width)}, max_pixels_);
  }

  Result<int64_t> num_tokens(double dpi) const {
    const int64_t side = config_.patch_size * config_.merge_size;
    int64_t sum = 0;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      GLMV_ASSIGN(const FrameSize size, at(i, dpi));
      sum += (size.height / side) * (size.width / side) + kTokensBeside;
    }
    return sum;
  }

 private:
  const std::vector<media::PageSize> sizes_;
  MediaConfig config_;
  const int64_t max_pixels_;
};

// The largest resolution that the budget allows.
Result<double> affordable_dpi(const Sizer& sizer, int64_t max_tokens) {
  double low = kLeastDpi, high = kMaxDpi;
  GLMV_ASSIGN(const int64_t most, sizer.num_tokens(high));
  if (most <= max_tokens) return high;
  GLMV_ASSIGN(const int64_t least, sizer.num_tokens(low));
  if (least > max_tokens) {
    return resource_exhausted(
        "these pages have {} tokens even when they are tiny, more than the {} that there are for a "
        "document: choose fewer pages",
        least, max_tokens);
  }
  for (int i = 0; i < kSteps; ++i) {
    const double middle = (low + high) / 2;
    GLMV_ASSIGN(const int64_t tokens, sizer.num_tokens(middle));
    (tokens <= max_tokens ? low : high) = middle;
  }
  return low;
}

// The end of a path, for the prompt.
std::string file_name(const text::ContentPart& part) {
  std::string_view name = part.name;
  if (name.empty() && !media::has_prefix_ignoring_case(part.source, "data:")) name = part.source;
  return media::short_name(name.substr(name.rfind('/') + 1));
}

std::string in_messages(const text::ContentPart& part) {
  const std::string name = file_name(part);
  return name.empty() ? "the document" : "document " + name;
}

}  // namespace

Result<DocumentPlan> plan_document(const media::Document& document, const text::ContentPart& part,
                                   const ProcessorConfig& config, const DocumentRule& rule,
                                   int64_t max_pixels, const Wanted& wanted) {
  GLMV_ASSIGN(
      const std::vector<int> pages,
      chosen_pages(document.num_pages(), media::is_slides(document.kind()), part.pages, rule));
  GLMV_ASSIGN(std::vector<media::PageSize> sizes, document.page_sizes(pages, wanted));
  const MediaConfig& media = config.image;
  const Sizer sizer(std::move(sizes), media, part_max_pixels(part, max_pixels, media));
  // Its shape alone decides whether a page can be shown.
  for (size_t i = 0; i < pages.size(); ++i) {
    if (const auto size = sizer.at(i, kMaxDpi); !size) {
      return in_context(fmt::format("page {}", pages[i]), size.error());
    }
  }
  DocumentPlan plan{.dpi = part.dpi};
  if (plan.dpi <= 0) {
    GLMV_ASSIGN(plan.dpi,
                affordable_dpi(sizer, part.max_tokens > 0 ? part.max_tokens : rule.max_tokens));
  }
  GLMV_ASSIGN(plan.num_tokens, sizer.num_tokens(plan.dpi));
  for (size_t i = 0; i < pages.size(); ++i) {
    GLMV_ASSIGN(const FrameSize size, sizer.at(i, plan.dpi));
    plan.pages.push_back({pages[i], static_cast<int>(size.width), static_cast<int>(size.height)});
  }
  return plan;
}

std::vector<text::ContentPart> page_parts(const DocumentPlan& plan,
                                          std::span<const RgbPixels> pictures) {
  std::vector<text::ContentPart> parts;
  for (size_t i = 0; i < plan.pages.size(); ++i) {
    if (plan.pages.size() > 1) {
      parts.push_back(
          {.text = fmt::format("{}Page {}:\n", i == 0 ? "" : "\n", plan.pages[i].page)});
    }
    parts.push_back({.kind = text::PartKind::kImage, .pixels = {pictures[i]}, .pixels_fit = true});
  }
  return parts;
}

text::ContentPart text_file_part(std::string_view name, std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  // Longer than any fence inside.
  size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  const size_t dot = name.rfind('.');
  std::string_view language = dot == name.npos ? "" : name.substr(dot + 1);
  const bool plain = std::ranges::all_of(language, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (!plain || language.size() > 12) language = {};
  std::string out = name.empty() ? std::string() : std::string(name) + ":\n";
  out += fmt::format("{}{}\n{}", fence, language, text);
  if (!out.ends_with('\n')) out += '\n';
  return {.text = out + fence + "\n"};
}

Result<std::vector<text::ContentPart>> read_document(media::DocumentReader& reader,
                                                     std::string_view bytes,
                                                     const text::ContentPart& part,
                                                     const ProcessorConfig& config,
                                                     const DocumentRule& rule, int64_t max_pixels,
                                                     Preparation* preparation) {
  GLMV_ASSIGN(const media::DocumentKind kind, media::document_kind(bytes));
  if (kind == media::DocumentKind::kText) {
    if (!part.pages.empty()) return invalid_argument("a text file has no pages to choose from");
    if (bytes.size() > rule.max_text_bytes) {
      return resource_exhausted("{} bytes of text are more than {}", bytes.size(),
                                rule.max_text_bytes);
    }
    return std::vector{text_file_part(file_name(part), bytes)};
  }
  const Wanted wanted = wanted_by(preparation);
  GLMV_ASSIGN(const auto document, reader.open(bytes, wanted));
  GLMV_ASSIGN(const DocumentPlan plan,
              plan_document(*document, part, config, rule, max_pixels, wanted));
  const auto on_page = [&](int64_t num_done) {
    if (preparation != nullptr) {
      preparation->count(MediaUnit::kPages, num_done, std::ssize(plan.pages));
    }
  };
  on_page(0);
  GLMV_ASSIGN(const std::vector<RgbPixels> pictures, document->render(plan.pages, wanted, on_page));
  return page_parts(plan, pictures);
}

bool has_documents(std::span<const text::Message> messages) {
  return std::ranges::any_of(messages, [](const text::Message& message) {
    return std::ranges::any_of(message.content, [](const text::ContentPart& part) {
      return part.kind == text::PartKind::kDocument;
    });
  });
}

Result<std::vector<text::Message>> expand_documents(std::span<const text::Message> messages,
                                                    media::DocumentReader& reader,
                                                    const ProcessorConfig& config,
                                                    const DocumentRule& rule, int64_t max_pixels,
                                                    Preparation* preparation) {
  std::vector<text::Message> out(messages.begin(), messages.end());
  for (size_t m = 0; m < out.size(); ++m) {
    if (!has_documents({&out[m], 1})) continue;
    std::vector<text::ContentPart> content;
    for (size_t p = 0; p < out[m].content.size(); ++p) {
      text::ContentPart& part = out[m].content[p];
      if (part.kind != text::PartKind::kDocument) {
        content.push_back(std::move(part));
        continue;
      }
      if (preparation != nullptr) preparation->begin(file_name(part));
      auto loaded =
          media::load_source(part.source, {.max_bytes = rule.max_bytes, .what = "document"});
      if (!loaded) return text::in_part(part, m, p, loaded.error());
      auto parts =
          read_document(reader, loaded->bytes, part, config, rule, max_pixels, preparation);
      if (!parts) {
        return text::in_part(part, m, p, in_context(in_messages(part), parts.error()).error());
      }
      std::ranges::move(*parts, std::back_inserter(content));
    }
    out[m].content = std::move(content);
    out[m].content_is_string = false;
  }
  return out;
}

}  // namespace glmv::processing
