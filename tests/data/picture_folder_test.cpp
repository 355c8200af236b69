// The pictures of a small tree, and places under several names.
#include "data/picture_folder.h"

#include <catch2/catch.hpp>

#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::TempFolder;

namespace fs = std::filesystem;

TEST_CASE("pictures below a folder come sorted, without what is hidden or left out", "[picture_folder]") {
  const TempFolder folder;
  for (const char* name : {"b.png", "a.JPG", "notes.txt", ".c.png", "s/blur/2.png", "s/blur/1.bmp",
                           ".git/3.png", "out/s/4.png"}) {
    fs::create_directories((folder / name).parent_path());
    test::write_text(folder / name, "");
  }
  std::string names;
  for (const fs::path& path : pictures_below(folder.path(), comparable_path(folder / "out/"))) {
    names += path.lexically_relative(folder.path()).string() + ' ';
  }
  CHECK(names == "a.JPG b.png s/blur/1.bmp s/blur/2.png ");
  CHECK(test::error_of([&] { pictures_below(folder / "nowhere", {}); }).find("cannot be listed") !=
        std::string::npos);
}

TEST_CASE("names of one place compare equal, and what lies in a folder is told from its neighbours",
          "[picture_folder]") {
  const TempFolder folder;
  fs::create_directories(folder / "photos/day");
  fs::create_directory_symlink(folder / "photos", folder / "link");
  const fs::path photos = comparable_path(folder / "photos");
  CHECK(comparable_path(folder / "link/") == photos);
  CHECK(comparable_path(folder / "photos/day/../") == photos);
  CHECK(comparable_path(folder / "photos/not-yet/there").parent_path().parent_path() == photos);
  CHECK(lies_in(photos, photos));
  CHECK(lies_in(comparable_path(folder / "link/day"), photos));
  CHECK_FALSE(lies_in(comparable_path(folder / "photos2"), photos));
  CHECK_FALSE(lies_in(comparable_path(folder.path()), photos));
}
