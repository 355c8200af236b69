// deblurgan-deblur: restores pictures and films with a trained generator. Exit codes: apps/common.h; 1 also where
// some pictures failed and the others were restored, 141 where whoever read standard output has closed it.
#include <csignal>
#include <fmt/core.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include "apps/common.h"
#include "apps/deblur_arguments.h"
#include "apps/deblur_network.h"
#include "apps/deblur_pictures.h"
#include "apps/deblur_plan.h"
#include "apps/deblur_report.h"
#include "apps/deblur_video.h"
#include "data/byte_stream.h"
#include "kernels/check.h"
#include "models/restore_pipeline.h"

using namespace dg;
using namespace dg::apps;

namespace {

constexpr int kOutputClosedCode = 128 + SIGPIPE;

// ---- what would be done ----

PictureReport foretell(const DeblurJob& job, const DeblurArguments& arguments, DeblurNetwork& network) {
  PictureReport report{.input = job.input.string(), .output = job.output.string()};
  if (job.input == kStandardStream) return report;  // its size is not known before it is read
  try {
    const ImageInfo info = probe_image(job.input);
    report.width = info.width;
    report.height = info.height;
    report.channels = info.channels;
    report.bit_depth = info.bit_depth;
    report.plan = network.restorer.plan(info.width, info.height, arguments.batch);
  } catch (const Error& error) {
    report.failure = error.what();
  }
  return report;
}

int dry_run(const std::vector<DeblurJob>& jobs, const DeblurArguments& arguments, DeblurNetwork& network) {
  Console console(arguments);
  DeblurReport report(arguments, console, static_cast<std::int64_t>(jobs.size()));
  report.network = network.description();
  for (const DeblurJob& job : jobs) {
    if (interrupted()) throw Interrupted("interrupted");
    report.foretell(foretell(job, arguments, network));
  }
  report.finish({});
  return report.failed() == 0 ? 0 : 1;
}

// ---- the pictures ----

int deblur_pictures(const std::vector<DeblurJob>& jobs, const DeblurArguments& arguments,
                    DeblurNetwork& network, ByteInput& standard_input) {
  Console console(arguments);
  console.say(fmt::format("{}: {}", arguments.weights.string(), network.description()));
  DeblurReport report(arguments, console, static_cast<std::int64_t>(jobs.size()));
  report.network = network.description();
  JobSource source(jobs, standard_input);
  JobSink sink(jobs, source, arguments, report);
  try {
    const PipelineReport run =
        restore_all(network.restorer, source, sink, network.pipeline_options(arguments));
    report.finish(run);
  } catch (const Interrupted&) {
    const std::string sentence = fmt::format("interrupted after {} of {} pictures; none is half written",
                                             report.restored(), report.planned());
    report.finish({}, sentence);
    throw Interrupted(sentence);
  } catch (const OutputClosed&) {
    throw;
  } catch (const EndsPipeline& error) {
    report.finish({}, error.what());
    throw;
  }
  if (report.failed() == 0) return 0;
  if (jobs.size() > 1) {
    tell(kDeblurProgram,
         fmt::format("{} of {} pictures failed, see above", report.failed(), report.planned()));
  }
  return 1;
}

// ---- the run ----

int deblur(const DeblurArguments& arguments) {
  // All that can be wrong with names is told before the weights are read.
  const bool film = names_film(arguments);
  std::vector<DeblurJob> jobs;
  if (film) {
    check_film_arguments(arguments);
  } else {
    jobs = plan_deblurring(arguments.plan);
  }
  watch_interrupts();
  DeblurNetwork network(arguments, jobs.size() == 1 && jobs[0].input != kStandardStream);
  ByteInput standard_input(STDIN_FILENO, "standard input");
  standard_input.set_meanwhile(hear_interrupt);
  const bool only_stdin = jobs.size() == 1 && jobs[0].input == kStandardStream;
  if (film || (only_stdin && is_y4m(standard_input))) return deblur_film(arguments, network, standard_input);
  if (arguments.dry_run) return dry_run(jobs, arguments, network);
  return deblur_pictures(jobs, arguments, network, standard_input);
}

// Pictures come and go on three threads. Left alone, glibc keeps up to 64 MiB of what they freed on each of them: the
// process would outgrow its limit by memory that nobody uses.
void give_freed_pictures_back() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int closed(const Error& error) {
  tell(kDeblurProgram, error.what());
  return kOutputClosedCode;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kDeblurProgram, [&] {
    DeblurArguments arguments;
    if (const auto code = parse_deblur_arguments(argc, argv, arguments)) return *code;
    give_freed_pictures_back();
    try {
      return deblur(arguments);
    } catch (const OutputClosed& error) {
      return closed(error);
    } catch (const ClosedByReader& error) {
      return closed(error);
    }
  });
}
