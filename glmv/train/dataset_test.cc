#include "glmv/train/dataset.h"

#include <gtest/gtest.h>

#include <fstream>

#include "glmv/base/files.h"
#include "glmv/media/png_writer.h"
#include "glmv/train/dataset_record.h"
#include "glmv/train/model_for_test.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGood = R"({"messages":[{"role":"user","content":"<image>What?"},)"
                              R"({"role":"assistant","content":"A dot."}],"images":["dot.png"]})";
constexpr const char* kText =
    R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."}]})";
constexpr const char* kNoPicture =
    R"({"messages":[{"role":"user","content":"<image>What?"},)"
    R"({"role":"assistant","content":"A dot."}],"images":["gone.png"]})";

class DatasetTest : public testing::Test {
 protected:
  DatasetTest() {
    media::Image image{.width = 3, .height = 2, .data = media::PixelBytes(18, 200)};
    EXPECT_TRUE(media::write_png(folder_.path() / "dot.png", image));
  }
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string error_of(const std::string& text, const char* on_bad = "error") {
    const auto dataset = Dataset::open(write("d.json", text), {.on_bad_sample = on_bad});
    return dataset ? "" : dataset.error().message;
  }
  TemporaryFolder folder_;
};

TEST_F(DatasetTest, ReadsArraysAndLines) {
  const std::string array = fmt::format("\xEF\xBB\xBF [\n{},\n {} ]\n", kGood, kText);
  const std::string lines = fmt::format("{}\r\n\n{}", kGood, kText);
  for (const std::string& text : {array, lines}) {
    const auto dataset = Dataset::open(write("d.json", text), {});
    ASSERT_TRUE(dataset) << dataset.error().message;
    ASSERT_EQ(dataset->size(), 2);
    const auto sample = dataset->get(0);
    ASSERT_TRUE(sample) << sample.error().message;
    ASSERT_EQ(sample->media.size(), 1u);
    EXPECT_EQ(sample->media[0].frames[0].width, 3);
    EXPECT_EQ(sample->messages[0].content[1].text, "What?");
    EXPECT_TRUE(dataset->get(1)->media.empty());
    EXPECT_FALSE(dataset->get(2));
  }
}

TEST_F(DatasetTest, FileErrorsNameThePlace) {
  EXPECT_NE(error_of("").find("d.json"), std::string::npos);
  EXPECT_NE(error_of(" \n ").find("empty"), std::string::npos);
  EXPECT_NE(error_of("[]").find("no sample"), std::string::npos);
  EXPECT_NE(error_of(fmt::format("[{}", kText)).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(fmt::format("[{}] x", kText)).find("behind the end"), std::string::npos);
  EXPECT_NE(error_of("hello").find("line 1"), std::string::npos);
  EXPECT_NE(error_of(fmt::format("[{},\n{{\"messages\":}}]", kText)).find("sample 1 (line 2)"),
            std::string::npos);
  EXPECT_NE(error_of(fmt::format("{}\n{{", kText)).find("sample 1 (line 2)"), std::string::npos);
  EXPECT_NE(error_of(fmt::format("[{},{}]", kText, kNoPicture)).find("gone.png"),
            std::string::npos);
  EXPECT_EQ(Dataset::open(folder_.path() / "none.json", {}).error().code, Code::kNotFound);
  EXPECT_NE(error_of(kText, "ignore").find("on_bad_sample"), std::string::npos);
}

TEST_F(DatasetTest, SkipsBadSamplesWhenAsked) {
  const auto dataset =
      Dataset::open(write("d.jsonl", fmt::format("{}\n{}\n{{\n{}\n", kText, kNoPicture, kGood)),
                    {.on_bad_sample = "skip"});
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->num_skipped(), 2);
  ASSERT_EQ(dataset->warnings().size(), 2u);
  EXPECT_NE(dataset->warnings()[0].find("sample 1 (line 2)"), std::string::npos);
  EXPECT_EQ(dataset->get(1)->media.size(), 1u);
  EXPECT_NE(error_of(kNoPicture, "skip").find("no usable sample"), std::string::npos);
}

TEST_F(DatasetTest, BadPictureNamesSample) {
  write("bad.png", "this is no picture");
  std::string record = kGood;
  record.replace(record.find("dot.png"), 7, "bad.png");
  const auto dataset = Dataset::open(write("d.jsonl", record), {});
  ASSERT_TRUE(dataset);
  const auto sample = dataset->get(0);
  ASSERT_FALSE(sample);
  EXPECT_NE(sample.error().message.find("sample 0 (line 1)"), std::string::npos);
  EXPECT_NE(sample.error().message.find("bad.png"), std::string::npos);
}

TEST_F(DatasetTest, MediaFolderComesFirst) {
  fs::create_directories(folder_.path() / "pictures");
  fs::rename(folder_.path() / "dot.png", folder_.path() / "pictures" / "dot.png");
  const fs::path path = write("d.jsonl", kGood);
  EXPECT_FALSE(Dataset::open(path, {}));
  const auto dataset = Dataset::open(path, {.media_dir = (folder_.path() / "pictures").string()});
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->get(0)->media.size(), 1u);
}

// Each line of the case file: a record with what it becomes, or a piece of the error.
TEST(DatasetRecord, Cases) {
  const fs::path path = fs::path(GLMV_SOURCE_DIR) / "tests/cases/train_records.jsonl";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const auto test = parse_json(line, path.string());
    ASSERT_TRUE(test) << test.error().message;
    const auto sample = parse_record(test->at("record"));
    if (test->contains("error")) {
      ASSERT_FALSE(sample) << line;
      EXPECT_NE(sample.error().message.find(test->at("error").get<std::string>()),
                std::string::npos)
          << sample.error().message << "\n"
          << line;
      continue;
    }
    ASSERT_TRUE(sample) << sample.error().message << "\n" << line;
    Json got = Json::array();
    for (const text::Message& message : sample->messages) {
      std::string content;
      for (const text::ContentPart& part : message.content) {
        if (part.kind == text::PartKind::kText) content += part.text;
        if (part.kind == text::PartKind::kImage) content += "[" + part.source + "]";
        if (part.kind == text::PartKind::kVideo) {
          content += fmt::format("[{}]", fmt::join(part.frames, " "));
        }
      }
      got.push_back(message.role + ": " + content);
    }
    EXPECT_EQ(got, test->at("messages")) << line;
  }
  EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace glmv::train
