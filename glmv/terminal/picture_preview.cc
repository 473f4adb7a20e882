#include "glmv/terminal/picture_preview.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "glmv/media/base64.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/resize.h"
#include "glmv/terminal/key_decoder.h"

namespace glmv::terminal {
namespace {

constexpr char kQueries[] = "\033_Gi=4711,s=1,v=1,a=q,t=d,f=24;AAAA\033\\\033[c";
constexpr std::chrono::milliseconds kPatience{300};
constexpr size_t kKittyChunk = 4096;  // bytes of base64, by the protocol
constexpr int kLevels = 6;            // of each channel of a sixel's palette

std::string kitty(const media::Image& image) {
  const auto png = media::encode_png(image);
  if (!png) return {};
  const std::string data = media::encode_base64(*png);
  std::string out;
  for (size_t at = 0; at < data.size(); at += kKittyChunk) {
    const bool more = at + kKittyChunk < data.size();
    out += fmt::format("\033_G{}m={};{}\033\\", at == 0 ? "a=T,f=100,q=2," : "q=2,", more ? 1 : 0,
                       std::string_view(data).substr(at, kKittyChunk));
  }
  return out + "\n";
}

int palette_index(const uint8_t* pixel) {
  const auto level = [](uint8_t v) { return (v * (kLevels - 1) + 127) / 255; };
  return (level(pixel[0]) * kLevels + level(pixel[1])) * kLevels + level(pixel[2]);
}

// Runs of equal sixels are counted.
void add_run(std::string& out, char sixel, int count) {
  if (count > 3) {
    out += fmt::format("!{}{}", count, sixel);
  } else {
    out.append(static_cast<size_t>(count), sixel);
  }
}

std::string sixel(const media::Image& image) {
  constexpr int kColours = kLevels * kLevels * kLevels;
  std::string out = fmt::format("\033P0;1q\"1;1;{};{}", image.width, image.height);
  const auto percent = [](int level) { return level * 100 / (kLevels - 1); };
  for (int c = 0; c < kColours; ++c) {
    out += fmt::format("#{};2;{};{};{}", c, percent(c / (kLevels * kLevels)),
                       percent(c / kLevels % kLevels), percent(c % kLevels));
  }
  const auto width = static_cast<size_t>(image.width);
  for (int top = 0; top < image.height; top += 6) {
    // Bits of each colour that occurs in these six rows.
    std::array<std::string, kColours> bits;
    for (int y = top; y < std::min(top + 6, image.height); ++y) {
      for (int x = 0; x < image.width; ++x) {
        std::string& row = bits[static_cast<size_t>(palette_index(image.pixel(x, y)))];
        if (row.empty()) row.assign(width, 0);
        row[static_cast<size_t>(x)] =
            static_cast<char>(row[static_cast<size_t>(x)] | 1 << (y - top));
      }
    }
    for (int c = 0; c < kColours; ++c) {
      const std::string& row = bits[static_cast<size_t>(c)];
      if (row.empty()) continue;
      out += fmt::format("#{}", c);
      for (size_t x = 0; x < width;) {
        size_t end = x;
        while (end < width && row[end] == row[x]) ++end;
        add_run(out, static_cast<char>(row[x] + 63), static_cast<int>(end - x));
        x = end;
      }
      out += '$';
    }
    out += '-';
  }
  return out + "\033\\\n";
}

}  // namespace

ProtocolAnswer read_protocol_answer(std::string_view answer) {
  KeyDecoder decoder;
  decoder.feed(answer);
  ProtocolAnswer result;
  while (const std::optional<KeyEvent> event = decoder.next()) {
    if (event->key != Key::kReport) continue;
    const std::string_view report = event->text;
    if (report.starts_with("\033_G")) {
      if (report.find("i=4711") != report.npos && report.find(";OK") != report.npos) {
        result.protocol = PictureProtocol::kKitty;
      }
    } else if (report.starts_with("\033[?") && report.ends_with('c')) {
      result.complete = true;
      // Attribute 4 of those between semicolons; the first one is the kind of terminal.
      std::string attributes(report.substr(3, report.size() - 4));
      attributes += ';';
      if (result.protocol == PictureProtocol::kNone && attributes.find(";4;") != attributes.npos) {
        result.protocol = PictureProtocol::kSixel;
      }
    }
  }
  return result;
}

PictureProtocol ask_picture_protocol(Tty& tty) {
  tty.set_mode(InputMode::kReply);
  tty.write(kQueries);
  std::string answer;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  ProtocolAnswer result;
  while (!result.complete) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || tty.read(answer, left) == Tty::Read::kEnd) break;
    result = read_protocol_answer(answer);
  }
  tty.write("\r\033[K");  // terminals that know no such query may show it
  return result.protocol;
}

std::string picture_sequences(const media::Image& image, PictureProtocol protocol,
                              const ScreenSize& screen, int columns, int rows) {
  if (protocol == PictureProtocol::kNone) return {};
  const double width = std::max(1, columns * screen.cell_width);
  const double height = std::max(1, rows * screen.cell_height);
  const double scale = std::min({1.0, width / image.width, height / image.height});
  const int w = std::max(1, static_cast<int>(image.width * scale));
  const int h = std::max(1, static_cast<int>(image.height * scale));
  const media::Image small = scale < 1 ? media::resize_bicubic(image, w, h) : image;
  return protocol == PictureProtocol::kKitty ? kitty(small) : sixel(small);
}

}  // namespace glmv::terminal
