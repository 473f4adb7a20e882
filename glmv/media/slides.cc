#include "glmv/media/slides.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "glmv/base/files.h"
#include "glmv/base/limited_program.h"
#include "glmv/media/zip_directory.h"

namespace glmv::media {
namespace {

namespace fs = std::filesystem;

// The program ends with it to be started again with a profile that it has just made.
constexpr int kStartAgain = 81;
constexpr int kMaxStarts = 3;

// No macros, no links that lead out of the file, no Java, no asking, no updates.
constexpr char kProfile[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Java/VirtualMachine"><prop oor:name="Enable" oor:op="fuse"><value>false</value></prop></item>
<item oor:path="/org.openoffice.Setup/Office"><prop oor:name="ooSetupInstCompleted" oor:op="fuse"><value>true</value></prop></item>
</oor:items>
)";

// Removed with all in it.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    fs::path base = fs::temp_directory_path(error);
    if (error) base = "/tmp";
    std::string name = (base / "glmv-slides-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      return unavailable("no folder for temporary files in {}: {}; set TMPDIR to one with room",
                         base.string(), errno_text(errno));
    }
    return TemporaryFolder(std::move(name));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

Result<void> put_file(const fs::path& path, std::string_view bytes) {
  const auto written = write_file_atomic(path, bytes);
  if (written) return {};
  return unavailable("{} (it is $TMPDIR, else /tmp)", written.error().message);
}

Result<void> prepare(const fs::path& folder, const fs::path& input, std::string_view bytes) {
  std::error_code error;
  fs::create_directories(folder / "profile/user", error);
  fs::create_directories(folder / "out", error);
  if (error) return unavailable("{}: {}", folder.string(), error.message());
  GLMV_RETURN_IF_ERROR(put_file(folder / "profile/user/registrymodifications.xcu", kProfile));
  return put_file(input, bytes);
}

}  // namespace

Result<fs::path> find_office() {
  for (const char* name : {"soffice", "libreoffice"}) {
    const auto found = find_program(name);
    if (!found) continue;
    // What stands in PATH is a script that starts the program and waits for it.
    std::error_code error;
    const fs::path script = fs::canonical(*found, error);
    const fs::path program = script.parent_path() / "soffice.bin";
    if (!error && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return unavailable(
      "slides need LibreOffice, which is not installed: apt-get install "
      "libreoffice-impress-nogui, or save them as PDF and give that");
}

Result<std::string> slides_to_pdf(std::string_view bytes, DocumentKind kind,
                                  const SlideLimits& limits, const Wanted& wanted) {
  GLMV_ASSIGN(const fs::path office, find_office());
  if (kind != DocumentKind::kPpt) {
    GLMV_ASSIGN(const std::vector<ZipEntry> entries, read_zip_directory(bytes));
    GLMV_RETURN_IF_ERROR(check_unpacked(entries, limits.max_unpacked_bytes));
  }
  GLMV_ASSIGN(const TemporaryFolder folder, TemporaryFolder::make());
  const fs::path input = folder.path() / fmt::format("slides.{}", file_extension(kind));
  GLMV_RETURN_IF_ERROR(prepare(folder.path(), input, bytes));
  const std::string home = folder.path().string();
  LimitedProgram program{
      .command = {office.string(), "--headless", "--norestore", "--nologo", "--nodefault",
                  "--nolockcheck", "--convert-to", "pdf:impress_pdf_Export", "--outdir",
                  home + "/out", "-env:UserInstallation=file://" + home + "/profile",
                  input.string()},
      .environment = {"HOME=" + home, "TMPDIR=" + home, "SAL_USE_VCLPLUGIN=svp",
                      "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home},
      .readable = {office.parent_path().parent_path()},
      .folder = folder.path(),
      .local_sockets = true,
      .limits = {.max_seconds = limits.max_seconds,
                 .max_cpu_seconds = limits.max_seconds,
                 .max_memory_bytes = limits.max_memory_bytes,
                 .max_file_bytes = limits.max_pdf_bytes}};
  ProgramEnd end;
  for (int i = 0; i < kMaxStarts; ++i) {
    GLMV_ASSIGN(end, run_limited(program, [](std::string_view) { return true; }, wanted));
    if (end.exit_code != kStartAgain) break;
  }
  if (end.out_of_time) {
    return resource_exhausted(
        "the slides take longer than {} s to convert: give fewer of them, or "
        "save them as PDF and give that",
        limits.max_seconds);
  }
  std::error_code error;
  const fs::path output = folder.path() / "out/slides.pdf";
  if (!fs::exists(output, error)) {
    if (fs::space(folder.path(), error).available < (1 << 20) && !error) {
      return unavailable("no room for temporary files in {}; set TMPDIR to a folder with room",
                         folder.path().parent_path().string());
    }
    if (end.signal == SIGXFSZ || end.signal == SIGKILL) {
      return resource_exhausted("the slides need more memory or room than they may have");
    }
    return invalid_argument("the slides cannot be read: they are damaged or encrypted");
  }
  auto pdf = read_file(output, limits.max_pdf_bytes);
  if (!pdf)
    return resource_exhausted("the PDF of the slides is larger than {} MB",
                              limits.max_pdf_bytes >> 20);
  return pdf;
}

}  // namespace glmv::media
