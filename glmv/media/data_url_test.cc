#include "glmv/media/data_url.h"

#include <gtest/gtest.h>

#include "glmv/media/base64.h"

namespace glmv::media {
namespace {

TEST(DataUrl, IsSplit) {
  const auto plain = split_data_url("data:image/png;base64,QUJD");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->media_type, "image/png");
  EXPECT_EQ(plain->payload, "QUJD");
  EXPECT_FALSE(plain->is_frame_list());
  EXPECT_EQ(split_data_url("DATA:;base64,")->payload, "");

  const auto frames = split_data_url(
      "data:video/JPEG;fps=2;frames_indices=0,5,10;total_num_frames=30;flag;base64,QQ==,,Qg==");
  ASSERT_TRUE(frames);
  EXPECT_TRUE(frames->is_frame_list());
  EXPECT_EQ(frames->parameter("fps"), "2");
  EXPECT_EQ(frames->parameter("frames_indices"), "0,5,10");
  EXPECT_EQ(frames->parameter("total_num_frames"), "30");
  EXPECT_EQ(frames->parameter("flag"), "");
  EXPECT_EQ(frames->parameter("none"), "");
  EXPECT_EQ(frames->num_frames(), 3u);
  EXPECT_EQ(frames->frames(), (std::vector<std::string_view>{"QQ==", "", "Qg=="}));
}

TEST(DataUrl, OthersAreErrors) {
  EXPECT_EQ(split_data_url("data:").error().code, Code::kInvalidArgument);
  EXPECT_EQ(split_data_url("data:image/png;base64").error().code, Code::kInvalidArgument);
  EXPECT_EQ(split_data_url("data:text/plain,hello").error().code, Code::kUnsupported);
  EXPECT_EQ(split_data_url("data:base64,hello").error().code, Code::kUnsupported);
  EXPECT_EQ(split_data_url("http://host/").error().code, Code::kInvalidArgument);
  EXPECT_FALSE(split_data_url("data:" + std::string(1 << 20, 'x') + ";base64,QQ=="));
}

TEST(StrictBase64, TakesOneSpellingOnly) {
  for (const char* good : {"", "QQ==", "QUI=", "QUJD", "++//"}) {
    const auto bytes = decode_strict_base64(good);
    ASSERT_TRUE(bytes) << good;
    EXPECT_EQ(encode_base64(*bytes), good);
  }
  for (const char* bad : {"QQ", "QQ=", "QUJ", "Q", "QQ==\n", " QQ==", "QQ= =", "--__",
                          "QUJD=", "====", "QQ==QUJD", "Q===", "QU%4", "\x80\x80\x80\x80"}) {
    EXPECT_FALSE(decode_strict_base64(bad)) << bad;
  }
}

}  // namespace
}  // namespace glmv::media
