#include "apps/glmv/ground_outputs.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/grounding/annotation_json.h"
#include "glmv/grounding/crops.h"
#include "glmv/grounding/export.h"
#include "glmv/media/draw.h"
#include "glmv/media/png_writer.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;

Result<void> make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return invalid_argument("{}: no folder can be made: {}", folder, error.message());
  return {};
}

// "report.pdf" of "report.pdf#page=3".
std::string document_of(const InputPicture& picture) {
  return picture.name.substr(0, picture.name.rfind('#'));
}

std::string stem_of(const InputPicture& picture) {
  const std::string& name = picture.name;
  if (picture.page > 0) {
    return fmt::format("{}-p{:02}", fs::path(document_of(picture)).stem().string(), picture.page);
  }
  if (is_web_url(name)) {
    const std::string word = grounding::file_word(name.substr(name.find("//") + 2));
    return word.empty() ? "picture" : word;
  }
  if (name.starts_with("data:")) return "picture";
  return fs::path(name).stem().string();
}

std::string with_text(std::string png, const grounding::Annotations& annotations) {
  return media::with_png_text(std::move(png), grounding::kPngKeyword,
                              grounding::to_json(annotations).dump());
}

// For files that name the picture: relative to where they lie.
std::string picture_seen_from(const std::string& file, const InputPicture& picture) {
  const std::string path = picture.page > 0 ? document_of(picture) : picture.name;
  std::error_code error;
  if (is_web_url(path) || !fs::exists(path, error)) return picture.name;
  const fs::path folder = fs::absolute(fs::path(file), error).parent_path();
  const fs::path relative = fs::relative(path, folder, error);
  if (error || relative.empty()) return picture.name;
  return relative.string() + picture.name.substr(path.size());
}

}  // namespace

void add_ground_files(CLI::App& command, GroundFiles& files) {
  const std::string group = "Output (of several pictures: folders)";
  command.add_option("-o,--output", files.picture, "PNG: the picture with everything drawn on it")
      ->group(group);
  command.add_option("--svg", files.svg, "SVG with the picture inside")->group(group);
  command
      .add_option("--json", files.json,
                  "JSON: 0-1000 and pixel coordinates, labels, the answer's text; - prints it")
      ->group(group);
  command.add_option("--labelme", files.labelme, "LabelMe's JSON")->group(group);
  command.add_option("--coco", files.coco, "one COCO file, also of several pictures")->group(group);
  command.add_option("--mask", files.mask, "PNG: white inside boxes and polygons")->group(group);
  command.add_option("--spotlight", files.spotlight, "PNG: the picture, dark outside of them")
      ->group(group);
  command
      .add_option("--crop", files.crops,
                  "folder: a PNG of what each of them encloses, its coordinates inside")
      ->group(group);
  command.add_option("--pad", files.pad, "margin of crops in thousandths of the picture")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str()
      ->group(group);
}

bool GroundWriter::needs_pixels() const {
  return !files_.picture.empty() || !files_.spotlight.empty() || !files_.crops.empty();
}

Result<std::string> GroundWriter::path(const std::string& target, const std::string& ending) const {
  if (!several_) return target;
  GLMV_RETURN_IF_ERROR(make_folder(target));
  return (fs::path(target) / (stem_ + ending)).string();
}

Result<void> GroundWriter::write(const grounding::Annotations& annotations,
                                 const InputPicture& picture) {
  stem_ = stem_of(picture);
  for (int n = 2; std::ranges::find(used_stems_, stem_) != used_stems_.end(); ++n) {
    stem_ = fmt::format("{}-{}", stem_of(picture), n);
  }
  used_stems_.push_back(stem_);
  const auto shapes = grounding::shapes_of(annotations);
  if (!files_.picture.empty()) {
    GLMV_ASSIGN(const std::string name, path(files_.picture, ".png"));
    GLMV_ASSIGN(const std::string png, grounding::annotated_png(annotations, picture.image));
    GLMV_RETURN_IF_ERROR(write_file_atomic(name, png));
  }
  if (!files_.svg.empty()) {
    GLMV_ASSIGN(const std::string name, path(files_.svg, ".svg"));
    GLMV_ASSIGN(const std::string svg, grounding::svg_file(annotations, picture.href));
    GLMV_RETURN_IF_ERROR(write_file_atomic(name, svg));
  }
  if (!files_.json.empty()) {
    const std::string text = grounding::to_json(annotations).dump(2) + "\n";
    if (prints_json()) {
      fmt::print("{}", text);
    } else {
      GLMV_ASSIGN(const std::string name, path(files_.json, ".json"));
      GLMV_RETURN_IF_ERROR(write_file_atomic(name, text));
    }
  }
  if (!files_.labelme.empty()) {
    GLMV_ASSIGN(const std::string name, path(files_.labelme, ".json"));
    const Json json = grounding::labelme_json(annotations, picture_seen_from(name, picture));
    GLMV_RETURN_IF_ERROR(write_file_atomic(name, json.dump(2) + "\n"));
  }
  if (!files_.mask.empty() || !files_.spotlight.empty()) {
    GLMV_ASSIGN(const media::GreyImage mask,
                media::mask_of_shapes(static_cast<int>(annotations.width),
                                      static_cast<int>(annotations.height), shapes));
    if (!files_.mask.empty()) {
      GLMV_ASSIGN(const std::string name, path(files_.mask, ".png"));
      GLMV_ASSIGN(std::string png, media::encode_png(mask));
      GLMV_RETURN_IF_ERROR(write_file_atomic(name, with_text(std::move(png), annotations)));
    }
    if (!files_.spotlight.empty()) {
      GLMV_ASSIGN(const std::string name, path(files_.spotlight, ".png"));
      GLMV_ASSIGN(std::string png, media::encode_png(media::darken_outside(picture.image, mask)));
      GLMV_RETURN_IF_ERROR(write_file_atomic(name, with_text(std::move(png), annotations)));
    }
  }
  if (!files_.crops.empty()) {
    GLMV_RETURN_IF_ERROR(make_folder(files_.crops));
    size_t number = 0;
    for (const grounding::Crop& crop :
         grounding::crop_annotations(annotations, picture.image, files_.pad)) {
      const std::string word = grounding::file_word(annotations.items[crop.item].label);
      const std::string name =
          fmt::format("{}-{:02}{}{}.png", stem_, ++number, word.empty() ? "" : "-", word);
      GLMV_ASSIGN(const std::string png, grounding::crop_png(annotations, crop));
      GLMV_RETURN_IF_ERROR(write_file_atomic(fs::path(files_.crops) / name, png));
    }
  }
  if (!files_.coco.empty()) {
    all_.push_back(annotations);
    all_.back().image = picture_seen_from(files_.coco, picture);
  }
  return {};
}

Result<void> GroundWriter::finish() const {
  if (files_.coco.empty()) return {};
  return write_file_atomic(files_.coco, grounding::coco_json(all_).dump(2) + "\n");
}

std::string annotation_lines(const grounding::Annotations& annotations) {
  std::string lines;
  for (const grounding::Annotation& item : annotations.items) {
    lines +=
        fmt::format("{:<16} {:<8}", item.label.empty() ? "-" : media::drawable_label(item.label),
                    grounding::kind_name(item.kind));
    if (item.space) {
      lines += fmt::format(" center {:.2f} {:.2f} {:.2f}{}", item.space->center[0],
                           item.space->center[1], item.space->center[2],
                           item.pixels.empty() ? " behind the camera" : "");
    } else {
      lines += " " + grounding::flat_json(item.unit).dump();
      if (!item.pixels.empty()) lines += " px " + grounding::flat_json(item.pixels).dump();
    }
    lines += "\n";
  }
  return lines;
}

}  // namespace glmv::app
