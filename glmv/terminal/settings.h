#pragma once
// What /set changes, one row each.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/api/chat_types.h"
#include "glmv/terminal/reply_sink.h"

namespace glmv::terminal {

// How replies are shown.
struct Display {
  ShowThought thought = ShowThought::kFold;
  bool markdown = true;
  bool colour = true;
  bool stats = false;
  bool raw = false;
};

struct Settings {
  api::ChatRequest& request;
  Display& display;
};

struct SettingRow {
  std::string_view name;
  std::string_view values;  // "0 to 2", for help
  std::string_view help;
  std::string (*get)(const Settings&);  // "default": as the model's checkpoint says
  Result<void> (*set)(Settings&, const std::string& value);
  bool in_session = true;  // stored with the conversation
};
std::span<const SettingRow> setting_rows();

// not_found names the known ones; invalid_argument what may stand there. "default" takes a value
// back.
Result<void> change_setting(Settings settings, std::string_view name, const std::string& value);

// {"temp": "0.7", ...} of what is set, and back; what cannot be set is a warning.
Json settings_json(const Settings& settings);
std::vector<std::string> apply_settings(Settings settings, const Json& params);

}  // namespace glmv::terminal
