#pragma once
// Where the tests of the models run: on the CPU, or on the device that GLMV_TEST_DEVICE names
// (docs/devices.md).

#include <cstdlib>
#include <string>

namespace glmv::tensor {

inline std::string test_device() {
  const char* name = std::getenv("GLMV_TEST_DEVICE");
  return name != nullptr ? name : "cpu";
}

}  // namespace glmv::tensor
