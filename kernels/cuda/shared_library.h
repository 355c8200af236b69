// A library that is used where the machine has it, and never needed.
#pragma once

#include <dlfcn.h>
#include <string>
#include <vector>

#include "kernels/check.h"

namespace dg::cuda {

class SharedLibrary {
 public:
  // The first of the names that can be loaded. Throws Error with the loader's reasons if none can.
  explicit SharedLibrary(const std::vector<std::string>& names) {
    std::string reasons;
    for (const std::string& name : names) {
      if (name.empty()) continue;
      handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_ != nullptr) return;
      reasons += (reasons.empty() ? "" : "; ") + std::string(dlerror());
    }
    fail(reasons);
  }
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;
  ~SharedLibrary() { dlclose(handle_); }

  template <typename Function>
  void get(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    check(function != nullptr, "there is no function ", name, " in the library");
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace dg::cuda
