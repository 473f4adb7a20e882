#include "glmv/text/jinja_filters.h"

#include "glmv/text/jinja_ops.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {

const FilterRow* find_filter(std::string_view name) {
  for (const FilterTable table : {text_filters(), list_filters()}) {
    for (size_t i = 0; i < table.size; ++i) {
      if (table.rows[i].name == name) return &table.rows[i];
    }
  }
  return nullptr;
}

std::string filter_names() {
  std::string out;
  for (const FilterTable table : {text_filters(), list_filters()}) {
    for (size_t i = 0; i < table.size; ++i) {
      out += (out.empty() ? "" : " ") + std::string(table.rows[i].name);
    }
  }
  return out;
}

Result<Value> run_filter(Budget& budget, const FilterRow& row, const Value& value,
                         const CallArgs& args) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (row.run_raw != nullptr) return row.run_raw(budget, value, args);
  GLMV_ASSIGN(const Bound bound, bind_arguments(row.name, row.parameters, row.required, args));
  return row.run(budget, value, bound);
}

Result<Value> get_path(Budget& budget, const Value& value, const Value& path) {
  if (path.is_integer()) return get_item(budget, value, path);
  if (!path.is_string()) return invalid_argument("attribute must be a string or an integer");
  Value item = value;
  std::string_view rest = path.as_bytes();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool digits = !part.empty() && part.size() < 10 &&
                        part.find_first_not_of("0123456789") == std::string_view::npos;
    Value key = Value::string(std::string(part));
    if (digits) key = Value::integer(*parse_python_int(part, 10));
    GLMV_ASSIGN(item, get_item(budget, item, key));
    if (dot == std::string_view::npos) return item;
    rest = rest.substr(dot + 1);
  }
}

}  // namespace glmv::text::jinja
