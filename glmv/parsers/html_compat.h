#pragma once
// The detector of raw HTML that the model's demo programs use, with its habits: what it does to
// each piece of a stream is kept exactly, so that outputs can be compared. Programs for people use
// html_repair.h. Source: inference/html_detector.py of zai-org/GLM-V.

#include <cstddef>
#include <string>
#include <string_view>

namespace glmv::parsers {

bool looks_like_html(std::string_view text, bool streaming);
// Where the HTML begins, in bytes; 0 where there is none.
size_t html_start(std::string_view text);

class HtmlCompat {
 public:
  explicit HtmlCompat(bool streaming = true) : streaming_(streaming) {}

  struct Piece {
    std::string text;
    bool detected = false;  // HTML begins in this piece
  };
  Piece push(std::string_view piece);
  // What was held, and the end of the fence; nothing where it does not stream. Begins anew.
  std::string finish();

 private:
  bool streaming_;
  std::string buffer_;
  int num_pieces_ = 0;
  bool detected_ = false;
};

}  // namespace glmv::parsers
