#pragma once
// What a machine has for running a model, and what it lacks.

#include <string>
#include <vector>

#include "apps/glmv/chat_options.h"
#include "glmv/base/json.h"

namespace glmv::app {

enum class Health { kOk, kWarning, kFailure };

struct DoctorRow {
  std::string name;
  Health health = Health::kOk;
  std::string text;  // what was found, and for what is wrong what to do
};

struct DoctorQuestion {
  ModelFlags model;
  std::string host = "127.0.0.1";
  int port = 8000;   // that a server would take; 0: any
  bool load = true;  // load the model and test it
};

std::vector<DoctorRow> examine(const DoctorQuestion& question);

Json doctor_json(const std::vector<DoctorRow>& rows);
void print_doctor(const std::vector<DoctorRow>& rows);

}  // namespace glmv::app
