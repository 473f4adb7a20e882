#include "glmv/synth/fonts.h"

#include <fontconfig/fontconfig.h>

#include <array>

namespace glmv::synth {
namespace {

constexpr std::array kFonts = {
    Font{"DejaVu Sans", false, false, false, "fonts-dejavu-core"},
    Font{"DejaVu Sans", true, false, false, "fonts-dejavu-core"},
    Font{"DejaVu Serif", false, false, false, "fonts-dejavu-core"},
    Font{"DejaVu Sans Mono", false, false, false, "fonts-dejavu-core"},
    Font{"Liberation Sans", false, false, false, "fonts-liberation"},
    Font{"Liberation Sans", true, false, false, "fonts-liberation"},
    Font{"Liberation Serif", false, false, false, "fonts-liberation"},
    Font{"Liberation Mono", true, false, false, "fonts-liberation"},
    Font{"FreeSans", false, true, false, "fonts-freefont-ttf"},
    Font{"FreeSerif", true, false, false, "fonts-freefont-ttf"},
    Font{"DejaVu Serif", true, false, true, "fonts-dejavu-core"},
    Font{"FreeSans", true, false, true, "fonts-freefont-ttf"},
    Font{"Noto Sans CJK SC", false, false, true, "fonts-noto-cjk"},
    Font{"Noto Sans CJK SC", true, false, true, "fonts-noto-cjk"},
};

// The family that fontconfig would really use for `family`.
std::string matched_family(std::string_view family) {
  FcPattern* pattern = FcPatternCreate();
  FcPatternAddString(pattern, FC_FAMILY,
                     reinterpret_cast<const FcChar8*>(std::string(family).c_str()));
  FcConfigSubstitute(nullptr, pattern, FcMatchPattern);
  FcDefaultSubstitute(pattern);
  FcResult status = FcResultNoMatch;
  FcPattern* match = FcFontMatch(nullptr, pattern, &status);
  std::string found;
  FcChar8* name = nullptr;
  if (match != nullptr && FcPatternGetString(match, FC_FAMILY, 0, &name) == FcResultMatch) {
    found = reinterpret_cast<const char*>(name);
  }
  if (match != nullptr) FcPatternDestroy(match);
  FcPatternDestroy(pattern);
  return found;
}

}  // namespace

std::span<const Font> fonts() { return kFonts; }

Result<void> check_fonts() {
  for (const Font& font : kFonts) {
    const std::string found = matched_family(font.family);
    if (found != font.family) {
      return not_found(
          "font family \"{}\" is not installed (\"{}\" would be used instead); "
          "install the Debian package {}",
          font.family, found, font.package);
    }
  }
  return {};
}

}  // namespace glmv::synth
