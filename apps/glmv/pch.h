#pragma once
// The precompiled header of the program: most of its files declare flags.

#include <CLI/CLI.hpp>

#include "glmv/base/pch.h"
