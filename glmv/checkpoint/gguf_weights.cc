#include "glmv/checkpoint/gguf_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "glmv/checkpoint/gguf.h"
#include "glmv/checkpoint/gguf_names.h"
#include "glmv/checkpoint/safetensors_sax.h"
#include "glmv/checkpoint/weights_builder.h"

namespace glmv::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxParts = 4096;
constexpr std::string_view kPatchWeight = "v.patch_embd.weight";
constexpr std::string_view kSecondPatchWeight = "v.patch_embd.weight.1";  // of the second frame

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::vector<fs::path> gguf_files(const fs::path& dir) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (lower(entry.path().extension().string()) == ".gguf") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

std::string names_of(const std::vector<GgufFile>& files) {
  std::vector<std::string> names;
  for (const GgufFile& file : files) names.push_back(file.path.filename().string());
  return fmt::format("{}", fmt::join(names, ", "));
}

// The parts of a file that is called "...-00001-of-0000N.gguf"; the file alone otherwise.
Result<std::vector<GgufFile>> with_parts(GgufFile first) {
  const int64_t count = first.header.integer("split.count");
  std::vector<GgufFile> files;
  if (count <= 1) {
    files.push_back(std::move(first));
    return files;
  }
  const std::string name = first.path.filename().string();
  const std::string ending = fmt::format("-00001-of-{:05}.gguf", count);
  if (count > kMaxParts || !name.ends_with(ending)) {
    return invalid_argument("{} is one of {} parts, but is not called \"...-00001-of-{:05}.gguf\"",
                            first.path.string(), count, count);
  }
  const fs::path dir = first.path.parent_path();
  files.push_back(std::move(first));
  for (int64_t i = 2; i <= count; ++i) {
    const std::string part = fmt::format("{}-{:05}-of-{:05}.gguf",
                                         name.substr(0, name.size() - ending.size()), i, count);
    GLMV_ASSIGN(GgufFile file, open_gguf(dir / part));
    files.push_back(std::move(file));
  }
  return files;
}

struct ModelFiles {
  std::vector<GgufFile> text;
  GgufFile vision;
};

Result<ModelFiles> open_files(const fs::path& dir, const fs::path& chosen) {
  std::vector<GgufFile> text, vision;
  for (const fs::path& path : gguf_files(dir)) {
    GLMV_ASSIGN(GgufFile file, open_gguf(path));
    const bool is_vision = file.header.text("general.architecture") == "clip";
    if (file.header.integer("split.no") > 0) continue;
    if (!is_vision && !chosen.empty() && path.filename() != chosen.filename()) continue;
    (is_vision ? vision : text).push_back(std::move(file));
  }
  if (text.empty()) {
    return not_found("{} holds no GGUF file of a text model{}", dir.string(),
                     chosen.empty() ? "" : " called " + chosen.filename().string());
  }
  if (text.size() > 1) {
    return invalid_argument(
        "{} holds several GGUF files of text models ({}); name one of them "
        "with --model",
        dir.string(), names_of(text));
  }
  if (vision.empty()) {
    return not_found(
        "{} holds no GGUF file of the vision tower; fetch the file called "
        "\"mmproj...\" of the same model",
        dir.string());
  }
  const auto best = std::ranges::find_if(vision, [](const GgufFile& file) {
    return lower(file.path.filename().string()).find("bf16") != std::string::npos;
  });
  ModelFiles files;
  files.vision = std::move(best == vision.end() ? vision.front() : *best);
  GLMV_ASSIGN(files.text, with_parts(std::move(text.front())));
  return files;
}

Result<void> check_architecture(const ModelFiles& files, const ModelConfig& config) {
  const std::string text = files.text.front().header.text("general.architecture");
  const std::string_view wanted = config.text.moe ? "glm4moe" : "glm4";
  if (text != wanted) {
    return invalid_argument(
        "{} holds a model of architecture \"{}\", but config.json ({}) implies "
        "\"{}\"",
        files.text.front().path.string(), shown_name(text), family_name(config.family), wanted);
  }
  const std::string projector = files.vision.header.text("clip.projector_type");
  if (projector != "glm4v") {
    return unsupported("{} holds a vision tower of type \"{}\"; known: glm4v",
                       files.vision.path.string(), shown_name(projector));
  }
  return {};
}

TensorView view_of(const GgufFile& file, const GgufTensor& tensor) {
  TensorView view;
  const GgmlRow& row = ggml_row(tensor.type);
  view.dtype = row.dtype;
  view.shape = tensor.shape;
  view.shape.back() = view.shape.back() / row.elements * (row.elements > 1 ? row.bytes : 1);
  view.data = file.map->bytes().subspan(tensor.begin, tensor.end - tensor.begin);
  view.file = file.map;
  return view;
}

// A copy that owns its bytes.
std::shared_ptr<std::vector<std::byte>> own(TensorView& view, size_t num_bytes) {
  auto memory = std::make_shared<std::vector<std::byte>>(num_bytes);
  view.data = *memory;
  view.memory = memory;
  view.file = nullptr;
  return memory;
}

// llama.cpp rotates halves of a head: the converter puts the even rows of the rotated part first,
// then the odd ones. Back to neighbours.
Result<TensorView> with_pairs(const TensorView& view, const TextConfig& text) {
  const int64_t rows = view.shape.front();
  const int64_t half = text.rope.rotary_dim / 2;
  if (rows % text.head_dim != 0) {
    return invalid_argument("it has {} rows, no multiple of head_dim {}", rows, text.head_dim);
  }
  const size_t row_bytes = view.data.size() / rows;
  TensorView moved = view;
  const auto memory = own(moved, view.data.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t in_head = row % text.head_dim;
    const int64_t from =
        in_head >= 2 * half ? row : row - in_head + in_head / 2 + (in_head % 2) * half;
    std::memcpy(memory->data() + row * row_bytes, view.data.data() + from * row_bytes, row_bytes);
  }
  return moved;
}

// The kernels of both frames, [h, c, p, p] each -> [h, c, 2, p, p].
Result<TensorView> join_frames(const TensorView& first, const TensorView& second) {
  if (first.shape != second.shape || first.dtype != second.dtype || first.shape.size() != 4) {
    return invalid_argument("\"{}\" and \"{}\" differ in shape or type", kPatchWeight,
                            kSecondPatchWeight);
  }
  TensorView joined = first;
  joined.shape.insert(joined.shape.begin() + 2, 2);
  const auto memory = own(joined, 2 * first.data.size());
  const size_t kernel_bytes = first.data.size() / (first.shape[0] * first.shape[1]);
  for (size_t i = 0; i < first.data.size() / kernel_bytes; ++i) {
    std::byte* to = memory->data() + 2 * i * kernel_bytes;
    std::memcpy(to, first.data.data() + i * kernel_bytes, kernel_bytes);
    std::memcpy(to + kernel_bytes, second.data.data() + i * kernel_bytes, kernel_bytes);
  }
  return joined;
}

class FileReader {
 public:
  FileReader(const GgufFile& file, bool moved_rows, WeightsBuilder& builder)
      : file_(file), moved_rows_(moved_rows), builder_(builder) {}

  Result<void> read() {
    builder_.add_file(file_.path);
    for (const auto& [name, tensor] : file_.header.tensors) {
      if (name == kSecondPatchWeight || name == "rope_freqs.weight") continue;
      auto added = add(name, tensor);
      if (!added) {
        return in_context(fmt::format("{}: tensor \"{}\"", file_.path.string(), shown_name(name)),
                          added.error());
      }
    }
    return {};
  }

 private:
  Result<void> add(const std::string& name, const GgufTensor& tensor) {
    const std::string canonical = gguf_canonical_name(name, builder_.config().text.moe.has_value());
    TensorView view = view_of(file_, tensor);
    if (name == kPatchWeight) {
      const auto second = file_.header.tensors.find(std::string(kSecondPatchWeight));
      if (second != file_.header.tensors.end()) {
        GLMV_ASSIGN(view, join_frames(view, view_of(file_, second->second)));
      }
    }
    if (moved_rows_ && (canonical.find(".self_attn.q_proj.") != std::string::npos ||
                        canonical.find(".self_attn.k_proj.") != std::string::npos)) {
      GLMV_ASSIGN(view, with_pairs(view, builder_.config().text));
    }
    const std::string ending(ggml_row(tensor.type).ending);
    if (!ending.empty() && !canonical.ends_with(".weight")) {
      return unsupported("it is no weight of a layer, but quantised");
    }
    const size_t star = canonical.find('*');
    if (star == std::string::npos) {
      if (!ending.empty() && view.shape.size() != 2) {
        return unsupported("it is quantised and has {} dimensions, expected 2", view.shape.size());
      }
      return builder_.add(canonical + ending, name, view, file_.path);
    }
    if (view.shape.size() != 3) {
      return invalid_argument("it has {} dimensions, expected 3: experts, outputs, inputs",
                              view.shape.size());
    }
    const int64_t num_experts = view.shape.front();
    const size_t expert_bytes = view.data.size() / num_experts;
    for (int64_t expert = 0; expert < num_experts; ++expert) {
      TensorView one = view;
      one.shape.erase(one.shape.begin());
      one.data = view.data.subspan(expert * expert_bytes, expert_bytes);
      std::string its_name = canonical;
      its_name.replace(star, 1, std::to_string(expert));
      GLMV_RETURN_IF_ERROR(builder_.add(its_name + ending, name, one, file_.path));
    }
    return {};
  }

  const GgufFile& file_;
  bool moved_rows_;
  WeightsBuilder& builder_;
};

}  // namespace

bool has_only_gguf(const fs::path& dir) {
  std::error_code error;
  return !fs::exists(dir / "model.safetensors", error) &&
         !fs::exists(dir / "model.safetensors.index.json", error) && !gguf_files(dir).empty();
}

Result<void> check_gguf_side_files(const fs::path& dir) {
  std::vector<std::string_view> missing;
  std::error_code error;
  for (const std::string_view name : {"config.json", "tokenizer.json"}) {
    if (!fs::exists(dir / name, error)) missing.push_back(name);
  }
  if (missing.empty()) return {};
  return not_found(
      "{} holds GGUF files, but no {}: put the small files of the model's Hugging "
      "Face folder (config.json, generation_config.json, tokenizer.json, "
      "tokenizer_config.json, preprocessor_config.json, chat_template.jinja) beside "
      "them",
      dir.string(), fmt::join(missing, " and no "));
}

Result<Weights> open_gguf_weights(const fs::path& dir, const fs::path& chosen,
                                  const ModelConfig& config) {
  GLMV_ASSIGN(const ModelFiles files, open_files(dir, chosen));
  GLMV_RETURN_IF_ERROR(check_architecture(files, config));
  // Files of converters from before this rotation have the rows in place and no such key.
  const auto& metadata = files.text.front().header.metadata;
  const bool moved_rows =
      config.text.rope.interleaved && metadata.contains("glm4.rope.dimension_sections");
  WeightsBuilder builder(config);
  for (const GgufFile& file : files.text) {
    GLMV_RETURN_IF_ERROR(FileReader(file, moved_rows, builder).read());
  }
  GLMV_RETURN_IF_ERROR(FileReader(files.vision, false, builder).read());
  Weights weights = builder.take();
  weights.is_gguf = true;
  return weights;
}

Result<int> gguf_linear_bits(const fs::path& dir, const fs::path& chosen) {
  GLMV_ASSIGN(const ModelFiles files, open_files(dir, chosen));
  int bits = 0;
  for (const GgufFile& file : files.text) {
    for (const auto& [name, tensor] : file.header.tensors) {
      if (!name.starts_with("blk.") || tensor.shape.size() < 2) continue;
      const auto groups = ggml_groups(tensor.type);
      // The router stays in floats, and is small.
      if (!groups && name.find("ffn_gate_inp") == std::string::npos) return 0;
      if (groups) bits = std::max(bits, groups->bits);
    }
  }
  return bits;
}

}  // namespace glmv::checkpoint
