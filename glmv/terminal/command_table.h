#pragma once
// The commands of a chat, one row each.

#include <span>
#include <string>
#include <string_view>

#include "glmv/terminal/chat.h"

namespace glmv::terminal {

// What follows the name of a command.
enum class ArgumentKind { kNone, kPath, kWord };

struct CommandRow {
  std::string_view name;  // "/image"
  std::string_view form;  // of its arguments: "PATH..."
  std::string_view help;
  ArgumentKind completes = ArgumentKind::kNone;
  bool (*run)(Chat& chat, std::string_view arguments) = nullptr;  // false: the chat is over
};

std::span<const CommandRow> command_rows();
// By name or the only name that begins so; null: none, or several.
const CommandRow* find_command(std::string_view name);
// Runs "/name arguments". An unknown command is an error and never a message.
bool run_command(Chat& chat, std::string_view line);

// All commands, or one of them, as text.
std::string help_text(std::string_view name);

}  // namespace glmv::terminal
