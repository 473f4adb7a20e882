#include "glmv/text/jinja_call.h"

namespace glmv::text::jinja {

Result<Bound> bind_arguments(std::string_view function, std::string_view parameters, int required,
                             const CallArgs& args) {
  std::vector<std::string_view> names;
  for (std::string_view rest = parameters; !rest.empty();) {
    const size_t comma = rest.find(',');
    names.push_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  if (args.positional.size() > names.size()) {
    return invalid_argument("{}() takes at most {} argument(s) but {} were given", function,
                            names.size(), args.positional.size());
  }
  Bound bound(names.size());
  for (size_t i = 0; i < args.positional.size(); ++i) bound[i] = args.positional[i];
  for (const auto& [name, value] : args.named) {
    size_t i = 0;
    while (i < names.size() && names[i] != name) ++i;
    if (i == names.size()) {
      return invalid_argument("{}() got an unexpected keyword argument '{}'", function, name);
    }
    if (bound[i]) {
      return invalid_argument("{}() got multiple values for argument '{}'", function, name);
    }
    bound[i] = value;
  }
  for (int i = 0; i < required; ++i) {
    if (!bound[i]) {
      return invalid_argument("{}() is missing the argument '{}'", function, names[i]);
    }
  }
  return bound;
}

}  // namespace glmv::text::jinja
