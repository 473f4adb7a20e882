#pragma once
// A folder that a Processor loads: 256 byte tokens (id = byte), the added tokens from 256 on, no
// merges, no model.

#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/base/utf8.h"
#include "glmv/processing/processor.h"

namespace glmv::chat {

inline const std::vector<std::string> kTinyAddedTokens = {"<|endoftext|>",
                                                          "[gMASK]",
                                                          "<sop>",
                                                          "<|system|>",
                                                          "<|user|>",
                                                          "<|assistant|>",
                                                          "<|observation|>",
                                                          "<|begin_of_image|>",
                                                          "<|end_of_image|>",
                                                          "<|begin_of_video|>",
                                                          "<|end_of_video|>",
                                                          "<|image|>",
                                                          "<|video|>",
                                                          "<think>",
                                                          "</think>",
                                                          "<|begin_of_box|>",
                                                          "<|end_of_box|>",
                                                          "<answer>",
                                                          "</answer>",
                                                          "<tool_call>",
                                                          "</tool_call>",
                                                          "<arg_key>",
                                                          "</arg_key>",
                                                          "<arg_value>",
                                                          "</arg_value>"};

struct TinyCheckpoint {
  std::filesystem::path dir;

  // `chat_template` empty: the built-in one of glm4v. `without`: names of added tokens left out.
  explicit TinyCheckpoint(const std::string& chat_template = {},
                          const std::vector<std::string>& without = {}) {
    dir = std::filesystem::temp_directory_path() /
          fmt::format("glmv_chat_{}_{}", ::getpid(), reinterpret_cast<uintptr_t>(this));
    std::filesystem::create_directories(dir);
    write("config.json", R"({"model_type": "glm4v"})");
    write("preprocessor_config.json",
          R"({"size": {"shortest_edge": 784, "longest_edge": 25088}, "patch_size": 14,)"
          R"( "temporal_patch_size": 2, "merge_size": 2})");
    write("tokenizer.json", tokenizer_json(without).dump());
    if (!chat_template.empty()) write("chat_template.jinja", chat_template);
  }
  ~TinyCheckpoint() {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }
  TinyCheckpoint(const TinyCheckpoint&) = delete;
  TinyCheckpoint& operator=(const TinyCheckpoint&) = delete;

  std::shared_ptr<const processing::Processor> processor() const {
    Result<processing::Processor> loaded = processing::Processor::load(dir);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return std::make_shared<const processing::Processor>(std::move(*loaded));
  }

 private:
  void write(const std::string& name, const std::string& text) const {
    const Result<void> written = write_file_atomic(dir / name, text);
    if (!written) throw std::runtime_error(written.error().message);
  }

  static Json tokenizer_json(const std::vector<std::string>& without) {
    Json vocab = Json::object();
    char32_t next = 256;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      std::string name;
      append_utf8(name, printable ? byte : next++);
      vocab[name] = byte;
    }
    Json added = Json::array();
    for (size_t i = 0; i < kTinyAddedTokens.size(); ++i) {
      const std::string& name = kTinyAddedTokens[i];
      if (std::find(without.begin(), without.end(), name) != without.end()) continue;
      added.push_back({{"id", 256 + i},
                       {"content", name},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", i < 11}});
    }
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer",
             {{"type", "ByteLevel"},
              {"add_prefix_space", false},
              {"trim_offsets", true},
              {"use_regex", false}}},
            {"post_processor", nullptr},
            {"decoder",
             {{"type", "ByteLevel"},
              {"add_prefix_space", true},
              {"trim_offsets", true},
              {"use_regex", true}}},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", true},
              {"vocab", vocab},
              {"merges", Json::array()}}}};
  }
};

}  // namespace glmv::chat
