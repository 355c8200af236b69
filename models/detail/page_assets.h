// Style and script that all pages have: text, tables, and pictures with a before/after slider (html::comparison).
#pragma once

#include <string_view>

namespace dg {

inline constexpr std::string_view kPageStyle = R"css(
:root { color-scheme: light dark; --text: #1c2024; --faint: #667; --rule: #d5d9df; --back: #fff; --raised: #f5f6f8;
  --blurred: #9aa3ad; --restored: #1f6fd0; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --faint: #9aa3ad; --rule: #3a4048; --back: #15181c;
  --raised: #1f242a; --blurred: #7c8691; --restored: #6aa9f7; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 1.5rem; color: var(--text); background: var(--back);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
p { margin: .3rem 0; } .faint { color: var(--faint); } .bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .8rem 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--faint); font-weight: 600; }
.scroll { overflow-x: auto; }
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--case)), 1fr)); gap: 1.2rem; }
figure { margin: 0; } figcaption { font-size: .87rem; padding-top: .35rem; overflow-wrap: anywhere; }
.compare { --split: 50%; position: relative; background: var(--raised); overflow: hidden; }
.compare img { position: absolute; inset: 0; width: 100%; height: 100%; }
.compare .blurred { clip-path: inset(0 calc(100% - var(--split)) 0 0); }
.compare img[hidden] { display: none; }
.compare .sharp { visibility: hidden; } figure[data-right=sharp] .sharp { visibility: visible; }
.compare::after { content: ""; position: absolute; inset: 0 auto 0 var(--split); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.compare:focus-within { outline: 2px solid var(--restored); outline-offset: 2px; }
svg text { fill: var(--faint); font-size: 11px; } svg line { stroke: var(--rule); }
)css";

inline constexpr std::string_view kPageScript = R"js(
"use strict";
document.addEventListener("input", (event) => {
  const range = event.target.closest(".compare input");
  if (range) range.parentElement.style.setProperty("--split", range.value + "%");
});
document.addEventListener("change", (event) => {
  const choice = event.target.closest("figure select");
  if (choice) choice.closest("figure").dataset.right = choice.value;
});
)js";

}  // namespace dg
