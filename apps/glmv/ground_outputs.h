#pragma once
// Files that `glmv ground` writes of what was found.

#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "apps/glmv/input_picture.h"
#include "glmv/grounding/annotation.h"

namespace glmv::app {

// Names of files; of one picture a file each ("-": standard output, JSON only), of several folders.
struct GroundFiles {
  std::string picture, svg, json, labelme, mask, spotlight, crops;
  std::string coco;  // one file of all pictures
  double pad = 15;   // of crops, thousandths
};
void add_ground_files(CLI::App& command, GroundFiles& files);

class GroundWriter {
 public:
  GroundWriter(const GroundFiles& files, bool several) : files_(files), several_(several) {}

  // Whether standard output belongs to a file's content.
  bool prints_json() const { return files_.json == "-"; }
  // Whether the pictures' pixels are needed.
  bool needs_pixels() const;

  Result<void> write(const grounding::Annotations& annotations, const InputPicture& picture);
  // The file of all pictures.
  Result<void> finish() const;

 private:
  // The file for a picture: `target` itself, or one in it.
  Result<std::string> path(const std::string& target, const std::string& ending) const;

  const GroundFiles& files_;
  bool several_;
  std::string stem_;  // of the picture's name, different for each
  std::vector<std::string> used_stems_;
  std::vector<grounding::Annotations> all_;
};

// Lines for people: label, thousandths, pixels.
std::string annotation_lines(const grounding::Annotations& annotations);

}  // namespace glmv::app
