// What clients may ask for and this server does not do: 501 that says so.

#include "glmv/server/routes.h"

namespace glmv::server {

void no_embeddings(const Call& call) {
  fail(call,
       {501, "not_implemented", "embeddings are not offered: this model answers questions", "", 0});
}

void no_audio(const Call& call) {
  fail(call, {501, "not_implemented", "audio is not offered: this model sees and reads", "", 0});
}

void no_adapters(const Call& call) {
  fail(call, {501, "not_implemented", "LoRA adapters cannot be loaded while serving yet", "", 0});
}

}  // namespace glmv::server
