#pragma once
// The one precompiled header of all folders that use torch. ATen costs 6-9 s a file without it.

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>
