#include "glmv/text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <map>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "glmv/base/utf8.h"
#include "glmv/text/byte_level.h"
#include "glmv/text/glm_split.h"
#include "glmv/text/pretokenizer.h"

namespace glmv::text {
namespace {

constexpr int32_t kNumBytes = 256;
constexpr int kNumSpecial = 18;
constexpr std::array<std::string_view, 36> kGlmAddedTokens = {"<|endoftext|>",
                                                              "[MASK]",
                                                              "[gMASK]",
                                                              "[sMASK]",
                                                              "<sop>",
                                                              "<eop>",
                                                              "<|system|>",
                                                              "<|user|>",
                                                              "<|assistant|>",
                                                              "<|observation|>",
                                                              "<|begin_of_image|>",
                                                              "<|end_of_image|>",
                                                              "<|begin_of_video|>",
                                                              "<|end_of_video|>",
                                                              "<|begin_of_audio|>",
                                                              "<|end_of_audio|>",
                                                              "<|begin_of_transcription|>",
                                                              "<|end_of_transcription|>",
                                                              "<|code_prefix|>",
                                                              "<|code_middle|>",
                                                              "<|code_suffix|>",
                                                              "<think>",
                                                              "</think>",
                                                              "<tool_call>",
                                                              "</tool_call>",
                                                              "<tool_response>",
                                                              "</tool_response>",
                                                              "<arg_key>",
                                                              "</arg_key>",
                                                              "<arg_value>",
                                                              "</arg_value>",
                                                              "/nothink",
                                                              "<|begin_of_box|>",
                                                              "<|end_of_box|>",
                                                              "<|image|>",
                                                              "<|video|>"};

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    return (static_cast<uint64_t>(pair.first) << 32 | static_cast<uint32_t>(pair.second)) *
           0x9E3779B97F4A7C15ull;
  }
};

struct Word {
  std::vector<int32_t> symbols;
  int64_t count;
};

// Counts of adjacent pairs over all words, kept up to date while pairs are merged.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (size_t w = 0; w < words_.size(); ++w) add_pairs(w, words_[w].count);
    for (const auto& [pair, count] : counts_) queue_.push({count, pair});
  }

  // Most frequent pair, of equals the one with the smallest ids; count 0: none is left.
  std::pair<Pair, int64_t> best() {
    while (!queue_.empty()) {
      const Entry top = queue_.top();
      const auto it = counts_.find(top.pair);
      const int64_t now = it == counts_.end() ? 0 : it->second;
      if (now == top.count && now > 0 && !forgotten_.contains(top.pair)) {
        return {top.pair, now};
      }
      queue_.pop();  // out of date: counts that changed were queued again
    }
    return {{}, 0};
  }

  // Takes a pair out of the choice for good.
  void forget(const Pair& pair) { forgotten_.insert(pair); }

  void merge(const Pair& pair, int32_t merged) {
    const auto where = std::move(places_[pair]);
    places_.erase(pair);
    changed_.clear();
    for (const size_t w : where) {
      add_pairs(w, -words_[w].count);
      std::vector<int32_t>& symbols = words_[w].symbols;
      size_t out = 0;
      for (size_t i = 0; i < symbols.size(); ++i) {
        if (i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second) {
          symbols[out++] = merged;
          ++i;
        } else {
          symbols[out++] = symbols[i];
        }
      }
      symbols.resize(out);
      add_pairs(w, words_[w].count);
    }
    for (const Pair& p : changed_) {
      if (const int64_t count = counts_[p]; count > 0) queue_.push({count, p});
    }
  }

 private:
  struct Entry {
    int64_t count;
    Pair pair;
    bool operator<(const Entry& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void add_pairs(size_t w, int64_t count) {
    const std::vector<int32_t>& symbols = words_[w].symbols;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Pair pair{symbols[i], symbols[i + 1]};
      counts_[pair] += count;
      changed_.insert(pair);
      if (count > 0) places_[pair].insert(w);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::unordered_set<size_t>, PairHash> places_;
  std::unordered_set<Pair, PairHash> changed_;
  std::unordered_set<Pair, PairHash> forgotten_;
  std::priority_queue<Entry> queue_;
};

Json split_json(const std::string& pattern) {
  Json split = {{"type", "Split"}};
  split["pattern"] = {{"Regex", pattern}};
  split["behavior"] = "Isolated";
  split["invert"] = false;
  return split;
}

Json byte_level_json(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

Json added_json(const AddedToken& token) {
  return {{"content", token.content}, {"single_word", false},           {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},   {"normalized", token.normalized}, {"special", token.special}};
}

Result<std::vector<Word>> count_words(std::span<const std::string> texts,
                                      const std::string& pattern, const AddedTokens& added) {
  GLMV_ASSIGN(const PreTokenizer pre_tokenizer, PreTokenizer::from_json(split_json(pattern)));
  std::map<std::string, int64_t, std::less<>> counts;
  const auto count_stretch = [&](std::string_view stretch) -> Result<void> {
    PreTokenizer::Pieces pieces;
    GLMV_RETURN_IF_ERROR(pre_tokenizer.split(stretch, pieces));
    for (const std::string_view piece : pieces.pieces) {
      const auto it = counts.find(piece);
      if (it != counts.end()) {
        ++it->second;
      } else {
        counts.emplace(piece, 1);
      }
    }
    return {};
  };
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    if (const auto offset = find_invalid_utf8(text)) {
      return invalid_argument("training text {} is not valid UTF-8 at byte {}", i, *offset);
    }
    size_t done = 0;
    for (const AddedMatch& match : added.find(text, false, {})) {
      GLMV_RETURN_IF_ERROR(count_stretch(text.substr(done, match.range.begin - done)));
      done = match.range.end;
    }
    GLMV_RETURN_IF_ERROR(count_stretch(text.substr(done)));
  }

  std::array<int32_t, kNumBytes> id_of_byte;
  for (int32_t id = 0; id < kNumBytes; ++id) id_of_byte[byte_level_order()[id]] = id;
  std::vector<Word> words;
  for (const auto& [piece, count] : counts) {
    Word word{{}, count};
    for (const char byte : piece) {
      word.symbols.push_back(id_of_byte[static_cast<unsigned char>(byte)]);
    }
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

std::vector<AddedToken> glm_added_tokens() {
  std::vector<AddedToken> tokens;
  for (size_t i = 0; i < kGlmAddedTokens.size(); ++i) {
    tokens.push_back(
        {.content = std::string(kGlmAddedTokens[i]), .id = -1, .special = i < kNumSpecial});
  }
  return tokens;
}

Result<TrainedTokenizer> BpeTrainer::train(std::span<const std::string> texts) const {
  const auto num_added = static_cast<int64_t>(options_.added_tokens.size());
  const int64_t max_merges = options_.vocab_size - kNumBytes - num_added;
  if (max_merges < 0) {
    return invalid_argument("vocab_size {} is too small for 256 bytes and {} added tokens",
                            options_.vocab_size, num_added);
  }
  const std::string pattern =
      options_.split_pattern.empty() ? GlmSplit::pattern(1) : options_.split_pattern;
  GLMV_ASSIGN(const AddedTokens added, AddedTokens::build(options_.added_tokens));
  GLMV_ASSIGN(std::vector<Word> words, count_words(texts, pattern, added));

  std::vector<std::string> tokens;  // bytes of each id
  std::unordered_set<std::string> known;
  for (const uint8_t byte : byte_level_order()) tokens.emplace_back(1, static_cast<char>(byte));
  for (const AddedToken& token : options_.added_tokens) known.insert(token.content);
  Json merges = Json::array();
  PairCounts pairs(std::move(words));
  while (static_cast<int64_t>(merges.size()) < max_merges) {
    const auto [pair, count] = pairs.best();
    if (count < std::max<int64_t>(1, options_.min_pair_count)) break;
    const auto id = static_cast<int32_t>(tokens.size());
    std::string merged = tokens[pair.first] + tokens[pair.second];
    if (!known.insert(merged).second) {
      // The same bytes by another path, or an added token: a second id is not allowed.
      pairs.forget(pair);
      continue;
    }
    merges.push_back(
        {byte_level_encode(tokens[pair.first]), byte_level_encode(tokens[pair.second])});
    tokens.push_back(std::move(merged));
    pairs.merge(pair, id);
  }

  TrainedTokenizer result;
  result.num_merges = static_cast<int32_t>(merges.size());
  result.vocab_size = static_cast<int32_t>(tokens.size());
  Json::object_t vocab;
  vocab.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    // Keys are unique: no need for the search that emplace() makes.
    static_cast<Json::object_t::Container&>(vocab).emplace_back(byte_level_encode(tokens[id]), id);
  }
  Json added_list = Json::array();
  Json added_decoder = Json::object();
  Json special_contents = Json::array();
  for (const AddedToken& token : options_.added_tokens) {
    const int32_t id = result.vocab_size++;
    if (token.id >= 0 && token.id != id) {
      return invalid_argument("added token \"{}\" is to have id {}, but the next free id is {}",
                              token.content, token.id, id);
    }
    const Json json = added_json(token);
    Json with_id = {{"id", id}};
    with_id.update(json);
    added_list.push_back(std::move(with_id));
    added_decoder[std::to_string(id)] = json;
    if (token.special) special_contents.push_back(token.content);
  }

  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", true}};
  model["vocab"] = std::move(vocab);
  model["merges"] = std::move(merges);
  Json pre_tokenizer = {{"type", "Sequence"}};
  pre_tokenizer["pretokenizers"] =
      Json::array({split_json(pattern), byte_level_json(false, true, false)});
  result.tokenizer = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  result.tokenizer["added_tokens"] = std::move(added_list);
  result.tokenizer["normalizer"] = nullptr;
  result.tokenizer["pre_tokenizer"] = std::move(pre_tokenizer);
  result.tokenizer["post_processor"] = byte_level_json(true, false, true);
  result.tokenizer["decoder"] = byte_level_json(true, true, true);
  result.tokenizer["model"] = std::move(model);

  result.config["added_tokens_decoder"] = std::move(added_decoder);
  result.config["additional_special_tokens"] = std::move(special_contents);
  result.config["clean_up_tokenization_spaces"] = false;
  result.config["do_lower_case"] = false;
  result.config["eos_token"] = options_.eos_token;
  result.config["model_max_length"] = options_.model_max_length;
  result.config["pad_token"] = options_.pad_token;
  result.config["padding_side"] = "left";
  result.config["remove_space"] = false;
  result.config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return result;
}

}  // namespace glmv::text
