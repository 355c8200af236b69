// Running a program as a user's shell does.
#pragma once

#include <cstdlib>
#include <string>
#include <sys/wait.h>

#include "tests/data/temp_folder.h"

namespace dg::test {

struct ProgramResult {
  int code = 0;  // exit code; 128 + n where a signal ended it
  std::string out;
  std::string err;
};

// `command` goes to sh in the given folder, so that names in it are short and errors can be compared whole.
inline ProgramResult run_in(const TempFolder& folder, const std::string& command) {
  const TempFolder streams;
  const std::string out = (streams / "out").string();
  const std::string err = (streams / "err").string();
  const int status = std::system(
      ("cd '" + folder.path().string() + "' && (" + command + ") >'" + out + "' 2>'" + err + "'").c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, read_text(out), read_text(err)};
}

}  // namespace dg::test
