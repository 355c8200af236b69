// Style and script of an evaluation's page, behind those of every page (models/detail/page_assets.h).
#pragma once

#include <string_view>

namespace dg {

inline constexpr std::string_view kEvaluationPageStyle = R"css(
td img { display: block; height: 48px; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--restored); }
th[aria-sort=ascending] button::after { content: " \2191"; } th[aria-sort=descending] button::after { content: " \2193"; }
.histograms { display: flex; flex-wrap: wrap; gap: 1.2rem; }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .35em; }
.key.of-blurred::before { background: var(--blurred); } .key.of-restored::before { background: var(--restored); }
rect.of-blurred { fill: var(--blurred); } rect.of-restored { fill: var(--restored); }
)css";

inline constexpr std::string_view kEvaluationPageScript = R"js(
// A click on a heading sorts by its column: numbers first downwards, text first upwards, missing values last.
document.addEventListener("click", (event) => {
  const heading = event.target.closest("th button")?.parentElement;
  if (!heading) return;
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const text = heading.dataset.kind === "text";
  const before = heading.getAttribute("aria-sort");
  const ascending = before ? before === "descending" : text;
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = (row) => row.cells[column].dataset.value;
  const order = (a, b) => {
    if (text) return value(a).localeCompare(value(b)) * (ascending ? 1 : -1);
    if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
    const x = Number(value(a)), y = Number(value(b));
    return (x < y ? -1 : x > y ? 1 : 0) * (ascending ? 1 : -1);
  };
  body.append(...[...body.rows].sort(order));
});
)js";

}  // namespace dg
