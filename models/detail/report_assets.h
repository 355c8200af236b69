// Style and script of a run's report, behind those of every page (models/detail/page_assets.h). The script draws the
// curves, and loads the page again while the run goes on.
#pragma once

#include <string_view>

namespace dg {

inline constexpr std::string_view kReportStyle = R"css(
:root { --c0: var(--restored); --c1: #d9730d; --c2: #2e8b57; --c3: #9b4dca; --c4: #c2255c; --c-1: var(--blurred); }
@media (prefers-color-scheme: dark) { :root { --c1: #ffa94d; --c2: #69db7c; --c3: #cc8df0; --c4: #ff8fb1; } }
progress { width: 100%; accent-color: var(--restored); }
code { white-space: pre-wrap; font-size: .9em; } pre { font-size: .8rem; line-height: 1.3; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 1.4rem 1.6rem; }
.chart { min-width: 0; } .title { display: flex; justify-content: space-between; }
.chart svg { display: block; width: 100%; height: 210px; } .chart path { fill: none; stroke-width: 1.7; }
.chart path.pale { stroke-width: 1; opacity: .3; } .chart path.band { stroke: none; opacity: .12; }
.chart path.dashed { stroke-dasharray: 5 4; } .chart .cursor { stroke: var(--faint); }
button { font: inherit; font-size: .85rem; color: var(--faint); background: none; border: 1px solid var(--rule);
  border-radius: 4px; padding: 0 .5em; cursor: pointer; }
button[aria-pressed=true] { color: var(--text); background: var(--raised); } button:disabled { visibility: hidden; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem; font-variant-numeric: tabular-nums; min-height: 2rem; }
.legend button::before { content: ""; display: inline-block; width: .9em; height: .25em; margin-right: .4em;
  vertical-align: middle; background: var(--colour); }
.legend button[aria-pressed=false] { text-decoration: line-through; }
dl.options { display: block; columns: 19rem; } .options dt, .options dd { display: inline; }
.options dt { margin-right: .6em; } .options dd::after { content: "\a"; white-space: pre; }
summary { cursor: pointer; color: var(--faint); margin: .5rem 0; }
input[type=range]:not(.compare input) { vertical-align: middle; width: min(16rem, 50vw); accent-color: var(--restored); }
@media (max-width: 600px) { body { padding: .8rem; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
)css";

inline constexpr std::string_view kReportScript = R"js(
const run = JSON.parse(document.getElementById("run").textContent);
const smoothing = document.getElementById("smoothing");
const figures = [...document.querySelectorAll(".chart")];
const range = (n, make) => Array.from({length: n}, (_, i) => make(i));

// ---- numbers ----
// 0.00012 -> "1.2e-4", 1234.5 -> "1235"
function digits(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}
const steps = (value) => value >= 1e4 ? Number((value / 1e3).toPrecision(4)) + "k" : String(value);
// Round values that divide the range into about `count` parts of at least `least`.
function ticks(low, high, count, least = 0) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, [1, 2, 5, 10].find((f) => f * power >= rough) * power);
  const first = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - first + 1, (i) => (first + i) * step);
}
// Exponential average that starts at the first value.
function smooth(values, weight) {
  let sum = 0, norm = 0;
  return values.map((v) => (sum = sum * weight + v * (1 - weight)) / (norm = norm * weight + 1 - weight));
}
// Nearly all values lie between these two: single peaks would press the rest to the ground.
function usual(values) {
  const sorted = [...values].sort((a, b) => a - b), n = sorted.length;
  return [sorted[Math.floor(n * 0.005)], sorted[Math.ceil(n * 0.995) - 1]];
}

// ---- one chart ----
const left = 52, right = 10, top_ = 8, bottom = 20;

function draw(figure) {
  const chart = run.charts[figures.indexOf(figure)], svg = figure.querySelector("svg");
  const {width, height} = svg.getBoundingClientRect();
  const log = figure.dataset.log === "1" && !figure.querySelector(".log").disabled;
  const off = (figure.dataset.off || "").split("|");
  const shown = chart.curves.filter((curve) => !off.includes(curve.name));
  const weight = chart.noisy ? Number(smoothing.value) : 0;
  const value = log ? Math.log10 : (v) => v;
  const lines = shown.map((curve) => smooth(curve.y, weight));
  if (!shown.length || width < left + right + 20) return svg.replaceChildren();
  let low = Infinity, high = -Infinity;
  const extent = (curve) => curve.low.length ? [usual(curve.low)[0], usual(curve.high)[1]] : usual(curve.y);
  shown.forEach((curve, i) => [...extent(curve), ...lines[i]].forEach((v) => {
    low = Math.min(low, value(v)), high = Math.max(high, value(v));
  }));
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  low -= margin, high += margin;
  let from = Math.min(...shown.map((c) => c.x[0])), to = Math.max(...shown.map((c) => c.x.at(-1)));
  if (from === to) --from, ++to;  // a single value stands in the middle
  const px = (x) => left + (x - from) / (to - from) * (width - left - right);
  const py = (v) => top_ + (high - value(v)) / (high - low) * (height - top_ - bottom);
  const points = (xs, ys) => xs.map((x, i) => px(x).toFixed(1) + " " + py(ys[i]).toFixed(1));
  const path = (points, kind, colour) =>
    `<path class="${kind}" style="${kind === "band" ? "fill" : "stroke"}:var(--c${colour})" d="M${points.join("L")}"/>`;

  let inside = "", marks = "";
  // A logarithmic axis has whole powers of ten, or round values where there are none.
  let rows = ticks(low, high, 5).map((t) => [t, log ? 10 ** t : t]);
  if (log && rows.filter(([t]) => Number.isInteger(t)).length > 1) rows = rows.filter(([t]) => Number.isInteger(t));
  for (const [at, label] of rows) {
    const y = top_ + (high - at) / (high - low) * (height - top_ - bottom);
    marks += `<line x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>` +
             `<text x="${left - 6}" y="${y + 4}" text-anchor="end">${digits(label)}</text>`;
  }
  for (const t of ticks(from, to, Math.max(2, width / 70), 1))
    marks += `<text x="${px(t)}" y="${height - 4}" text-anchor="middle">${steps(t)}</text>`;
  shown.forEach((curve, i) => {
    const colour = Math.min(curve.colour, 4), reference = colour < 0;
    if (curve.low.length) inside += path([...points(curve.x, curve.high), ...points(curve.x, curve.low).reverse()], "band", colour);
    if (weight > 0) inside += path(points(curve.x, curve.y), "pale", colour);
    inside += path(points(curve.x, lines[i]), reference ? "dashed" : "", colour);
    if (curve.x.length < (reference ? 2 : 40))
      inside += points(curve.x, lines[i]).map((p) => p.split(" ")).map(([x, y]) =>
        `<circle cx="${x}" cy="${y}" r="2.2" style="fill:var(--c${colour})"/>`).join("");
  });
  const clip = "clip" + figures.indexOf(figure);
  svg.innerHTML = `<clipPath id="${clip}"><rect x="${left}" y="${top_ - 4}" width="${width - left - right + 6}" ` +
    `height="${height - top_ - bottom + 8}"/></clipPath>${marks}<g clip-path="url(#${clip})">${inside}</g>` +
    `<line class="cursor" y1="${top_}" y2="${height - bottom}" visibility="hidden"/>`;
  svg.place = {px, from, to, lines, shown};
}

// Buttons that hide and show curves, with the newest values, or those under the pointer.
function label(figure, x) {
  const chart = run.charts[figures.indexOf(figure)], place = figure.querySelector("svg").place;
  const off = (figure.dataset.off || "").split("|");
  figure.querySelector(".legend").replaceChildren(...chart.curves.map((curve) => {
    const button = document.createElement("button");
    let i = curve.x.length - 1;
    if (x !== undefined) while (i > 0 && Math.abs(curve.x[i - 1] - x) <= Math.abs(curve.x[i] - x)) --i;
    const shown = place ? place.shown.indexOf(curve) : -1;
    const value = shown < 0 ? "" : " " + digits(x === undefined ? place.lines[shown][i] : curve.y[i]);
    const spread = x !== undefined && shown >= 0 && curve.low.length ?
      ` (${digits(curve.low[i])} … ${digits(curve.high[i])})` : "";
    button.textContent = curve.name + value + spread;
    button.dataset.curve = curve.name;
    button.setAttribute("aria-pressed", !off.includes(curve.name));
    button.style.setProperty("--colour", `var(--c${Math.min(curve.colour, 4)})`);
    return button;
  }));
  if (x !== undefined) figure.querySelector(".legend").append("step " + Math.round(x));
}

function redraw() {
  for (const figure of figures) draw(figure), label(figure);
}

for (const figure of figures) {
  const svg = figure.querySelector("svg"), chart = run.charts[figures.indexOf(figure)];
  figure.querySelector(".log").disabled = chart.curves.some((c) => c.y.concat(c.low).some((v) => v <= 0));
  svg.addEventListener("pointermove", (event) => {
    if (!svg.place) return;
    const {px, from, to, shown} = svg.place, cursor = svg.querySelector(".cursor");
    const box = svg.getBoundingClientRect();
    const share = (event.clientX - box.left - left) / (box.width - left - right);
    const wanted = from + Math.min(Math.max(share, 0), 1) * (to - from);
    const x = shown[0].x.reduce((a, b) => Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a);
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", px(x)), cursor.setAttribute("x2", px(x));
    label(figure, x);
  });
  svg.addEventListener("pointerleave", () => {
    svg.querySelector(".cursor")?.setAttribute("visibility", "hidden");
    label(figure);
  });
}

document.addEventListener("click", (event) => {
  const figure = event.target.closest(".chart"), button = event.target.closest("button");
  if (!figure || !button) return;
  if (button.classList.contains("log")) {
    figure.dataset.log = figure.dataset.log === "1" ? "0" : "1";
  } else {
    const off = new Set((figure.dataset.off || "").split("|").filter(Boolean));
    if (!off.delete(button.dataset.curve)) off.add(button.dataset.curve);
    figure.dataset.off = [...off].join("|");
  }
  press(figure), draw(figure), label(figure);
});
const press = (figure) => figure.querySelector(".log").setAttribute("aria-pressed", figure.dataset.log === "1");

// ---- pictures ----
const when = document.getElementById("when");
function show_step() {
  if (!when) return;
  const index = Number(when.max) - Number(when.value);
  for (const pictures of document.querySelectorAll(".compare"))
    pictures.querySelectorAll(".restored").forEach((image, i) => image.hidden = i !== index);
  document.querySelectorAll(".scores").forEach((scores, i) => scores.hidden = i !== index);
}
when?.addEventListener("input", show_step);
smoothing?.addEventListener("input", redraw);
addEventListener("resize", redraw);

// ---- a newer page, which looks as this one was left ----
const key = "deblurgan" + location.pathname;
addEventListener("pagehide", () => {
  const inputs = [...document.querySelectorAll("input, select")].map((e) => e.value);
  const left_as = {
    scroll: scrollY, inputs, newest: when && when.value === when.max, open: [...document.querySelectorAll("details")].map((d) => d.open),
    charts: Object.fromEntries(figures.map((f, i) => [run.charts[i].title, {log: f.dataset.log, off: f.dataset.off}])),
  };
  try { sessionStorage.setItem(key, JSON.stringify(left_as)); } catch { /* a browser that keeps nothing */ }
});
function restore() {
  let left_as = null;
  try { left_as = JSON.parse(sessionStorage.getItem(key)); } catch { /* the same */ }
  if (!left_as) return;
  figures.forEach((f, i) => Object.entries(left_as.charts[run.charts[i].title] || {}).forEach(([k, v]) => {
    if (v !== undefined) f.dataset[k] = v;
  }));
  figures.forEach(press);
  document.querySelectorAll("details").forEach((d, i) => d.open = left_as.open[i] || false);
  const inputs = [...document.querySelectorAll("input, select")];
  if (inputs.length === left_as.inputs.length) inputs.forEach((input, i) => {
    if (input === when && left_as.newest) return;
    input.value = left_as.inputs[i];
    input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input", {bubbles: true}));
  });
  scrollTo(0, left_as.scroll);
}
restore();
redraw();
show_step();

if (run.under_way) {
  const wait = 30e3, busy = 10e3;  // milliseconds
  let touched = 0;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"])
    addEventListener(kind, () => touched = Date.now(), {passive: true});
  const again = () => !document.hidden && Date.now() - touched > busy ? location.reload() : setTimeout(again, 2e3);
  setTimeout(again, wait);
  const minutes = () => Math.floor((Date.now() - Date.parse(run.updated.replace(" ", "T") + "Z")) / 60e3);
  if (minutes() >= 10)
    document.getElementById("age").textContent = `, ${minutes()} minutes ago: has the process been killed?`;
}
)js";

}  // namespace dg
