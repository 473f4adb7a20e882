#pragma once
// What `glmv quantize` says about the folder that it wrote.

#include "apps/glmv/quantize_run.h"

namespace glmv::app {

// quantize_report.json and quantize_report.png, in the folder of the job.
Result<void> write_report(const QuantizeJob& job, const QuantizeSummary& summary);

// Tables on stdout, notices on stderr.
void print_report(const QuantizeJob& job, const QuantizeSummary& summary);

}  // namespace glmv::app
