#include "glmv/text/detokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "glmv/base/random.h"
#include "glmv/base/utf8.h"

namespace glmv::text {
namespace {

Tokenizer load(const std::string& name) {
  return Tokenizer::load(std::filesystem::path(GLMV_SOURCE_DIR) / "tests/golden/tokenizer" / name)
      .value();
}

TEST(Detokenizer, DeltasMakeUpTheOneShotText) {
  for (const char* name : {"glm45v", "characters"}) {
    const Tokenizer tokenizer = load(name);
    Random random(3);
    for (int round = 0; round < 3000; ++round) {
      // Single bytes above 0x7F are common, so that characters are cut in every way.
      std::vector<int32_t> ids;
      const uint64_t length = random.below(14);
      for (uint64_t i = 0; i < length; ++i) {
        const bool high_byte = random.below(3) > 0;
        ids.push_back(static_cast<int32_t>(high_byte ? 94 + random.below(100)
                                                     : random.below(tokenizer.vocab_size() + 3)));
      }
      for (const bool skip_special : {false, true}) {
        Detokenizer detokenizer(tokenizer, skip_special);
        std::string text;
        for (const int32_t id : ids) {
          const std::string delta = detokenizer.push(id);
          EXPECT_FALSE(find_invalid_utf8(delta).has_value());
          text += delta;
        }
        text += detokenizer.finish();
        ASSERT_EQ(text, tokenizer.decode(ids, skip_special));
      }
    }
  }
}

TEST(Detokenizer, EmitsAsSoonAsCertain) {
  const Tokenizer tokenizer = load("glm45v");
  const auto byte_id = [&](unsigned char byte) {
    for (int32_t id = 0; id < 256; ++id) {
      if (static_cast<unsigned char>(tokenizer.token_bytes(id)[0]) == byte) return id;
    }
    return -1;
  };
  Detokenizer detokenizer(tokenizer);
  EXPECT_EQ(detokenizer.push(byte_id(0xE4)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0xBD)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0xA0)), "\xE4\xBD\xA0");
  EXPECT_EQ(detokenizer.push(byte_id('a')), "a");
  EXPECT_EQ(detokenizer.push(*tokenizer.token_id("<think>")), "<think>");
  EXPECT_EQ(detokenizer.push(byte_id(0xF0)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0x9F)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0x98)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0x80)), "\xF0\x9F\x98\x80");
  EXPECT_EQ(detokenizer.push(byte_id(0xFF)), "\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.push(byte_id(0xF0)), "");
  EXPECT_EQ(detokenizer.push(byte_id('b')),
            "\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(detokenizer.push(byte_id(0xED)), "");
  EXPECT_EQ(detokenizer.push(byte_id(0xA0)), "\xEF\xBF\xBD\xEF\xBF\xBD");  // no surrogates
  EXPECT_EQ(detokenizer.push(byte_id(0xC3)), "");
  EXPECT_EQ(detokenizer.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, SkipsSpecialTokens) {
  const Tokenizer tokenizer = load("glm45v");
  Detokenizer detokenizer(tokenizer, true);
  EXPECT_EQ(detokenizer.push(*tokenizer.token_id("<|user|>")), "");
  EXPECT_EQ(detokenizer.push(*tokenizer.token_id("<think>")), "<think>");
  EXPECT_EQ(detokenizer.push(1 << 20), "");
}

}  // namespace
}  // namespace glmv::text
