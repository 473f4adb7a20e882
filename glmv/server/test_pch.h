#pragma once
// The precompiled header of this folder's tests, most of which ask a server.

#include "glmv/base/test_pch.h"
#include "glmv/server/server_for_test.h"
