#include "glmv/media/document_kind.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/media/format.h"
#include "glmv/media/zip_directory.h"

namespace glmv::media {
namespace {

using std::string_view_literals::operator""sv;

struct KindRow {
  DocumentKind kind;
  std::string_view name, extension, media_type;
};
constexpr KindRow kKinds[] = {
    {DocumentKind::kPdf, "PDF document", "pdf", "application/pdf"},
    {DocumentKind::kPptx, "PowerPoint slides", "pptx",
     "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {DocumentKind::kOdp, "OpenDocument slides", "odp",
     "application/vnd.oasis.opendocument.presentation"},
    {DocumentKind::kPpt, "PowerPoint slides", "ppt", "application/vnd.ms-powerpoint"},
    {DocumentKind::kText, "text", "txt", "text/plain"},
};
const KindRow& row_of(DocumentKind kind) {
  return *std::ranges::find(kKinds, kind, &KindRow::kind);
}

// Viewers take a PDF file with other things in front of it.
constexpr size_t kPdfSearchBytes = 1024;
constexpr size_t kMaxManifestBytes = size_t{4} << 20;
constexpr size_t kMaxTypeBytes = 256;

// Compound files (OLE): names of streams are UTF-16.
constexpr std::string_view kCompoundMark = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv;
constexpr std::string_view kPowerPointStream =
    "P\0o\0w\0e\0r\0P\0o\0i\0n\0t\0 \0D\0o\0c\0u\0m\0e\0n\0t\0"sv;
constexpr std::string_view kEncryptedStream = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv;
// The atom that says which user edits the slides, with the mark of encrypted ones.
constexpr std::string_view kEncryptedUser = "\x14\0\0\0\xdf\xc4\xd1\xf3"sv;

std::unexpected<Status> encrypted() {
  return unsupported("it is encrypted: save it without a password and give that");
}

Result<DocumentKind> compound_kind(std::string_view bytes) {
  const auto holds = [bytes](std::string_view part) { return bytes.find(part) != bytes.npos; };
  if (holds(kEncryptedStream)) return encrypted();
  if (!holds(kPowerPointStream)) {
    return unsupported("an office document that is not PowerPoint's: save it as PDF and give that");
  }
  if (holds(kEncryptedUser)) return encrypted();
  return DocumentKind::kPpt;
}

Result<DocumentKind> zip_kind(std::string_view bytes) {
  GLMV_ASSIGN(const std::vector<ZipEntry> entries, read_zip_directory(bytes));
  const auto find = [&entries](std::string_view name) -> const ZipEntry* {
    const auto it = std::ranges::find(entries, name, &ZipEntry::name);
    return it == entries.end() ? nullptr : &*it;
  };
  if (find("ppt/presentation.xml") != nullptr) return DocumentKind::kPptx;
  if (const ZipEntry* const type = find("mimetype"); type != nullptr) {
    GLMV_ASSIGN(const std::string name, unpack(*type, kMaxTypeBytes));
    if (name.starts_with(media_type(DocumentKind::kOdp))) {
      if (find("encrypted-package") != nullptr) return encrypted();
      if (const ZipEntry* const manifest = find("META-INF/manifest.xml"); manifest != nullptr) {
        GLMV_ASSIGN(const std::string text, unpack(*manifest, kMaxManifestBytes));
        if (text.find("encryption-data") != text.npos) return encrypted();
      }
      return DocumentKind::kOdp;
    }
  }
  const bool office = find("mimetype") != nullptr || find("[Content_Types].xml") != nullptr;
  return unsupported("{}: {}", office ? "an office document without slides" : "a ZIP archive",
                     office ? "save it as PDF and give that" : "unpack it first");
}

}  // namespace

std::string_view kind_name(DocumentKind kind) { return row_of(kind).name; }
std::string_view file_extension(DocumentKind kind) { return row_of(kind).extension; }
std::string_view media_type(DocumentKind kind) { return row_of(kind).media_type; }

Result<DocumentKind> document_kind(std::string_view bytes) {
  if (bytes.empty()) return invalid_argument("it is empty");
  if (bytes.substr(0, kPdfSearchBytes).find("%PDF-") != bytes.npos) return DocumentKind::kPdf;
  if (bytes.starts_with("PK\x03\x04")) return zip_kind(bytes);
  if (bytes.starts_with(kCompoundMark)) return compound_kind(bytes);
  if (const auto picture = sniff_format(bytes); picture && *picture != ImageFormat::kBmp) {
    return unsupported("a {} picture, no document: give it as a picture", format_name(*picture));
  }
  if (bytes.find('\0') == bytes.npos && !find_invalid_utf8(bytes)) return DocumentKind::kText;
  const bool utf16 = bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff");
  return unsupported(
      "neither PDF, slides (PPTX, PPT, ODP) nor text in UTF-8; it looks like {}",
      utf16 ? "text in UTF-16: convert it with iconv -t UTF-8" : describe_content(bytes));
}

}  // namespace glmv::media
