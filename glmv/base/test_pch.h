#pragma once
// The precompiled header of the tests of the folders that do not use torch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/base/pch.h"
