#include "apps/common.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <fmt/core.h>
#include <new>

#include "kernels/check.h"
#include "models/presets.h"

namespace dg::apps {

namespace {

// A signal handler can reach nothing but this.
volatile std::sig_atomic_t received_signal = 0;

void remember_signal(int number) { received_signal = number; }

}  // namespace

void tell(std::string_view program, std::string sentence) {
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", program, sentence);
}

int run_main(std::string_view program, const std::function<int()>& body) {
  std::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG
  try {
    return body();
  } catch (const UsageError& error) {
    tell(program, std::string(error.what()) + "; see --help");
    return 2;
  } catch (const Interrupted& stop) {
    tell(program, stop.what());
    return 128 + received_signal;
  } catch (const std::bad_alloc&) {
    tell(program, "not enough memory; close other programs, or work on smaller pictures");
  } catch (const std::exception& error) {  // dg::Error, and what the standard library throws
    tell(program, error.what());
  }
  return 1;
}

std::optional<int> parse_command_line(CLI::App& app, std::string_view program, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    tell(program, std::string(error.what()) + "; see --help");
    return 2;
  }
}

void watch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = remember_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction present = {};
    sigaction(number, nullptr, &present);
    if (present.sa_handler != SIG_IGN)
      sigaction(number, &action, nullptr);  // ignored: nohup, or `&` in a script
  }
}

bool interrupted() { return received_signal != 0; }

std::string version_line(std::string_view program) {
  return fmt::format("{} {}", program, DEBLURGAN_VERSION);
}

std::string preset_words() {
  std::string names;
  for (const Preset& preset : all_presets()) names += (names.empty() ? "" : ",") + preset.name;
  return "NAME:{" + names + "}";
}

}  // namespace dg::apps
