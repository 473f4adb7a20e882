#include "apps/glmv/input_picture.h"

#include <algorithm>
#include <filesystem>

#include "glmv/media/base64.h"
#include "glmv/media/decode.h"
#include "glmv/media/document_kind.h"
#include "glmv/media/file_url.h"
#include "glmv/media/format.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/source.h"
#include "glmv/net/media_fetcher.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxPixels = 100'000'000;
constexpr int kMaxRedirects = 3;
constexpr std::string_view kEndings[] = {".jpg", ".jpeg", ".png",  ".webp", ".gif",
                                         ".bmp", ".tif",  ".tiff", ".avif"};

std::string_view mime_of(media::ImageFormat format) {
  switch (format) {
    case media::ImageFormat::kJpeg:
      return "image/jpeg";
    case media::ImageFormat::kWebp:
      return "image/webp";
    case media::ImageFormat::kGif:
      return "image/gif";
    case media::ImageFormat::kBmp:
      return "image/bmp";
    case media::ImageFormat::kTiff:
      return "image/tiff";
    case media::ImageFormat::kAvif:
      return "image/avif";
    case media::ImageFormat::kPng:
      break;
  }
  return "image/png";
}

std::string data_url(std::string_view mime, std::string_view bytes) {
  return fmt::format("data:{};base64,{}", mime, media::encode_base64(bytes));
}

// The file's own bytes where every renderer shows them like the decoded picture.
Result<std::string> showing_url(const std::string& bytes, media::ImageFormat format,
                                int orientation, const media::Image& image) {
  const bool plain = orientation == 1 &&
                     (format == media::ImageFormat::kJpeg || format == media::ImageFormat::kPng);
  if (plain) return data_url(mime_of(format), bytes);
  GLMV_ASSIGN(const std::string png, media::encode_png(image));
  return data_url("image/png", png);
}

bool is_document(const std::string& bytes) {
  const auto kind = media::document_kind(bytes);
  return kind && *kind != media::DocumentKind::kText;
}

}  // namespace

bool is_web_url(const std::string& name) {
  return media::has_prefix_ignoring_case(name, "http://") ||
         media::has_prefix_ignoring_case(name, "https://");
}

Result<std::vector<std::string>> PictureInput::list(const std::vector<std::string>& pictures,
                                                    const DocumentFlags& documents) {
  GLMV_ASSIGN(std::vector<std::string> names, expand_folders(pictures));
  GLMV_ASSIGN(const std::vector<std::string> pages, pages_.open(documents));
  names.insert(names.end(), pages.begin(), pages.end());
  return names;
}

Result<InputPicture> PictureInput::load(const std::string& name) {
  if (pages_.page_of(name) > 0) return load_page(name);
  if (is_web_url(name)) return fetch(name);
  GLMV_ASSIGN(const media::SourceBytes loaded, media::load_source(name));
  auto decoded = decoder_->decode_file(loaded.bytes, loaded.name);
  if (!decoded) {
    if (is_document(loaded.bytes)) {
      return invalid_argument("{}: no picture but a document; give its pages with --doc {}",
                              loaded.name, loaded.name);
    }
    return std::unexpected(std::move(decoded.error()));
  }
  InputPicture picture{.name = name, .source = name};
  GLMV_ASSIGN(picture.href,
              showing_url(loaded.bytes, decoded->format, decoded->orientation, decoded->image));
  picture.image = std::move(decoded->image);
  return picture;
}

Result<InputPicture> PictureInput::load_page(const std::string& name) const {
  InputPicture picture{.name = name, .page = pages_.page_of(name)};
  GLMV_ASSIGN(picture.image, pages_.render(name));
  GLMV_ASSIGN(const std::string png, media::encode_png(picture.image));
  picture.href = picture.source = data_url("image/png", png);
  return picture;
}

Result<InputPicture> PictureInput::fetch(const std::string& name) {
  const std::string shown = media::short_name(name);
  const auto url = net::parse_url(name);
  if (!url) return in_context("picture " + shown, url.error());
  // The person at the command line chose the port; addresses are checked all the same.
  std::vector<std::string> allowed = {"*"};
  if (url->has_port) allowed.push_back("*:" + std::to_string(url->port));
  GLMV_ASSIGN(const net::MediaFetcher fetcher,
              net::MediaFetcher::create(
                  {.allowed_domains = std::move(allowed), .max_redirects = kMaxRedirects}));
  const auto fetched = fetcher.fetch(name, {});
  if (!fetched && fetched.error() == net::FetchFault::kTooLarge) {
    return resource_exhausted("picture {}: larger than 32 MB; save it and give its path", shown);
  }
  if (!fetched) {
    return unavailable(
        "picture {}: not fetched: the address is not public, does not answer, or has no such "
        "picture; save it and give its path",
        shown);
  }
  const auto format = media::sniff_format(*fetched);
  if (!format) {
    return invalid_argument("picture {}: no picture but {}", shown,
                            media::describe_content(*fetched));
  }
  auto image = decoder_->decode(*fetched, kMaxPixels);
  if (!image) return in_context("picture " + shown, image.error());
  InputPicture picture{.name = name, .source = data_url(mime_of(*format), *fetched)};
  GLMV_ASSIGN(const std::string png, media::encode_png(*image));
  picture.href = data_url("image/png", png);
  picture.image = std::move(*image);
  return picture;
}

Result<std::vector<std::string>> expand_folders(const std::vector<std::string>& names) {
  std::vector<std::string> pictures;
  for (const std::string& name : names) {
    std::error_code error;
    if (is_web_url(name) || !fs::is_directory(name, error)) {
      pictures.push_back(name);
      continue;
    }
    const size_t before = pictures.size();
    for (const fs::directory_entry& entry : fs::directory_iterator(name, error)) {
      std::string ending = entry.path().extension().string();
      std::ranges::transform(ending, ending.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
      if (std::ranges::find(kEndings, ending) != std::end(kEndings) &&
          entry.is_regular_file(error)) {
        pictures.push_back(entry.path().string());
      }
    }
    if (pictures.size() == before) {
      return invalid_argument("{}: a folder without pictures", name);
    }
    std::sort(pictures.begin() + static_cast<std::ptrdiff_t>(before), pictures.end());
  }
  return pictures;
}

}  // namespace glmv::app
