#pragma once
// JSON schemas of the bodies that clients send; the names stand in the route table. Private to this
// folder.

#include "glmv/base/json.h"

namespace glmv::server {

// Object of schemas by name.
const Json& body_schemas();

}  // namespace glmv::server
