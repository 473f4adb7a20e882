#include "glmv/chat/watched_work.h"

namespace glmv::chat {

api::ChatChunk progress_of(const processing::PreparationStep& step) {
  using processing::MediaUnit;
  return {.progress_phase = step.unit == MediaUnit::kPages    ? "pages"
                            : step.unit == MediaUnit::kFrames ? "frames"
                            : step.name.empty()               ? ""
                                                              : "media",
          .progress_name = step.name,
          .progress_done = step.done,
          .progress_total = step.total};
}

}  // namespace glmv::chat
