#include "apps/common.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fmt/core.h>
#include <new>
#include <vector>

#include "kernels/check.h"
#include "models/presets.h"

namespace dg::apps {

namespace {

// A signal handler can reach nothing but this.
volatile std::sig_atomic_t received_signal = 0;

void remember_signal(int number) { received_signal = number; }

// What was printed and has not arrived is a failure: a script would go on with half of a document.
bool standard_output_failed(std::string_view program) {
  const bool failed_before = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !failed_before) return false;
  std::string sentence = "standard output: cannot be written";
  if (errno != 0) sentence += std::string(": ") + std::strerror(errno);
  tell(program, sentence + "; check the disk or the program that reads it");
  return true;
}

int run_body(std::string_view program, const std::function<int()>& body) {
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
    if (std::ferror(stdout) == 0) tell(program, error.what());  // else it is told when the program ends
  }
  return 1;
}

// ---- misspelt options ----

// Insertions, deletions, replacements and swaps of neighbours that make `b` out of `a`.
std::size_t typing_errors(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                          d[i - 1][j - 1] + static_cast<std::size_t>(a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// The option that was meant, with its dashes; "" where none is near.
std::string nearest_option(const CLI::App& app, std::string_view name) {
  std::string nearest;
  std::size_t fewest = 3;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& known : option->get_lnames()) {
      const std::size_t errors = known.starts_with(name) ? 1 : typing_errors(name, known);
      if (errors >= fewest || errors >= name.size()) continue;
      fewest = errors;
      nearest = "--" + known;
    }
  }
  return nearest;
}

// A sentence about the first argument that looks like an option and is none; "" where there is none.
std::string unknown_option(const CLI::App& app) {
  for (std::string word : app.remaining()) {
    const std::size_t name = word.find_first_not_of('-');
    if (name == 0 || name == std::string::npos) continue;
    word.resize(std::min(word.find('='), word.size()));
    const std::string meant = nearest_option(app, std::string_view(word).substr(name));
    return "there is no option '" + word + "'" + (meant.empty() ? "" : "; did you mean " + meant + "?");
  }
  return {};
}

}  // namespace

void tell(std::string_view program, std::string sentence) {
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", program, sentence);
}

int run_main(std::string_view program, const std::function<int()>& body) {
  std::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG
  const int code = run_body(program, body);
  return standard_output_failed(program) && code == 0 ? 1 : code;
}

std::optional<int> parse_command_line(CLI::App& app, std::string_view program, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::string unknown = unknown_option(app);
    tell(program, (unknown.empty() ? std::string(error.what()) : unknown) + "; see --help");
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
