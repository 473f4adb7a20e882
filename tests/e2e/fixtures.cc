#include "tests/e2e/fixtures.h"

#include <unistd.h>

#include <fstream>
#include <iterator>

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

std::string little_endian(uint32_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

// A tiny checkpoint of this build of the program, shared by all cases. Cases run side by side in
// processes of their own: it appears under its name in one step, complete.
fs::path shared_tiny(const std::string& family) {
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const auto built = fs::last_write_time(GLMV_BINARY, ignored).time_since_epoch().count();
  const fs::path dir = self / "e2e-checkpoints" / (family + "-" + std::to_string(built));
  if (fs::exists(dir)) return dir;
  const fs::path made = dir.string() + ".tmp-" + std::to_string(::getpid());
  const Outcome outcome = run({"make-tiny", "-o", made.string(), "--family", family});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  fs::rename(made, dir, ignored);
  fs::remove_all(made, ignored);
  for (const auto& entry : fs::directory_iterator(dir.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    const bool same_build = name.starts_with(dir.filename().string());
    if (name.starts_with(family + "-") && !same_build) fs::remove_all(entry.path(), ignored);
  }
  return dir;
}

}  // namespace

Words join(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << content;
  ASSERT_TRUE(file.flush()) << path;
}

std::string bmp(int width, int height, int num_rows) {
  const uint32_t stride = (static_cast<uint32_t>(width) * 3 + 3) / 4 * 4;
  const uint32_t size = stride * static_cast<uint32_t>(height);
  std::string row(stride, '\0');
  std::string out = "BM" + little_endian(54 + size, 4) + little_endian(0, 4) + little_endian(54, 4);
  out += little_endian(40, 4) + little_endian(static_cast<uint32_t>(width), 4);
  out += little_endian(static_cast<uint32_t>(height), 4) + little_endian(1, 2);
  out += little_endian(24, 2) + little_endian(0, 4) + little_endian(size, 4);
  out += little_endian(2835, 4) + little_endian(2835, 4) + little_endian(0, 8);
  for (int y = 0; y < (num_rows < 0 ? height : num_rows); ++y) {
    for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<char>((i * 7 + y * 13) % 251);
    out += row;
  }
  return out;
}

std::string golden_picture(const std::string& name) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/" + name;
}

void Program::SetUp() {
  std::string name = (fs::temp_directory_path() / "glmv-e2e-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
}

void Program::TearDown() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Program::file(const std::string& name, const std::string& content) const {
  write(folder_ / name, content);
  return path(name);
}

std::string Program::tiny(const std::string& family) const {
  const std::string dir = path("tiny-" + family);
  if (!fs::exists(dir)) fs::copy(shared_tiny(family), dir, fs::copy_options::recursive);
  return dir;
}

std::string Program::slow() const {
  const std::string model = path("slow");
  if (!fs::exists(model)) {
    EXPECT_EQ(run({"make-tiny", "-o", model, "--preset", "nano"}).exit_code, 0);
  }
  return model;
}

Words Program::without_end(const std::string& model) {
  Words flags;
  const Json tokenizer = Json::parse(read(model + "/tokenizer.json"));
  for (const Json& token : tokenizer["added_tokens"]) {
    flags.push_back("--logit-bias");
    flags.push_back(token["id"].dump() + ":-100");
  }
  return flags;
}

Outcome Program::ask(const Words& more, const RunOptions& options) const {
  const std::string model = tiny();
  return run(join({"ask", "-m", model, "--dtype", "float32", "--json"}, more), options);
}

void Program::expect_error(const Outcome& outcome, int exit_code, const std::string& text) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr(text));
}

}  // namespace glmv::e2e
