#pragma once
// The precompiled header of the files that declare flags.

#include <CLI/CLI.hpp>

#include "glmv/base/pch.h"
