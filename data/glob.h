// Patterns of file names, for programs whose shell did not expand them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dg {

// Whether any of * ? [ occurs.
bool has_wildcards(const std::string& text);

// The folder in front of the first part with a wildcard: "a/b" of "a/b/*/c?.png", empty of "*.png".
std::filesystem::path glob_root(const std::string& pattern);

// What exists of that name, files and folders, sorted. Within a part of the path * stands for any characters, ? for
// one, [a-c] and [!a-c] for one of a set, a backslash takes the next character as it is (fnmatch(3)). A part **
// stands for any number of folders, none too; at the end for all that lies below. Names that begin with a dot are
// found only by a part that does, and ** does not follow links. Throws Error for a folder that cannot be listed;
// nothing found is no error.
std::vector<std::filesystem::path> expand_glob(const std::string& pattern);

}  // namespace dg
