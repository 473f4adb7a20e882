#include "glmv/runtime/prefix_keys.h"

#include <algorithm>

#include "glmv/base/check.h"
#include "glmv/processing/position_ids.h"

namespace glmv::runtime {
namespace {

bool has_usual_positions(const processing::ModelInput& input, int64_t merge) {
  std::vector<Grid> images, videos;
  for (const processing::Medium& medium : input.media) {
    (medium.kind == processing::MediaKind::kImage ? images : videos).push_back(medium.grid);
  }
  const auto usual = processing::compute_positions(input.mm_token_types, images, videos, merge);
  return usual && usual->ids == input.position_ids && usual->delta == input.rope_delta;
}

}  // namespace

Digest PrefixRoot::key(const processing::ModelInput& input, std::string_view salt) const {
  Sha256 hash;
  hash.add_framed("glmv-prefix-1").add(model).add_framed(numerics);
  hash.add_u64(static_cast<uint64_t>(block_tokens)).add_framed(salt);
  if (!has_usual_positions(input, merge)) {
    hash.add_framed("positions").add_u64(static_cast<uint64_t>(input.rope_delta));
    for (const auto& axis : input.position_ids) hash.add_framed(std::as_bytes(std::span(axis)));
    hash.add_framed(std::as_bytes(std::span(input.mm_token_types)));
  }
  return hash.digest();
}

Digest encoded_medium_key(const Digest& medium, std::string_view salt) {
  return Sha256().add_framed("glmv-encoded-1").add(medium).add_framed(salt).digest();
}

Digest encoded_medium_file_key(const PrefixRoot& root, const Digest& encoded_medium) {
  return Sha256()
      .add_framed("glmv-encoded-file-1")
      .add(root.model)
      .add_framed(root.numerics)
      .add(encoded_medium)
      .digest();
}

PrefixKeys::PrefixKeys(const PrefixRoot& root, const processing::ModelInput& input,
                       std::string_view salt)
    : block_tokens_(static_cast<size_t>(root.block_tokens)), root_(root.key(input, salt)) {
  int64_t token = 0;
  for (const processing::Medium& medium : input.media) {
    GLMV_CHECK(medium.digest, "a medium has no digest");
    MediumSpan span{*medium.digest, -1, -1};
    int64_t left = medium.grid.num_patches() / (root.merge * root.merge);
    for (; left > 0; ++token) {
      GLMV_CHECK(token < std::ssize(input.mm_token_types), "more picture rows than picture tokens");
      if (input.mm_token_types[token] == 0) continue;
      if (span.first < 0) span.first = token;
      span.last = token;
      --left;
    }
    media_.push_back(span);
  }
}

std::span<const Digest> PrefixKeys::extend(std::span<const int32_t> tokens) {
  while ((keys_.size() + 1) * block_tokens_ <= tokens.size()) {
    const size_t begin = keys_.size() * block_tokens_;
    const auto first = static_cast<int64_t>(begin);
    const auto last = static_cast<int64_t>(begin + block_tokens_) - 1;
    Sha256 hash;
    hash.add(parent(keys_.size()));
    for (size_t i = 0; i < block_tokens_; ++i)
      hash.add_u32(static_cast<uint32_t>(tokens[begin + i]));
    const auto overlaps = [&](const MediumSpan& m) { return m.first <= last && m.last >= first; };
    hash.add_u32(static_cast<uint32_t>(std::ranges::count_if(media_, overlaps)));
    for (const MediumSpan& medium : media_) {
      if (!overlaps(medium)) continue;
      hash.add(medium.digest).add_u64(static_cast<uint64_t>(medium.first - first));
    }
    keys_.push_back(hash.digest());
  }
  return keys_;
}

}  // namespace glmv::runtime
