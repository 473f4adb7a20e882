// Decode attention on CPUs that multiply tiles.

#include "glmv/kernels/impl/attend_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {

const AttendPaged kAmxAttend = attend_tiles;

}  // namespace glmv::kernels
