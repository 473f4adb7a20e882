#include "glmv/checkpoint/model_digest.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/checkpoint/gguf_weights.h"

namespace glmv::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWholeBytes = int64_t{64} << 20;
constexpr int64_t kHeadBytes = int64_t{256} << 10;
constexpr int64_t kSampleBytes = 4096;
constexpr int64_t kMaxSamples = 4096;

struct WeightFile {
  fs::path path;
  int64_t size = 0;
};

Result<std::vector<WeightFile>> weight_files(const fs::path& dir, bool gguf) {
  std::vector<WeightFile> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.path().extension() != (gguf ? ".gguf" : ".safetensors")) continue;
    std::error_code size_error;
    const auto size = fs::file_size(entry.path(), size_error);
    if (!size_error) files.push_back({entry.path(), static_cast<int64_t>(size)});
  }
  if (error) return not_found("cannot list {}: {}", dir.string(), error.message());
  std::ranges::sort(files, {}, [](const WeightFile& file) { return file.path.filename(); });
  return files;
}

Result<void> add_range(Sha256& hash, std::ifstream& in, const fs::path& path, int64_t offset,
                       int64_t size) {
  std::vector<char> buffer(std::min<int64_t>(size, 1 << 20));
  in.seekg(offset);
  for (int64_t left = size; left > 0;) {
    const int64_t n = std::min<int64_t>(left, std::ssize(buffer));
    if (!in.read(buffer.data(), n)) return not_found("cannot read {}", path.string());
    hash.add(std::as_bytes(std::span(buffer).first(n)));
    left -= n;
  }
  return {};
}

}  // namespace

Result<Digest> model_digest(const fs::path& dir, const fs::path& gguf) {
  GLMV_ASSIGN(const std::string config, read_file(dir / "config.json"));
  GLMV_ASSIGN(const std::vector<WeightFile> files,
              weight_files(dir, !gguf.empty() || has_only_gguf(dir)));
  Sha256 hash;
  hash.add_framed("glmv-model-1").add_framed(config).add_framed(gguf.string());
  int64_t total = 0;
  for (const WeightFile& file : files) total += file.size;
  const bool whole = total <= kWholeBytes;
  const int64_t stride = std::max(kSampleBytes, total / kMaxSamples);
  for (const WeightFile& file : files) {
    hash.add_framed(file.path.filename().string()).add_u64(static_cast<uint64_t>(file.size));
    std::ifstream in(file.path, std::ios::binary);
    if (!in) return not_found("cannot read {}", file.path.string());
    const int64_t head = whole ? file.size : std::min(file.size, kHeadBytes);
    GLMV_RETURN_IF_ERROR(add_range(hash, in, file.path, 0, head));
    for (int64_t at = head; at < file.size; at += stride) {
      const int64_t size = std::min(kSampleBytes, file.size - at);
      GLMV_RETURN_IF_ERROR(add_range(hash, in, file.path, at, size));
    }
  }
  return hash.digest();
}

}  // namespace glmv::checkpoint
