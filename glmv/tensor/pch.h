#pragma once
// The one precompiled header of all folders that use torch. ATen costs 6-9 s a file without it.

#include <ATen/ATen.h>

#include "glmv/base/pch.h"
