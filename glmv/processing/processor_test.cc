#include "glmv/processing/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "glmv/media/source.h"
#include "glmv/processing/golden_lines.h"
#include "glmv/processing/media_digest.h"

namespace glmv::processing {
namespace {

using testing::HasSubstr;

const std::filesystem::path kRoot = GLMV_SOURCE_DIR;
const std::string kPicture = (kRoot / "tests/golden/media/rgb.png").string();  // 37 x 29

// A checkpoint folder without weights: a small tokenizer and the model type; template and
// processor values are the built-in ones.
class ProcessorTest : public testing::Test {
 protected:
  Processor load(const std::string& tokenizer, const std::string& model_type) {
    const auto dir = std::filesystem::path(testing::TempDir()) /
                     (std::string("glmv_processor_") +
                      testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    for (const auto& file :
         std::filesystem::directory_iterator(kRoot / "tests/golden/tokenizer" / tokenizer)) {
      std::filesystem::copy(file.path(), dir / file.path().filename());
    }
    std::ofstream(dir / "config.json") << "{\"model_type\": \"" << model_type << "\"}";
    auto processor = Processor::load(dir);
    std::filesystem::remove_all(dir);
    if (!processor) throw std::runtime_error(processor.error().message);
    return std::move(*processor);
  }
};

text::ContentPart text_part(std::string text) {
  text::ContentPart part;
  part.text = std::move(text);
  return part;
}

text::ContentPart picture_part(std::string source = kPicture) {
  text::ContentPart part;
  part.kind = text::PartKind::kImage;
  part.source = std::move(source);
  return part;
}

text::ContentPart video_part(size_t num_frames) {
  text::ContentPart part;
  part.kind = text::PartKind::kVideo;
  part.frames.assign(num_frames, kPicture);
  part.fps = 4.0;
  return part;
}

class NoVideos : public media::VideoOpener {
 public:
  Result<std::unique_ptr<media::VideoReader>> open(std::shared_ptr<const Fd>, Wanted) override {
    return internal_error("a video was opened");
  }
};

std::vector<text::Message> user(std::vector<text::ContentPart> parts) {
  text::Message message;
  message.role = "user";
  message.content = std::move(parts);
  message.content_is_string = false;
  return {message};
}

int64_t count(const ModelInput& input, int type) {
  return std::count(input.mm_token_types.begin(), input.mm_token_types.end(), type);
}

TEST_F(ProcessorTest, PicturesInAPrompt) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto input = processor.process(
      user({picture_part(), text_part("and"), picture_part(), text_part("?")}), {});
  ASSERT_TRUE(input) << input.error().message;
  ASSERT_EQ(input->media.size(), 2u);
  const Grid grid = input->media[0].grid;
  EXPECT_EQ(grid, (Grid{1, 6, 8}));
  EXPECT_EQ(input->media[0].patches.size(), 48u * 1176);
  EXPECT_EQ(input->media[0].width, 37);
  EXPECT_EQ(count(*input, 1), 24);
  EXPECT_EQ(count(*input, 2), 0);
  for (const auto& axis : input->position_ids) EXPECT_EQ(axis.size(), input->input_ids.size());
  EXPECT_EQ(input->rope_delta, -2 * (12 - 4));
  const std::string text = processor.tokenizer().decode(input->input_ids);
  EXPECT_THAT(text, HasSubstr("<|begin_of_image|><|image|><|image|>"));
  EXPECT_THAT(text, HasSubstr("<|image|><|end_of_image|>and<|begin_of_image|>"));
}

TEST_F(ProcessorTest, VideosOfFrames) {
  for (const auto& [model, second] :
       {std::pair{"glm4v", "<|end_of_image|>0<|begin_of_image|>"},
        std::pair{"glm_ocr", "<|end_of_image|>0.5 seconds<|end_of_"}}) {
    const Processor processor = load("glm45v", model);
    const auto input = processor.process(user({video_part(3), text_part("?")}), {});
    ASSERT_TRUE(input) << input.error().message;
    ASSERT_EQ(input->media.size(), 1u);
    EXPECT_EQ(input->media[0].grid.t, 2);
    EXPECT_THAT(input->media[0].timestamps_s, testing::ElementsAre(0.0, 0.5));
    EXPECT_EQ(count(*input, 2), input->media[0].grid.num_patches() / 4);
    EXPECT_EQ(count(*input, 1), 0);
    EXPECT_THAT(processor.tokenizer().decode(input->input_ids), HasSubstr(second));
  }
}

TEST_F(ProcessorTest, TypedPlaceholdersStayText) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto messages = user({picture_part(), text_part("what is <|image|> and <|user|>?")});
  const auto input = processor.process(messages, {});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(count(*input, 1), 12);
  const int32_t user_token = processor.tokenizer().token_id("<|user|>").value();
  EXPECT_EQ(std::count(input->input_ids.begin(), input->input_ids.end(), user_token), 1);
  PromptOptions trusted;
  trusted.tokens_in_text = text::TokensInText::kAll;
  const auto mismatch = processor.process(messages, trusted);
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().code, Code::kInvalidArgument);
  EXPECT_THAT(mismatch.error().message, HasSubstr("placeholder_mismatch"));
}

TEST_F(ProcessorTest, DecodedMediaGiveTheSameInput) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto messages = user({picture_part(), text_part("?")});
  const auto from_file = processor.process(messages, {});
  ASSERT_TRUE(from_file);
  DecodedMedium medium;
  medium.frames.push_back({37, 29, media::PixelBytes(37 * 29 * 3, 200)});
  const auto decoded = processor.process_decoded(messages, std::vector{medium}, {});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->input_ids, from_file->input_ids);
  EXPECT_EQ(decoded->position_ids, from_file->position_ids);
  EXPECT_FALSE(processor.process_decoded(messages, {}, {}));
  EXPECT_FALSE(processor.process_decoded(messages, std::vector{medium, medium}, {}));
}

RgbPixels pixels_of(const std::string& source) {
  auto owner = std::make_shared<media::DecodedImage>(*media::load_image(source));
  return {owner->image.width, owner->image.height, {owner, owner->image.data.data()}};
}

// What a server decodes elsewhere and hands in gives what reading the source gives: with and
// without the threads that read a JPEG while it is decoded.
TEST_F(ProcessorTest, PixelsOfAPartGiveTheSamePatchesAsItsSource) {
  const Processor processor = load("glm45v", "glm4v_moe");
  for (const char* name : {"rgb_420.jpg", "rgb.png", "exif_6.jpg", "cmyk.jpg", "lossy.webp"}) {
    const text::ContentPart from_source =
        picture_part((kRoot / "tests/golden/media" / name).string());
    text::ContentPart from_pixels = from_source;
    from_pixels.pixels = {pixels_of(from_source.source)};
    from_pixels.source = "/no/such.png";
    PromptOptions options;
    const auto want = processor.process(user({from_source}), options);
    options.read_sources = false;
    const auto got = processor.process(user({from_pixels}), options);
    ASSERT_TRUE(want && got) << name;
    EXPECT_TRUE(got->media[0].patches == want->media[0].patches) << name;
    EXPECT_EQ(got->input_ids, want->input_ids);
    EXPECT_EQ(processor.process(user({from_source}), options).error().code, Code::kUnsupported);
  }
  text::ContentPart video = video_part(3);
  const auto want = processor.process(user({video}), {});
  video.pixels.assign(3, pixels_of(kPicture));
  video.frames.clear();
  const auto got = processor.process(user({video}), {.read_sources = false});
  ASSERT_TRUE(want && got);
  EXPECT_TRUE(got->media[0].patches == want->media[0].patches);
  EXPECT_EQ(got->media[0].timestamps_s, want->media[0].timestamps_s);
  EXPECT_FALSE(processor.process(user({video_part(3)}), {.read_sources = false}));
}

TEST_F(ProcessorTest, DetailAndLimitsOfAPart) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto pixels = std::make_shared<std::vector<uint8_t>>(size_t{2400} * 2000 * 3, 90);
  const auto num_tokens = [&](int width, int height, text::Detail detail, int64_t max_pixels = 0,
                              int64_t request_limit = 0) {
    text::ContentPart part = picture_part();
    part.pixels = {{width, height, {pixels, pixels->data()}}};
    part.detail = detail;
    part.max_pixels = max_pixels;
    const auto input = processor.process(user({part}), {.max_pixels = request_limit});
    EXPECT_TRUE(input) << input.error().message;
    return count(*input, 1);
  };
  using text::Detail;
  const int64_t all = num_tokens(2400, 2000, Detail::kAuto);
  EXPECT_EQ(all, 86 * 71);  // 2408 x 1988
  EXPECT_EQ(num_tokens(2400, 2000, Detail::kHigh), all);
  EXPECT_EQ(num_tokens(2400, 2000, Detail::kOriginal), all);
  const int64_t low = num_tokens(2400, 2000, Detail::kLow);
  EXPECT_LE(low, 256);
  EXPECT_GT(low, 200);
  EXPECT_LE(num_tokens(28 * 190, 28, Detail::kLow), 256);
  EXPECT_EQ(num_tokens(280, 280, Detail::kLow), 100);  // small already
  EXPECT_LE(num_tokens(2400, 2000, Detail::kAuto, 100 * 784), 100);
  EXPECT_LE(num_tokens(2400, 2000, Detail::kOriginal, 100 * 784), 100);
  EXPECT_EQ(num_tokens(2400, 2000, Detail::kLow, 2400 * 2000), low);  // never more
  EXPECT_LE(num_tokens(2400, 2000, Detail::kAuto, 400 * 784, 50 * 784), 50);
}

Result<Processor> with_longest_edge(int64_t max_pixels) {
  const auto dir =
      std::filesystem::path(testing::TempDir()) / fmt::format("glmv_processor_{}", max_pixels);
  std::filesystem::remove_all(dir);
  std::filesystem::copy(kRoot / "tests/golden/tokenizer/glm45v", dir);
  std::ofstream(dir / "config.json") << R"({"model_type": "glm4v_moe"})";
  std::ofstream(dir / "preprocessor_config.json")
      << fmt::format(R"({{"size": {{"shortest_edge": 12544, "longest_edge": {}}}}})", max_pixels);
  auto processor = Processor::load(dir);
  std::filesystem::remove_all(dir);
  return processor;
}

TEST_F(ProcessorTest, OriginalRaisesALowLimit) {
  const auto processor = with_longest_edge(156800);
  ASSERT_TRUE(processor) << processor.error().message;
  const auto pixels = std::make_shared<std::vector<uint8_t>>(size_t{2184} * 2184 * 3, 90);
  const auto num_tokens = [&](int side, text::Detail detail) {
    text::ContentPart part = picture_part();
    part.pixels = {{side, side, {pixels, pixels->data()}}};
    part.detail = detail;
    return count(*processor->process(user({part}), {}), 1);
  };
  EXPECT_LE(num_tokens(560, text::Detail::kHigh), 100);
  EXPECT_EQ(num_tokens(560, text::Detail::kOriginal), 400);
  EXPECT_EQ(num_tokens(2184, text::Detail::kOriginal), 6084);
}

// With the limits of GLM-4.1V the largest picture that users have reported.
TEST_F(ProcessorTest, ALongPictureUpToTheLimit) {
  const auto processor = with_longest_edge(9633792);
  ASSERT_TRUE(processor) << processor.error().message;
  const auto pixels = std::make_shared<std::vector<uint8_t>>(size_t{867} * 6771 * 3, 90);
  text::ContentPart part = picture_part();
  part.pixels = {{867, 6771, {pixels, pixels->data()}}};
  const auto input = processor->process(user({part}), {});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->media[0].grid, (Grid{1, 2 * 219, 2 * 28}));
  EXPECT_EQ(count(*input, 1), 6132);
}

TEST_F(ProcessorTest, SixtyFourPictures) {
  const Processor processor = load("glm45v", "glm4v_moe");
  std::vector<text::ContentPart> parts;
  for (int i = 0; i < 64; ++i) {
    parts.push_back(picture_part());
    parts.push_back(text_part(fmt::format("<|image|> {}", i)));
  }
  const auto input = processor.process(user(parts), {});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->media.size(), 64u);
  EXPECT_EQ(count(*input, 1), 64 * 12);
}

TEST_F(ProcessorTest, MediaAreReadOnce) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto folder = std::filesystem::path(testing::TempDir()) / "glmv_media_cache";
  std::filesystem::create_directories(folder);
  const auto picture = folder / "a.png", clip = folder / "a.mp4";
  const auto replace = [](const std::filesystem::path& path, const std::filesystem::path& by) {
    std::filesystem::copy_file(kRoot / "tests/golden" / by, path,
                               std::filesystem::copy_options::overwrite_existing);
  };
  replace(picture, "media/rgb.png");
  replace(clip, "video/cfr25.mp4");
  text::ContentPart video{.kind = text::PartKind::kVideo, .source = clip.string()};
  const auto messages = user({picture_part(picture.string()), video, text_part("?")});
  PromptOptions options;
  options.videos = std::make_shared<media::InlineVideoOpener>();
  const auto want = processor.process(messages, options);
  ASSERT_TRUE(want) << want.error().message;
  options.media_cache = std::make_shared<MediaCache>(int64_t{1} << 24);
  MediaCache& cache = *options.media_cache;
  for (int turn = 0; turn < 3; ++turn) {
    // What was found is not decoded: nobody could.
    if (turn == 2) options.videos = std::make_shared<NoVideos>();
    const auto got = processor.process(messages, options);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->input_ids, want->input_ids);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(got->media[i].patches == want->media[i].patches) << turn << " " << i;
      EXPECT_EQ(got->media[i].timestamps_s, want->media[i].timestamps_s);
      EXPECT_EQ(got->media[i].width, want->media[i].width);
      EXPECT_EQ(got->media[i].digest, media_digest(want->media[i]));
    }
    EXPECT_EQ(cache.use().queries, 2 * (turn + 1));
    EXPECT_EQ(cache.use().hits, 2 * turn);
  }
  // Another file under the same path, another size, another tenant.
  const int64_t hits = cache.use().hits;
  replace(picture, "media/rgb_420.jpg");
  const auto other = processor.process(user({picture_part(picture.string())}), options);
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->media[0].patches == want->media[0].patches);
  text::ContentPart small = picture_part(picture.string());
  small.max_pixels = 4 * 784;
  EXPECT_LT(count(*processor.process(user({small}), options), 1), count(*other, 1));
  options.cache_salt = "other";
  EXPECT_TRUE(processor.process(user({picture_part(picture.string())}), options));
  EXPECT_EQ(cache.use().hits, hits);
  std::filesystem::remove_all(folder);
}

TEST_F(ProcessorTest, FramesAreSpread) {
  const Processor processor = load("glm45v", "glm_ocr");
  text::ContentPart video = video_part(9);
  video.max_frames = 4;  // 0, 2, 5, 8 of frames at 4 per second
  const auto input = processor.process(user({video}), {});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->media[0].grid.t, 2);
  EXPECT_THAT(input->media[0].timestamps_s, testing::ElementsAre(0.0, 1.25));
}

TEST_F(ProcessorTest, ErrorsNameTheFileOrItsPlace) {
  const Processor processor = load("glm45v", "glm4v_moe");
  const auto missing = processor.process(user({text_part("a"), picture_part("/no/such.png")}), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_EQ(missing.error().message, "picture /no/such.png: no such file");
  const auto broken =
      processor.process(user({text_part("a"), picture_part("data:image/png;base64,eHh4")}), {});
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, testing::StartsWith("messages[0].content[1]: picture data:"));
  text::ContentPart file = video_part(0);
  file.source = "clip.mp4";
  EXPECT_EQ(processor.process(user({file}), {}).error().code, Code::kNotFound);
  EXPECT_EQ(processor.process(user({file}), {.read_sources = false}).error().code,
            Code::kUnsupported);
  EXPECT_THAT(processor.process(user({video_part(1)}), {}).error().message,
              HasSubstr("at least 2 frames"));
  text::ContentPart times = video_part(4);
  times.frame_times_s = {0.0, 1.0};
  EXPECT_THAT(processor.process(user({times}), {}).error().message, HasSubstr("4 frames but 2"));
}

// tests/golden/video: the reference's tokens for the same files.
TEST_F(ProcessorTest, VideoFiles) {
  PromptOptions options;
  options.videos = std::make_shared<media::InlineVideoOpener>();
  for (const auto& [key, tokenizer, model_type] :
       {std::tuple{"glm4v", "glm41v", "glm4v"}, {"glm46v", "glm45v", "glm46v"}}) {
    const Processor processor = load(tokenizer, model_type);
    for (const Json& row : golden_lines("../video/index.jsonl")) {
      if (!row.contains("file")) continue;
      const std::string file = row["file"];
      text::ContentPart part{.kind = text::PartKind::kVideo};
      part.source = (kRoot / "tests/golden/video" / file).string();
      const auto input = processor.process(user({part, text_part("What?")}), options);
      ASSERT_TRUE(input) << file << ": " << input.error().message;
      int64_t hash = 0;
      for (const int32_t id : input->input_ids) hash = (hash * 1000003 + id) % 2147483647;
      EXPECT_EQ(std::ssize(input->input_ids), row[key]["num_ids"].get<int64_t>()) << file;
      EXPECT_EQ(hash, row[key]["ids_hash"].get<int64_t>()) << file << " " << key;
    }
  }
}

TEST_F(ProcessorTest, TextOnly) {
  const Processor processor = load("glm41v", "glm4v");
  const auto input = processor.process(std::vector{text::Message::user("Hi")}, {});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_TRUE(input->media.empty());
  EXPECT_EQ(input->rope_delta, 0);
  EXPECT_EQ(count(*input, 0), static_cast<int64_t>(input->input_ids.size()));
}

}  // namespace
}  // namespace glmv::processing
