// One process at a time in a folder: flock(2) on a file in it. The kernel lets go of the lock when its holder ends, however
// it ends, so a kill leaves nothing to clean up. The lock is advisory: it stops only those who ask for it.
#pragma once

#include <filesystem>

namespace dg {

class FolderLock {
 public:
  // Throws Error at once, naming the folder and the holder's process, if another FolderLock holds it in this process or
  // any other; or if the lock file cannot be made.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // False where the file system has no locks; then nobody is kept out.
  bool held() const { return held_; }

 private:
  int descriptor_ = -1;
  bool held_ = false;
};

}  // namespace dg
