#include "apps/glmv/command.h"
namespace glmv::app { void add_inspect(CLI::App&, int&) {} }
