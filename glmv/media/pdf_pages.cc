#include "glmv/media/pdf_pages.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include "glmv/base/limited_program.h"
#include "glmv/media/resize.h"

namespace glmv::media {
namespace {

constexpr size_t kMaxInfoBytes = size_t{4} << 20;
constexpr size_t kMemoryBytes = size_t{1} << 30;
constexpr int kMaxPages = 10'000'000;
constexpr double kMaxPoints = 1e7;  // of a side

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  text = trimmed(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// "595.276 x 841.89 pts (A4)"
std::optional<PageSize> page_size(std::string_view text) {
  text = trimmed(text);
  const size_t x = text.find(" x "), unit = text.find(" pts");
  if (x == text.npos || unit == text.npos || unit < x) return {};
  const auto width = number<double>(text.substr(0, x));
  const auto height = number<double>(text.substr(x + 3, unit - x - 3));
  if (!width || !height || !(*width > 0 && *height > 0)) return {};
  if (*width > kMaxPoints || *height > kMaxPoints) return {};
  return PageSize{*width, *height};
}

Result<LimitedProgram> poppler(std::string_view name, const Fd& file, double max_seconds) {
  const auto path = find_program(name);
  if (!path) {
    return unavailable("PDF files need {}, which is not installed: apt-get install poppler-utils",
                       name);
  }
  return LimitedProgram{.command = {path->string()},
                        .file = file.get(),
                        .limits = {.max_seconds = max_seconds,
                                   .max_cpu_seconds = max_seconds,
                                   .max_memory_bytes = kMemoryBytes}};
}

Result<void> check_end(const ProgramEnd& end, double max_seconds) {
  if (end.out_of_time) {
    return resource_exhausted("reading it takes longer than {:.0f} s", max_seconds);
  }
  if (end.exit_code == 0) return {};
  if (end.errors.find("Incorrect password") != std::string::npos) {
    return unsupported("it is encrypted: save it without a password and give that");
  }
  // No memory: it aborts, or is killed.
  if (end.signal == SIGKILL || end.errors.find("ut of memory") != std::string::npos ||
      end.errors.find("bad_alloc") != std::string::npos) {
    return resource_exhausted("reading it takes more than {} MB of memory", kMemoryBytes >> 20);
  }
  return invalid_argument("no PDF file, or a damaged one");
}

}  // namespace

namespace internal {

Result<PdfInfo> parse_pdf_info(std::string_view text, int first, int last) {
  // Titles and the like are text of the file and stand before the number of pages, whatever lines
  // they have.
  constexpr std::string_view kPages = "\nPages:";
  std::string whole = "\n";
  whole += text;
  const size_t at = whole.rfind(kPages);
  if (at == whole.npos) return invalid_argument("no PDF file, or a damaged one");
  std::string_view rest = std::string_view(whole).substr(at + kPages.size());
  PdfInfo info;
  const auto pages = number<int>(rest.substr(0, rest.find('\n')));
  if (!pages || *pages < 1 || *pages > kMaxPages) {
    return invalid_argument("a PDF file without pages, or a damaged one");
  }
  info.num_pages = *pages;
  last = std::min(last, info.num_pages);
  if (first > last) return info;
  info.sizes.resize(static_cast<size_t>(last - first + 1));
  // "Page    7 size:  595 x 842 pts (A4)", "Page    7 rot:   90"; "Page size:", "Page rot:" where
  // one page was asked for without saying which.
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    constexpr std::string_view kPage = "Page ";
    const size_t colon = line.find(':');
    if (!line.starts_with(kPage) || colon == line.npos) continue;
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
    const bool is_size = name.ends_with(" size"), is_turn = name.ends_with(" rot");
    if (!is_size && !is_turn) continue;
    const size_t word = name.rfind(' ');
    if (word < kPage.size()) continue;
    const auto page = number<int>(name.substr(kPage.size(), word - kPage.size()));
    if (!page || *page < first || *page > last) continue;
    PageSize& size = info.sizes[static_cast<size_t>(*page - first)];
    if (is_size) size = page_size(value).value_or(PageSize{});
    if (is_turn && number<int>(value).value_or(0) % 180 != 0) {
      size = {size.height, size.width, true};
    }
  }
  return info;
}

PpmReader::PpmReader(int64_t max_pixels, std::function<bool(Image)> on_page)
    : max_pixels_(max_pixels), on_page_(std::move(on_page)) {}

// "P6\n595 842\n255\n"
bool PpmReader::read_header() {
  std::string_view text = header_;
  constexpr std::string_view kBegin = "P6\n", kEnd = "\n255\n";
  if (!text.starts_with(kBegin) || !text.ends_with(kEnd)) return false;
  text.remove_prefix(kBegin.size());
  text.remove_suffix(kEnd.size());
  const size_t blank = std::min(text.find(' '), text.size());
  const auto width = number<int>(text.substr(0, blank));
  const auto height = number<int>(text.substr(blank));
  if (!width || !height || *width < 1 || *height < 1 || *height > max_pixels_ / *width)
    return false;
  image_.width = *width;
  image_.height = *height;
  image_.data.resize(static_cast<size_t>(*width) * static_cast<size_t>(*height) * 3);
  return true;
}

bool PpmReader::add(std::string_view bytes) {
  constexpr int kLines = 3;
  constexpr size_t kMaxHeader = 40;
  while (!bytes.empty()) {
    if (image_.data.empty()) {
      header_ += bytes.front();
      bytes.remove_prefix(1);
      failed_ = header_.size() > kMaxHeader ||
                (std::ranges::count(header_, '\n') == kLines && !read_header());
      if (failed_) return false;
      continue;
    }
    const size_t more = std::min(image_.data.size() - num_bytes_, bytes.size());
    std::memcpy(image_.data.data() + num_bytes_, bytes.data(), more);
    bytes.remove_prefix(more);
    num_bytes_ += more;
    if (num_bytes_ < image_.data.size()) continue;
    num_bytes_ = 0;
    header_.clear();
    ++num_pages_;
    if (!on_page_(std::exchange(image_, {}))) return false;
  }
  return true;
}

}  // namespace internal

Result<PdfInfo> pdf_info(const Fd& file, int first, int last, double max_seconds,
                         const Wanted& wanted) {
  GLMV_ASSIGN(LimitedProgram program, poppler("pdfinfo", file, max_seconds));
  for (const std::string& word : {std::string("-f"), std::to_string(first), std::string("-l"),
                                  std::to_string(last), std::string(kProgramFile)}) {
    program.command.push_back(word);
  }
  std::string text;
  const auto take = [&text](std::string_view piece) {
    text += piece;
    return text.size() <= kMaxInfoBytes;
  };
  GLMV_ASSIGN(const ProgramEnd end, run_limited(program, take, wanted));
  GLMV_RETURN_IF_ERROR(check_end(end, max_seconds));
  return internal::parse_pdf_info(text, first, last);
}

Result<void> render_pages(const Fd& file, const PageRun& run, double max_seconds,
                          const std::function<bool(Image)>& on_page, const Wanted& still_wanted) {
  GLMV_ASSIGN(LimitedProgram program, poppler("pdftoppm", file, max_seconds));
  std::vector<std::string> words = {"-q", "-cropbox",
                                    "-f", std::to_string(run.first),
                                    "-l", std::to_string(run.first + run.count - 1)};
  // Different scales of width and height go wrong where a page is turned.
  const bool turned = run.turned_dpi > 0;
  const std::vector<std::string> scale =
      turned ? std::vector<std::string>{"-r", fmt::format("{:.4f}", run.turned_dpi)}
             : std::vector<std::string>{"-scale-to-x", std::to_string(run.width), "-scale-to-y",
                                        std::to_string(run.height)};
  words.insert(words.end(), scale.begin(), scale.end());
  words.emplace_back(kProgramFile);
  program.command.insert(program.command.end(), words.begin(), words.end());
  bool wanted = true;
  const int64_t max_pixels = 2 * (int64_t{run.width} + 16) * (int64_t{run.height} + 16);
  internal::PpmReader reader(max_pixels, [&](Image page) {
    if (page.width != run.width || page.height != run.height) {
      page = resize_bicubic(page, run.width, run.height);
    }
    wanted = on_page(std::move(page));
    return wanted;
  });
  const auto ended = run_limited(
      program, [&reader](std::string_view bytes) { return reader.add(bytes); }, still_wanted);
  if (!wanted) return cancelled("rendering was stopped");
  if (reader.failed()) return invalid_argument("the pages do not come as pictures of their size");
  GLMV_ASSIGN(const ProgramEnd end, ended);
  GLMV_RETURN_IF_ERROR(check_end(end, max_seconds));
  if (reader.num_pages() != run.count || reader.inside()) {
    return invalid_argument("page {} is damaged: it gives no picture",
                            run.first + reader.num_pages());
  }
  return {};
}

}  // namespace glmv::media
