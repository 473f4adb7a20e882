#pragma once
// CLI11's classes by name. Its header costs 5 s a file, so that other headers take this one.

namespace CLI {
class App;
class Option;
}  // namespace CLI
