// A tree into an HDF5 file in memory, without times, so that the same tree gives the same bytes.
#include <algorithm>
#include <hdf5.h>
#include <mutex>

#include "data/detail/hdf5_tree.h"
#include "kernels/check.h"

namespace dg {
namespace {

constexpr const char* kFileName = "deblurgan";  // the library wants one, for a file in memory too

// An identifier of the library, closed at the end. Negative: the call that made it failed.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (valid()) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  bool valid() const { return id_ >= 0; }
  hid_t id() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// For as long as it lives, this thread alone uses the library, which has globals of its own, and the library
// does not print its errors.
class Session {
 public:
  Session() : lock_(mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() { H5Eset_auto2(H5E_DEFAULT, print_, print_data_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }

  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

void require(bool done, const std::string& name) {
  check(done, "the HDF5 library cannot write '", name, "'; free some memory and try again");
}

// Zero-padded, all as long as the longest: what numpy makes of a list of bytes.
void write_text(hid_t group, const Hdf5Text& text) {
  check(!text.values.empty(), "an HDF5 attribute '", text.name, "' has no texts, give one or more");
  std::size_t size = 1;
  for (const std::string& value : text.values) size = std::max(size, value.size());
  std::string padded;
  for (const std::string& value : text.values) padded += value + std::string(size - value.size(), '\0');

  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), size);
  H5Tset_strpad(type.id(), H5T_STR_NULLPAD);
  const hsize_t count = text.values.size();
  const Handle space(text.is_list ? H5Screate_simple(1, &count, nullptr) : H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(group, text.name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  require(attribute.valid() && H5Awrite(attribute.id(), type.id(), padded.data()) >= 0, text.name);
}

void write_array(hid_t group, const Hdf5Array& array) {
  const std::vector<hsize_t> extents(array.shape.begin(), array.shape.end());
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose);
  const Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plan.id(), false);
  const Handle dataset(
      H5Dcreate2(group, array.name.c_str(), H5T_IEEE_F32LE, space.id(), H5P_DEFAULT, plan.id(), H5P_DEFAULT),
      H5Dclose);
  require(dataset.valid() && H5Dwrite(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                      array.values.data()) >= 0,
          array.name);
}

void write_contents(hid_t handle, const Hdf5Group& group) {
  for (const Hdf5Text& text : group.texts) write_text(handle, text);
  for (const Hdf5Array& array : group.arrays) write_array(handle, array);
  for (const Hdf5Group& child : group.groups) {
    const Handle plan(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    H5Pset_obj_track_times(plan.id(), false);
    const Handle created(H5Gcreate2(handle, child.name.c_str(), H5P_DEFAULT, plan.id(), H5P_DEFAULT),
                         H5Gclose);
    require(created.valid(), child.name);
    write_contents(created.id(), child);
  }
}

}  // namespace

bool has_hdf5_writer() { return true; }

std::vector<std::byte> format_hdf5(const Hdf5Group& root) {
  const Session session;
  constexpr std::size_t kGrowth = std::size_t{1} << 20U;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  require(access.valid() && H5Pset_fapl_core(access.id(), kGrowth, false) >= 0, "/");
  const Handle plan(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(plan.id(), false);
  const Handle file(H5Fcreate(kFileName, H5F_ACC_TRUNC, plan.id(), access.id()), H5Fclose);
  require(file.valid(), "/");
  const Handle group(H5Gopen2(file.id(), "/", H5P_DEFAULT), H5Gclose);
  write_contents(group.id(), root);
  require(H5Fflush(file.id(), H5F_SCOPE_LOCAL) >= 0, "/");
  const ssize_t size = H5Fget_file_image(file.id(), nullptr, 0);
  require(size > 0, "/");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  require(H5Fget_file_image(file.id(), bytes.data(), bytes.size()) == size, "/");
  return bytes;
}

}  // namespace dg
