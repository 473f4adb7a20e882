#include "glmv/hub/repo_name.h"

#include <algorithm>

#include "glmv/base/utf8.h"

namespace glmv::hub {
namespace {

constexpr std::string_view kFolderPrefix = "models--";
constexpr size_t kMaxNameBytes = 96;
constexpr size_t kMaxPathBytes = 1024;
constexpr size_t kMaxPartBytes = 200;  // room for what the cache adds to a name

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_word(char c) { return is_alphanumeric(c) || c == '_'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_name_part(std::string_view part) {
  return !part.empty() && part.size() <= kMaxNameBytes && is_word(part.front()) &&
         is_word(part.back()) && part.find("--") == part.npos && part.find("..") == part.npos &&
         std::ranges::all_of(part, [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

// Calls `visit` with the parts between slashes until it returns false.
template <class Visit>
bool all_parts(std::string_view path, Visit visit) {
  while (true) {
    const size_t slash = path.find('/');
    if (!visit(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string RepoName::id() const { return owner.empty() ? name : owner + "/" + name; }

std::string RepoName::folder() const {
  return std::string(kFolderPrefix) + (owner.empty() ? "" : owner + "--") + name;
}

Result<RepoName> parse_repo_name(std::string_view text) {
  RepoName repo;
  std::string_view id = text;
  if (const size_t at = text.find('@'); at != text.npos) {
    id = text.substr(0, at);
    repo.revision = text.substr(at + 1);
    GLMV_RETURN_IF_ERROR(check_revision(repo.revision));
  }
  const size_t slash = id.find('/');
  const std::string_view name = slash == id.npos ? id : id.substr(slash + 1);
  const bool good = is_name_part(name) && !name.ends_with(".git") &&
                    (slash == id.npos || is_name_part(id.substr(0, slash)));
  if (!good) {
    return invalid_argument(
        "\"{}\" is no name of a model: write OWNER/NAME as on the hub, such as "
        "zai-org/GLM-4.1V-9B-Thinking, with @REVISION behind it for another one than main",
        shown(text));
  }
  if (slash != id.npos) repo.owner = id.substr(0, slash);
  repo.name = name;
  return repo;
}

bool looks_like_repo_name(std::string_view text) {
  const std::string_view id = text.substr(0, text.find('@'));
  return std::ranges::count(id, '/') == 1 && parse_repo_name(text).has_value();
}

std::optional<RepoName> repo_of_folder(std::string_view folder) {
  if (!folder.starts_with(kFolderPrefix)) return std::nullopt;
  std::string id(folder.substr(kFolderPrefix.size()));
  if (const size_t dashes = id.find("--"); dashes != id.npos) id.replace(dashes, 2, "/");
  auto repo = parse_repo_name(id);
  return repo ? std::optional(std::move(*repo)) : std::nullopt;
}

Result<void> check_revision(std::string_view revision) {
  const auto good_char = [](char c) {
    return !is_control(c) && std::string_view(" ~^:?*[\\").find(c) == std::string_view::npos;
  };
  const auto good_part = [](std::string_view part) {
    return !part.empty() && part.size() <= kMaxPartBytes && part.front() != '.' &&
           part.front() != '-' && !part.ends_with(".lock");
  };
  const bool good = revision.size() <= kMaxPathBytes && std::ranges::all_of(revision, good_char) &&
                    revision.find("..") == revision.npos && !find_invalid_utf8(revision) &&
                    all_parts(revision, good_part);
  if (good) return {};
  return invalid_argument("\"{}\" is no revision: give a branch, a tag or a commit",
                          shown(revision));
}

bool is_commit(std::string_view revision) {
  return revision.size() == 40 && std::ranges::all_of(revision, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<void> check_file_name(std::string_view name) {
  const auto good_part = [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." && part.size() <= kMaxPartBytes;
  };
  const bool good = name.size() <= kMaxPathBytes && !find_invalid_utf8(name) &&
                    std::ranges::none_of(name, [](char c) { return is_control(c) || c == '\\'; }) &&
                    all_parts(name, good_part);
  if (good) return {};
  return invalid_argument("the hub names a file \"{}\", which is no path inside of a folder",
                          shown(name));
}

bool is_blob_name(std::string_view etag) {
  return !etag.empty() && etag.size() <= 128 &&
         std::ranges::all_of(etag, [](char c) { return is_word(c) || c == '-'; });
}

std::string url_escaped(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
                       (keep_slashes && c == '/');
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string shown(std::string_view text) {
  std::string line = repair_utf8(text.substr(0, 200));
  std::ranges::replace_if(line, is_control, '?');
  return text.size() > 200 ? line + "..." : line;
}

}  // namespace glmv::hub
