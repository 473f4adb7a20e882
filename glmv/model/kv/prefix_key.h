#pragma once
// The name of a cached block: a SHA-256 over everything that the keys and values of its tokens
// depend on (glmv/runtime/prefix_keys.h). Two equal names mean two equal prefixes.

#include "glmv/base/sha256.h"

namespace glmv::model {

using BlockKey = Digest;
using BlockKeyHash = DigestHash;

}  // namespace glmv::model
