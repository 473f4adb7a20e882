#pragma once
// Pictures in the terminal itself: by the kitty graphics protocol or as sixels, where the terminal
// says that it can show them.

#include <string>

#include "glmv/media/image.h"
#include "glmv/terminal/tty.h"

namespace glmv::terminal {

enum class PictureProtocol { kNone, kKitty, kSixel };

// Asks the terminal (kitty's query, then DA1, which all answer) and waits a moment for its answer.
PictureProtocol ask_picture_protocol(Tty& tty);

// What the terminal has answered so far; `complete` once DA1 is there.
struct ProtocolAnswer {
  PictureProtocol protocol = PictureProtocol::kNone;
  bool complete = false;
};
ProtocolAnswer read_protocol_answer(std::string_view answer);

// The escape sequences that show `image`, made smaller so that it takes at most `columns` columns
// and `rows` rows. "" for kNone.
std::string picture_sequences(const media::Image& image, PictureProtocol protocol,
                              const ScreenSize& screen, int columns, int rows);

}  // namespace glmv::terminal
