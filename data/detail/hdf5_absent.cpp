// Instead of hdf5_writer.cpp, in builds without the HDF5 library.
#include "data/detail/hdf5_tree.h"
#include "kernels/check.h"

namespace dg {

bool has_hdf5_writer() { return false; }

std::vector<std::byte> format_hdf5(const Hdf5Group& /*root*/) {
  fail(
      "cannot write a file of Keras: this build of deblurgan has no HDF5; install it (Debian: apt-get "
      "install "
      "libhdf5-dev) and build again");
}

}  // namespace dg
