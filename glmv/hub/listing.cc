#include "glmv/hub/listing.h"

#include <algorithm>
#include <set>

#include "glmv/base/json.h"
#include "glmv/hub/repo_name.h"

namespace glmv::hub {
namespace {

constexpr size_t kMaxFiles = 100'000;
constexpr int64_t kMaxFileBytes = int64_t{1} << 50;

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The text of a field; empty where it is missing or no text.
std::string text_of(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<RemoteFile> read_file_entry(const Json& entry) {
  if (!entry.is_object()) return invalid_argument("the hub's list of files holds what is no file");
  RemoteFile file{.name = text_of(entry, "rfilename")};
  GLMV_RETURN_IF_ERROR(check_file_name(file.name));
  if (const auto size = entry.find("size"); size != entry.end() && !size->is_null()) {
    const bool good = size->is_number_integer() && *size >= 0 && *size <= kMaxFileBytes;
    if (!good) return invalid_argument("the hub gives no sensible size for {}", shown(file.name));
    file.size = size->get<int64_t>();
  }
  const auto lfs = entry.find("lfs");
  if (lfs != entry.end() && lfs->is_object()) {
    file.sha256 = text_of(*lfs, "sha256");
    if (file.sha256.empty()) file.sha256 = text_of(*lfs, "oid");
    if (!is_hex(file.sha256, 64)) {
      return invalid_argument("the hub gives no SHA-256 for {}", shown(file.name));
    }
  } else if (const std::string blob = text_of(entry, "blobId"); is_hex(blob, 40)) {
    file.git_sha1 = blob;
  }
  return file;
}

}  // namespace

const RemoteFile* RepoListing::find(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &RemoteFile::name);
  return found == files.end() ? nullptr : &*found;
}

Result<RepoListing> parse_listing(std::string_view body) {
  GLMV_ASSIGN(const Json json, parse_json(body, "the hub's list of files"));
  if (!json.is_object()) return invalid_argument("the hub's list of files is no object");
  RepoListing listing{.commit = text_of(json, "sha")};
  if (!is_commit(listing.commit)) {
    return invalid_argument(
        "the hub's list of files has no commit (\"sha\"): it is no Hugging Face hub, or not one of "
        "today");
  }
  const auto files = json.find("siblings");
  if (files == json.end() || !files->is_array()) {
    return invalid_argument("the hub's list of files has no \"siblings\"");
  }
  if (files->size() > kMaxFiles) {
    return invalid_argument("the hub lists {} files; a model has at most {}", files->size(),
                            kMaxFiles);
  }
  std::set<std::string> names;
  for (const Json& entry : *files) {
    GLMV_ASSIGN(RemoteFile file, read_file_entry(entry));
    if (!names.insert(file.name).second) {
      return invalid_argument("the hub lists {} twice", shown(file.name));
    }
    listing.files.push_back(std::move(file));
  }
  return listing;
}

}  // namespace glmv::hub
