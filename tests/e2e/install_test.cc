// What cmake --install leaves in a folder works from there.

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

class Installed : public Program {
 protected:
  // Its standard output; the exit code must be 0.
  std::string shell(const std::string& command) const {
    const int status = std::system((command + " >" + path("out") + " 2>" + path("err")).c_str());
    EXPECT_EQ(WEXITSTATUS(status), 0) << command << "\n" << read(path("err"));
    return read(path("out"));
  }
};

TEST_F(Installed, TheProgramAndWhatBelongsToIt) {
  const std::string prefix = path("opt");
  shell(std::string(GLMV_INSTALL) + " --prefix " + prefix);
  const std::string glmv = prefix + "/bin/glmv";
  EXPECT_THAT(shell(glmv + " --version"), HasSubstr("glmv "));
  // The model beside it, not the one of the source folder.
  const Json models = Json::parse(shell(glmv + " list --json"));
  EXPECT_EQ(models[0]["name"], "nano");
  EXPECT_EQ(models[0]["folder"], (fs::canonical(prefix) / "share/glmv/models/nano").string());
  const std::string answer = shell(glmv + " ask --json -n 4 --temp 0 -i " GLMV_SOURCE_DIR
                                          "/examples/pictures/shapes.png 'What is it?'");
  EXPECT_EQ(Json::parse(answer)["output_ids"].size(), 4u);
  EXPECT_EQ(shell(glmv + " man"), read(prefix + "/share/man/man1/glmv.1"));
  EXPECT_EQ(shell(glmv + " completion bash"),
            read(prefix + "/share/bash-completion/completions/glmv"));
  EXPECT_EQ(shell(glmv + " completion zsh"), read(prefix + "/share/zsh/site-functions/_glmv"));
  EXPECT_EQ(shell(glmv + " completion fish"),
            read(prefix + "/share/fish/vendor_completions.d/glmv.fish"));
  EXPECT_TRUE(fs::exists(prefix + "/share/doc/glmv/LICENSE"));
  // Its children are the program itself, wherever that is.
  EXPECT_THAT(shell(glmv + " video " GLMV_SOURCE_DIR "/tests/golden/video/cfr25.mp4"),
              HasSubstr("frames of"));
}

}  // namespace
}  // namespace glmv::e2e
