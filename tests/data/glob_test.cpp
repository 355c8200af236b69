// Patterns against a small tree of files.
#include "data/glob.h"

#include <catch2/catch.hpp>

#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::TempFolder;
using dg::test::write_text;

namespace fs = std::filesystem;

namespace {

struct Tree {
  TempFolder folder;

  Tree() {
    for (const char* name : {"a.png", "b.png", "c.jpg", "[x].png", ".hidden.png", "s1/blur/1.png",
                             "s1/sharp/1.png", "s2/blur/1.png", "s2/deep/er/2.png", ".git/3.png"}) {
      fs::create_directories((folder / name).parent_path());
      write_text(folder / name, "");
    }
    fs::create_directory_symlink(folder / "s1", folder / "link");
  }

  // Names below the folder, with a space between.
  std::string match(const std::string& pattern) const {
    std::string names;
    for (const fs::path& path : expand_glob((folder / pattern).string())) {
      if (!names.empty()) names += ' ';
      names += path.lexically_relative(folder.path()).string();
    }
    return names;
  }
};

}  // namespace

TEST_CASE("glob: stars, question marks and sets match within one part of the path") {
  const Tree tree;
  CHECK(tree.match("*.png") == "[x].png a.png b.png");
  CHECK(tree.match("?.png") == "a.png b.png");
  CHECK(tree.match("[b-z].*") == "b.png c.jpg");
  CHECK(tree.match("[!a].png") == "b.png");
  CHECK(tree.match("\\[x].png*") == "[x].png");
  CHECK(tree.match("s?/blur/*.png") == "s1/blur/1.png s2/blur/1.png");
  CHECK(tree.match("s*/blur") == "s1/blur s2/blur");
  CHECK(tree.match("*.gif").empty());
  CHECK(tree.match("none/*.png").empty());
  CHECK(tree.match("a.png") == "a.png");
}

TEST_CASE("glob: two stars go down any number of folders, past hidden ones and links") {
  const Tree tree;
  CHECK(tree.match("**/1.png") == "s1/blur/1.png s1/sharp/1.png s2/blur/1.png");
  CHECK(tree.match("**/a.png") == "a.png");
  CHECK(tree.match("s2/**") == "s2/blur s2/blur/1.png s2/deep s2/deep/er s2/deep/er/2.png");
  CHECK(tree.match("**/er/**/2.png") == "s2/deep/er/2.png");
  CHECK(tree.match(".*.png") == ".hidden.png");
}

TEST_CASE("glob: the root is what stands in front of the first wildcard") {
  CHECK(glob_root("a/b/*/c?.png") == fs::path("a/b"));
  CHECK(glob_root("/x/[ab]/c") == fs::path("/x"));
  CHECK(glob_root("*.png").empty());
  CHECK(has_wildcards("a?"));
  CHECK_FALSE(has_wildcards("a-b"));
}
