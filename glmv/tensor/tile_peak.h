#pragma once
// The rate of int8 matrix products that this CPU's tiles (AMX) reach with operands in registers.

namespace glmv::tensor {

// Multiplications and additions a second, in billions, of `num_threads` threads together; 0 on a
// CPU without AMX. Takes a fraction of a second.
double measure_int8_tiles(int num_threads);

}  // namespace glmv::tensor
