#include "apps/glmv/media_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "glmv/base/cpus.h"
#include "glmv/media/child_decoder.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/document.h"

namespace glmv::app {
namespace {

constexpr size_t kManyCores = 4;  // from so many on, two pictures are decoded at once

Result<void> read_count(const std::string& text, server::MediaLimits& limits) {
  const size_t equals = std::min(text.find('='), text.size());
  const std::string kind = text.substr(0, equals);
  int64_t count = -1;
  const char* begin = text.data() + std::min(equals + 1, text.size());
  const char* end = text.data() + text.size();
  const bool whole = std::from_chars(begin, end, count).ptr == end && count >= 0 && count <= 10'000;
  int64_t* const limit = kind == "image"      ? &limits.max_images
                         : kind == "video"    ? &limits.max_videos
                         : kind == "document" ? &limits.max_documents
                                              : nullptr;
  if (!whole || limit == nullptr) {
    return invalid_argument("--limit-mm-per-prompt {}: write image=N, video=N or document=N", text);
  }
  *limit = count;
  return {};
}

Result<std::shared_ptr<media::PictureDecoder>> make_decoder(const MediaFlags& flags) {
  if (flags.decoder == "inline") return std::make_shared<media::InlineDecoder>();
  media::ChildDecoderOptions options;
  options.max_pixels = flags.limits.max_picture_pixels;
  options.command = {kThisProgram, "decode-media", std::to_string(options.max_pixels)};
  options.num_children = allowed_cpus().size() >= kManyCores ? 2 : 1;
  return media::ChildDecoder::start(std::move(options));
}

std::shared_ptr<media::VideoOpener> make_video_opener(const MediaFlags& flags) {
  const media::VideoLimits limits{.max_pixels = flags.limits.max_picture_pixels,
                                  .max_seconds = flags.limits.max_video_seconds};
  if (flags.decoder == "inline") return std::make_shared<media::InlineVideoOpener>(limits);
  return std::make_shared<media::ChildVideoOpener>(media::ChildVideoOptions{
      .limits = limits, .max_children = allowed_cpus().size() >= kManyCores ? 2 : 1});
}

}  // namespace

void add_media_flags(CLI::App& command, MediaFlags& flags) {
  const std::string group = "Pictures, videos and documents of requests";
  const std::string sources = "Sources of media, and who decodes them";
  command
      .add_option("--limit-mm-per-prompt", flags.per_prompt,
                  "media of one request at most (default image=64,video=1,document=4)")
      ->delimiter(',')
      ->group(group);
  command
      .add_option("--max-image-pixels", flags.limits.max_picture_pixels,
                  "of one picture, as its header says")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--max-video-mb", flags.max_video_mb, "size of a video file in a request")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--max-video-seconds", flags.limits.max_video_seconds,
                  "time that the reading of one video may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  command.add_option("--max-document-mb", flags.max_document_mb, "size of a document in a request")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 12))
      ->capture_default_str()
      ->group(group);
  command
      .add_option(
          "--max-pages", flags.max_pages,
          "pages of a document that one request may show; requests choose them by \"pages\"")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--doc-tokens", flags.document_tokens,
                  "tokens of a document's pages at most, which decides their size (default: 24000, "
                  "or three quarters of a smaller context)")
      ->check(CLI::Range(int64_t{64}, int64_t{10'000'000}))
      ->group(group);
  command
      .add_option("--max-pixels", flags.limits.max_model_pixels,
                  "pixels per picture that the model gets at most: fewer is faster (0: the "
                  "model's limit)")
      ->check(CLI::NonNegativeNumber)
      ->group(group);
  command
      .add_option("--allow-media-domains", flags.domains,
                  "hosts, or host:port, from which pictures are fetched, or *: any public one "
                  "(default: none)")
      ->delimiter(',')
      ->group(sources);
  command
      .add_option("--media-redirects", flags.max_redirects,
                  "redirects that are followed, each by the same rules")
      ->check(CLI::Range(0, 3))
      ->capture_default_str()
      ->group(sources);
  command
      .add_option("--allowed-local-media-path", flags.folder,
                  "folder whose files requests may name as file:///...")
      ->group(sources);
  command.add_flag("--i-know", flags.allow_root, "lets --allowed-local-media-path be /")
      ->group(sources);
  command
      .add_option("--media-decoder", flags.decoder,
                  "child: pictures are decoded in a process that may do nothing else; inline: in "
                  "this one, faster and less safe")
      ->check(CLI::IsMember({"child", "inline"}))
      ->capture_default_str()
      ->group(sources);
}

Result<server::MediaOptions> media_options(const MediaFlags& flags) {
  server::MediaOptions options;
  options.limits = flags.limits;
  options.limits.max_video_bytes = static_cast<size_t>(flags.max_video_mb) << 20;
  for (const std::string& text : flags.per_prompt) {
    GLMV_RETURN_IF_ERROR(read_count(text, options.limits));
  }
  if (!flags.domains.empty()) {
    auto fetcher = net::MediaFetcher::create(
        {.allowed_domains = flags.domains, .max_redirects = flags.max_redirects});
    if (!fetcher) return in_context("--allow-media-domains", fetcher.error());
    options.fetcher = std::make_shared<const net::MediaFetcher>(std::move(*fetcher));
  }
  if (!flags.folder.empty()) {
    auto folder = media::LocalFolder::open(flags.folder, flags.allow_root);
    if (!folder) return in_context("--allowed-local-media-path", folder.error());
    options.folder = std::make_shared<const media::LocalFolder>(std::move(*folder));
  }
  options.limits.max_document_bytes = static_cast<size_t>(flags.max_document_mb) << 20;
  options.document_rule.max_pages = flags.max_pages;
  if (flags.document_tokens > 0) options.document_rule.max_tokens = flags.document_tokens;
  if (media::check_pdf_programs()) options.documents = std::make_shared<media::DocumentReader>();
  GLMV_ASSIGN(options.decoder, make_decoder(flags));
  options.videos = make_video_opener(flags);
  return options;
}

}  // namespace glmv::app
