// Decode attention on CPUs that multiply tiles.

#include "glmv/kernels/impl/attend_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {

const AttendPaged kAmxAttend = attend_by<TileAttention, uint16_t>;
const AttendPaged kAmxAttendInt8 = attend_by<TileAttention, int8_t>;

}  // namespace glmv::kernels
