#pragma once
// The font families of written text, by exact family name. Some are kept for testing only.

#include <span>
#include <string>

#include "glmv/base/result.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

struct Font {
  std::string_view family;
  bool bold = false;
  bool italic = false;
  bool test_only = false;
  std::string_view package;  // Debian package that brings it
};

std::span<const Font> fonts();

// Ok when every family is installed; otherwise names the missing ones and their packages. Call it
// once before making samples: with a missing family the drawing library would silently substitute
// another one and the pictures would no longer be reproducible.
Result<void> check_fonts();

}  // namespace glmv::synth
