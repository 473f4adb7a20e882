// glmv fix-html: raw HTML in a text gets a code fence.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <memory>

#include "apps/glmv/command.h"
#include "apps/glmv/standard_output.h"
#include "glmv/base/files.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/html_compat.h"
#include "glmv/parsers/html_repair.h"

namespace glmv::app {
namespace {

struct FixHtmlFlags {
  std::string file = "-";
  std::string mode = "fixed";
  int64_t chunk = 0;
  bool stream = false;
};

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

// Bytes of the first `count` characters.
size_t bytes_of(std::string_view text, int64_t count) {
  size_t size = 0;
  for (; count > 0 && size < text.size(); --count) {
    size += static_cast<size_t>(decode_utf8(text, size).num_bytes);
  }
  return size;
}

void print(std::string_view text) { fmt::print("{}", text); }

// Reads and prints piece by piece: the result does not depend on them.
Result<void> fix_while_reading(std::FILE* file, const std::string& name) {
  parsers::HtmlRepair repair;
  std::array<char, 4096> bytes;
  while (const size_t size = std::fread(bytes.data(), 1, bytes.size(), file)) {
    print(repair.push({bytes.data(), size}));
    flush_output();
  }
  if (std::ferror(file) != 0) return unavailable("{}: cannot be read to its end", name);
  print(repair.finish());
  return {};
}

Result<void> fix_as_the_demo(std::FILE* file, const FixHtmlFlags& flags) {
  std::string text;
  std::array<char, 4096> bytes;
  while (const size_t size = std::fread(bytes.data(), 1, bytes.size(), file)) {
    text.append(bytes.data(), size);
  }
  if (std::ferror(file) != 0) return unavailable("{}: cannot be read to its end", flags.file);
  parsers::HtmlCompat compat(flags.stream);
  for (std::string_view rest = text; !rest.empty();) {
    const size_t size = flags.chunk > 0 ? bytes_of(rest, flags.chunk) : rest.size();
    print(compat.push(rest.substr(0, size)).text);
    rest.remove_prefix(size);
  }
  print(compat.finish());
  return {};
}

Result<void> run_fix_html(const FixHtmlFlags& flags) {
  if (flags.mode == "fixed" && (flags.chunk > 0 || flags.stream)) {
    return invalid_argument(
        "--chunk and --stream are of --mode compat: in fixed mode the result is the same in any "
        "pieces");
  }
  const std::unique_ptr<std::FILE, CloseFile> file(
      flags.file == "-" ? stdin : std::fopen(flags.file.c_str(), "rbe"));
  if (!file) return not_found("{}: {}", flags.file, errno_text(errno));
  return flags.mode == "fixed" ? fix_while_reading(file.get(), flags.file)
                               : fix_as_the_demo(file.get(), flags);
}

}  // namespace

void add_fix_html(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<FixHtmlFlags>();
  command.add_option("file", flags->file, "the text; - is standard input")->capture_default_str();
  command
      .add_option("--mode", flags->mode,
                  "fixed: as the page does it; compat: as the model's demo programs do, with their "
                  "habits")
      ->check(CLI::IsMember({"fixed", "compat"}))
      ->capture_default_str();
  command
      .add_option("--chunk", flags->chunk,
                  "with compat, which depends on it: pieces of so many characters (0: one piece)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--stream", flags->stream, "with compat: by the rules of streams");
  command.callback([flags, &exit_code] { exit_code = report(run_fix_html(*flags)); });
}

}  // namespace glmv::app
