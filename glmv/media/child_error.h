#pragma once
// Errors that a child process tells its parent. What the child reads may have taken it over, so
// that nothing of them is believed: codes are those that exist, texts printable ASCII. Private to
// this folder.

#include <cstddef>
#include <cstdint>

#include "glmv/base/result.h"

namespace glmv::media {

struct ChildError {
  int32_t code = -1;        // glmv::Code; -1: there is none
  char message[1000] = {};  // ends with a zero

  void set(const Status& status);
  Status status() const;
};

}  // namespace glmv::media
