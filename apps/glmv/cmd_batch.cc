// glmv batch: a file of requests in OpenAI's batch form, answered in this process.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/progress_line.h"
#include "glmv/base/texts.h"
#include "glmv/chat/local_backend.h"
#include "glmv/server/batch.h"

namespace glmv::app {
namespace {

struct BatchFlags {
  ModelFlags model;
  std::string input, output, served_name;
  int concurrency = 8;
};

void print_summary(const server::BatchProgress& p, double seconds) {
  fmt::print(stderr, "{}\n",
             tr_format("{} answered, {} failed, {}, {} from before, {} left; {} prompt and {} new "
                       "tokens in {}",
                       p.num_answered, p.num_failed,
                       tr_count(p.num_bad_lines, "{} bad line", "{} bad lines"), p.num_skipped,
                       p.num_left(), p.prompt_tokens, p.completion_tokens, duration_text(seconds)));
}

Result<int> run_batch_command(BatchFlags flags) {
  GLMV_ASSIGN(runtime::EngineOptions engine, engine_options(flags.model));
  GLMV_ASSIGN(const auto batch, server::Batch::open(flags.input, flags.output));
  if (batch->progress().num_left() <= 0) {
    print_summary(batch->progress(), 0);
    return 0;
  }
  catch_interrupts();
  engine.max_running_requests = std::max<int64_t>(engine.max_running_requests, flags.concurrency);
  if (flags.served_name.empty()) flags.served_name = served_name(engine);
  GLMV_ASSIGN(const auto backend, chat::LocalBackend::load(engine));
  server::MediaOptions media{.document_rule = backend->document_rule(),
                             .processor = backend->processor().config()};
  if (media::check_pdf_programs()) media.documents = std::make_shared<media::DocumentReader>();
  server::Server server({.model = flags.served_name,
                         .max_requests = flags.concurrency,
                         .media = std::move(media),
                         .on_failure = print_failure},
                        {.max_context_tokens = backend->engine().max_context_tokens(),
                         .fingerprint = system_fingerprint(engine, backend->engine()),
                         .media_cache = backend->media_cache()},
                        *backend, *backend);
  ProgressLine line;
  const auto done = batch->run(server, flags.concurrency, [&](const server::BatchProgress& p) {
    line.show(p.num_done() + p.num_skipped, p.num_lines, p.num_skipped);
    return !interrupted();
  });
  line.clear();
  if (!done) return std::unexpected(done.error());
  print_summary(*done, line.seconds());
  if (done->stopped) return kExitInterrupted;
  return done->num_failed + done->num_bad_lines > 0 ? 1 : 0;
}

}  // namespace

void add_batch(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<BatchFlags>();
  add_model_flags(command, flags->model);
  const std::string group = "Batch";
  command.add_option("input", flags->input, "requests, one JSON object a line")->required();
  command.add_option("output", flags->output, "answers; what it holds already is not asked again")
      ->required();
  command.add_option("--concurrency", flags->concurrency, "requests at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--served-model-name", flags->served_name,
                  "name in requests (default: the folder's)")
      ->group(group);
  command.footer(
      "Exit code: 0 all answered, 1 some failed (their lines say why), 130 stopped; run the "
      "same command again to go on.");
  command.callback([flags, &exit_code] { exit_code = report(run_batch_command(*flags)); });
}

}  // namespace glmv::app
