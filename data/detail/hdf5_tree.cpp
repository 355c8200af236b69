// The part of the tree that needs no library.
#include "data/detail/hdf5_tree.h"

#include <algorithm>

namespace dg {
namespace {

template <typename Item>
const Item* find_in(const std::vector<Item>& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Hdf5Text* Hdf5Group::find_text(std::string_view text) const { return find_in(texts, text); }
const Hdf5Array* Hdf5Group::find_array(std::string_view array) const { return find_in(arrays, array); }
const Hdf5Group* Hdf5Group::find_group(std::string_view group) const { return find_in(groups, group); }

}  // namespace dg
