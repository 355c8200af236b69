// report.html of a run: how it stands, curves, pictures, configuration. One page without outside resources, made from the
// files of the run folder alone, so that there is one for every run, also for one that another version has trained.
#pragma once

#include <filesystem>
#include <string>

namespace dg {

// under_way: a process trains in the folder now, and will write the page again; the page then looks for a newer one every
// half a minute. It stays below 3 MB however long the run is. Throws Error where a file in the folder is damaged; what
// concerns single pictures stands on the page instead.
std::string report_page(const std::filesystem::path& run_folder, bool under_way);

// The page into the folder, whole or not at all.
void write_report(const std::filesystem::path& run_folder, bool under_way);
// Finds out whether a process trains there. Throws Error if the folder holds no run.
void write_report(const std::filesystem::path& run_folder);

}  // namespace dg
