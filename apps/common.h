// What every program does alike: errors as one sentence on stderr, exit codes, Ctrl-C.
//   0      done
//   1      failed while running
//   2      wrong arguments
//   128+n  ended by signal n (130: Ctrl-C)
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace dg::apps {

// Arguments that contradict each other: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The program stops because of a signal: exit code 128 + its number. Thrown by whoever sees interrupted().
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Runs body and returns its exit code; every exception becomes "<program>: <sentence>" on stderr and a code from
// above, and so does standard output that took less than was printed. Writing beyond `ulimit -f` becomes an error of
// the write instead of the end of the process.
int run_main(std::string_view program, const std::function<int()>& body);

// "<program>: <sentence>" on stderr, as one line.
void tell(std::string_view program, std::string sentence);

// Parses the command line. Nothing: go on. Else the exit code: 0 after --help and --version, 2 after an error, which
// has been told on stderr. A misspelt option is told before what is missing, with the option that was meant.
std::optional<int> parse_command_line(CLI::App& app, std::string_view program, int argc, char** argv);

// From here on the first SIGINT, SIGTERM or SIGHUP only makes interrupted() true, so that the program can leave
// without a half-written file; the second one ends it at once.
void watch_interrupts();
bool interrupted();

// "deblurgan-deblur 0.1.0"
std::string version_line(std::string_view program);

// Type names of options that take one of a set of words; the shell completes what stands in braces.
std::string preset_words();  // NAME:{keras,deblurgan,...}
inline constexpr const char* kDeviceWords = "NAME:{cpu,cuda,cuda:0}";

}  // namespace dg::apps
