#include "glmv/terminal/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "glmv/base/texts.h"

namespace glmv::terminal {
namespace {

constexpr char kDefault[] = "default";

template <class T>
Result<T> number(const std::string& text, T least, T most) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || !(value >= least && value <= most)) {
    return invalid_argument("{}",
                            tr_format("\"{}\" is no number from {} to {}", text, least, most));
  }
  return value;
}

Result<bool> on_off(const std::string& text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return invalid_argument("{}", tr_format("\"{}\" is neither on nor off", text));
}

template <class T>
std::string shown(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : kDefault;
}
std::string shown(bool value) { return value ? "on" : "off"; }

template <class T>
Result<void> set_optional(std::optional<T>& target, const std::string& text, T least, T most) {
  if (text == kDefault) {
    target.reset();
    return {};
  }
  GLMV_ASSIGN(target, number<T>(text, least, most));
  return {};
}

template <class T>
Result<void> set_number(T& target, const std::string& text, T least, T most, T none) {
  if (text == kDefault) {
    target = none;
    return {};
  }
  GLMV_ASSIGN(target, number<T>(text, least, most));
  return {};
}

Result<void> set_switch(bool& target, const std::string& text, bool none) {
  if (text == kDefault) {
    target = none;
    return {};
  }
  GLMV_ASSIGN(target, on_off(text));
  return {};
}

constexpr int64_t kMany = int64_t{1} << 40;

std::string get_stop(const Settings& s) {
  std::string all;
  for (const std::string& stop : s.request.stop) all += (all.empty() ? "" : ", ") + stop;
  return all.empty() ? kDefault : all;
}

Result<void> set_think(Settings& s, const std::string& v) {
  if (v == "auto" || v == kDefault) {
    s.request.thinking = api::Thinking::kAuto;
    return {};
  }
  auto on = on_off(v);
  if (!on) return invalid_argument("{}", tr_format("\"{}\" is none of {}", v, "on, off, auto"));
  s.request.thinking = *on ? api::Thinking::kOn : api::Thinking::kOff;
  return {};
}

std::string get_think(const Settings& s) {
  return s.request.thinking == api::Thinking::kAuto  ? "auto"
         : s.request.thinking == api::Thinking::kOff ? "off"
                                                     : "on";
}

Result<void> set_show_think(Settings& s, const std::string& v) {
  if (v == "fold" || v == kDefault) {
    s.display.thought = ShowThought::kFold;
  } else if (v == "full") {
    s.display.thought = ShowThought::kFull;
  } else if (v == "hide") {
    s.display.thought = ShowThought::kHide;
  } else {
    return invalid_argument("{}", tr_format("\"{}\" is none of {}", v, "fold, full, hide"));
  }
  return {};
}

std::string get_show_think(const Settings& s) {
  return s.display.thought == ShowThought::kFull   ? "full"
         : s.display.thought == ShowThought::kHide ? "hide"
                                                   : "fold";
}

using S = Settings;
using V = const std::string&;

constexpr SettingRow kRows[] = {
    {"temp", "0 to 10", "temperature; 0: greedy",
     [](const S& s) { return shown(s.request.temperature); },
     [](S& s, V v) { return set_optional(s.request.temperature, v, 0.0, 10.0); }},
    {"top-p", "0 to 1", "nucleus mass", [](const S& s) { return shown(s.request.top_p); },
     [](S& s, V v) { return set_optional(s.request.top_p, v, 0.0, 1.0); }},
    {"top-k", "0, 1, ...", "0: off", [](const S& s) { return shown(s.request.top_k); },
     [](S& s, V v) { return set_optional(s.request.top_k, v, int64_t{0}, kMany); }},
    {"min-p", "0 to 1", "share of the best token's probability",
     [](const S& s) { return shown(s.request.min_p); },
     [](S& s, V v) { return set_optional(s.request.min_p, v, 0.0, 1.0); }},
    {"repeat-penalty", "0.01 to 10", "1: off",
     [](const S& s) { return shown(s.request.repetition_penalty); },
     [](S& s, V v) { return set_optional(s.request.repetition_penalty, v, 0.01, 10.0); }},
    {"presence-penalty", "-2 to 2", "0: off",
     [](const S& s) { return fmt::format("{}", s.request.presence_penalty); },
     [](S& s, V v) { return set_number(s.request.presence_penalty, v, -2.0, 2.0, 0.0); }},
    {"frequency-penalty", "-2 to 2", "0: off",
     [](const S& s) { return fmt::format("{}", s.request.frequency_penalty); },
     [](S& s, V v) { return set_number(s.request.frequency_penalty, v, -2.0, 2.0, 0.0); }},
    {"seed", "0, 1, ...", "for repeatable sampling",
     [](const S& s) { return shown(s.request.seed); },
     [](S& s, V v) { return set_optional(s.request.seed, v, uint64_t{0}, UINT64_MAX); }},
    {"max-tokens", "1, 2, ...", "new tokens at most",
     [](const S& s) { return shown(s.request.max_tokens); },
     [](S& s, V v) { return set_optional(s.request.max_tokens, v, int64_t{1}, kMany); }},
    {"stop", "TEXT", "ends the answer; each /set stop adds one, default forgets them", get_stop,
     [](S& s, V v) -> Result<void> {
       if (v == kDefault) {
         s.request.stop.clear();
       } else {
         s.request.stop.push_back(v);
       }
       return {};
     }},
    {"think", "on, off, auto", "auto: as the template does by itself", get_think, set_think},
    {"think-budget", "0, 1, ...", "tokens of thought before the answer is forced",
     [](const S& s) {
       return s.request.thinking_budget < 0 ? kDefault
                                            : fmt::format("{}", s.request.thinking_budget);
     },
     [](S& s, V v) {
       return set_number(s.request.thinking_budget, v, int64_t{0}, kMany, int64_t{-1});
     }},
    {"detect-repetition", "on, off", "stop when the output goes in circles",
     [](const S& s) { return shown(s.request.detect_repetition); },
     [](S& s, V v) { return set_switch(s.request.detect_repetition, v, false); }},
    {"max-pixels", "0, 1, ...", "per picture at most; 0: the model's limit",
     [](const S& s) { return fmt::format("{}", s.request.max_pixels); },
     [](S& s, V v) { return set_number(s.request.max_pixels, v, int64_t{0}, kMany, int64_t{0}); }},
    {"show-think", "fold, full, hide", "how thoughts are shown", get_show_think, set_show_think,
     false},
    {"markdown", "on, off", "answers in styles, or as they are written",
     [](const S& s) { return shown(s.display.markdown); },
     [](S& s, V v) { return set_switch(s.display.markdown, v, true); }, false},
    {"stats", "on, off", "figures after every reply",
     [](const S& s) { return shown(s.display.stats); },
     [](S& s, V v) { return set_switch(s.display.stats, v, false); }, false},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

Result<void> change_setting(Settings settings, std::string_view name, const std::string& value) {
  const auto* row = std::ranges::find(kRows, name, &SettingRow::name);
  if (row == std::end(kRows)) {
    std::string known;
    for (const SettingRow& r : kRows) known += (known.empty() ? "" : ", ") + std::string(r.name);
    return not_found("{}", tr_format("there is no setting \"{}\"; known: {}", name, known));
  }
  if (auto done = row->set(settings, value); !done) return in_context(name, done.error());
  return {};
}

Json settings_json(const Settings& settings) {
  Json json = Json::object();
  // What stays at its default is not written.
  api::ChatRequest untouched;
  Display display;
  const Settings defaults{untouched, display};
  for (const SettingRow& row : kRows) {
    const std::string value = row.get(settings);
    if (!row.in_session || value == row.get(defaults)) continue;
    json[row.name] = row.name == "stop" ? Json(settings.request.stop) : Json(value);
  }
  return json;
}

std::vector<std::string> apply_settings(Settings settings, const Json& params) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : params.items()) {
    const Json values = value.is_array() ? value : Json::array({value});
    if (value.is_array()) (void)change_setting(settings, name, kDefault);
    for (const Json& item : values) {
      const std::string text = item.is_string() ? item.get<std::string>() : item.dump();
      if (auto done = change_setting(settings, name, text); !done) {
        warnings.push_back(done.error().message);
      }
    }
  }
  return warnings;
}

}  // namespace glmv::terminal
