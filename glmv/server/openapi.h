#pragma once
// The OpenAPI description of the server, made of the route table.

#include "glmv/base/json.h"

namespace glmv::server {

Json openapi_json();

}  // namespace glmv::server
