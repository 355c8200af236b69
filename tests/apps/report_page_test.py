"""The report of a run in Chromium: it renders, its sliders move, nothing is fetched, no console error, below 3 MB.

    report_page_test.py report.html [screenshot.png [width [scheme]]]

Exit code: 0 all holds, 1 something does not, 77 there is no Chromium here, and nothing was checked.
"""
import os
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import chromium

browser = chromium.find()
if not browser:
    print("no Chromium on this machine (apt-get install chromium): the page was not checked")
    sys.exit(77)

page = chromium.Page(browser, width=int(sys.argv[3]) if len(sys.argv) > 3 else 1200)
if len(sys.argv) > 4:  # light or dark
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": sys.argv[4]}])
page.open(sys.argv[1])
failures = []


def expect(what, got, expected):
    if got != expected:
        failures.append(f"{what}: got {got!r}, expected {expected!r}")


def settle():
    """Waits until what was changed is on the screen."""
    page.evaluate("document.body.getBoundingClientRect()")
    time.sleep(0.1)


def box_of(selector):
    page.evaluate(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    return page.evaluate(f"(({{x, y, width, height}}) => [x, y, width, height])"
                         f"(document.querySelector('{selector}').getBoundingClientRect())")


expect("smaller than 3 MB", os.path.getsize(sys.argv[1]) < 3_000_000, True)
expect("pictures that did not load",
       page.evaluate("[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length"), 0)
expect("no part is wider than the page",
       page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), True)

# Every chart has a curve, axes and a legend.
charts = page.evaluate("document.querySelectorAll('.chart').length")
expect("has charts", charts >= 4, True)
expect("charts with curves, labels and a legend", page.evaluate(
    "[...document.querySelectorAll('.chart')].filter(f => f.querySelector('path') && "
    "f.querySelectorAll('svg text').length >= 4 && f.querySelector('.legend button')).length"), charts)
expect("numbers that are none", page.evaluate(
    "[...document.querySelectorAll('svg')].some(svg => svg.innerHTML.includes('NaN'))"), False)
expect("between two steps there is none", page.evaluate("JSON.stringify(ticks(68, 69, 5, 1))"), "[68,69]")

# The smoothing slider, moved by its keys, changes the curves.
paths = "[...document.querySelectorAll('.chart path')].map(p => p.getAttribute('d')).join()"
before = page.evaluate(paths)
page.evaluate("document.getElementById('smoothing').focus()")
for kind in ["keyDown", "keyUp"]:
    page.call("Input.dispatchKeyEvent", type=kind, key="End", code="End", windowsVirtualKeyCode=35)
expect("smoothing at its end", page.evaluate("document.getElementById('smoothing').value"), "0.99")
expect("smoothing changes the curves", page.evaluate(paths) != before, True)

# A logarithmic axis, and a curve that is switched off.
log = "[...document.querySelectorAll('.log:not(:disabled)')]"
log_is_on = log + ".every(b => b.getAttribute('aria-pressed') === 'true')"
before = page.evaluate(paths)
page.evaluate(log + ".forEach(b => b.click())")
expect("log is on", page.evaluate(log_is_on), True)
expect("log changes the curves", page.evaluate(paths) != before, True)
count = page.evaluate("document.querySelectorAll('.chart path').length")
page.evaluate("document.querySelector('.legend button').click()")
expect("a click on a name hides its curve", page.evaluate("document.querySelectorAll('.chart path').length") < count, True)
page.evaluate("document.querySelector('.legend button').click()")

# The pointer reads values.
x, y, width, height = box_of(".chart svg")
page.mouse("mouseMoved", x + width * 0.5, y + height * 0.5)
settle()
expect("the pointer tells the step", page.evaluate("document.querySelector('.legend').textContent.includes('step ')"), True)

# Before and after: dragging moves the seam; an older step shows other pictures.
x, y, width, height = box_of(".compare")
split = "getComputedStyle(document.querySelector('.compare')).getPropertyValue('--split')"
expect("the seam at first", page.evaluate(split), "50%")
before = page.screenshot()
page.drag(x + width * 0.5, x + width * 0.8, y + height * 0.5)
settle()
moved = float(page.evaluate(split).rstrip("%"))
expect("the seam follows the mouse to 80 %", abs(moved - 80) <= 5, True)
expect("the picture changes with the seam", page.screenshot() != before, True)
shown = "[...document.querySelectorAll('.compare')].map(c => [...c.querySelectorAll('.restored')].findIndex(i => !i.hidden))"
pairs = page.evaluate("document.querySelectorAll('.compare').length")
expect("the newest step at first", page.evaluate(shown), [0] * pairs)
slide = "(when => {when.value = 0; when.dispatchEvent(new Event('input', {bubbles: true}))})(document.getElementById('when'))"
page.evaluate(slide)
oldest = page.evaluate("Number(document.getElementById('when').max)")
expect("the oldest step", page.evaluate(shown), [oldest] * pairs)

# The page comes back as it was left.
page.evaluate("scrollTo(0, 300)")
page.reload()
expect("where it was", page.evaluate("scrollY"), 300)
expect("the seam after a reload", float(page.evaluate(split).rstrip("%")), moved)
expect("smoothing after a reload", page.evaluate("document.getElementById('smoothing').value"), "0.99")
expect("log after a reload", page.evaluate(log_is_on), True)

if len(sys.argv) > 2:
    page.evaluate(log + ".forEach(b => b.click())")
    page.evaluate("(s => {s.value = 0.6; s.dispatchEvent(new Event('input', {bubbles: true}))})"
                  "(document.getElementById('smoothing'))")
    page.evaluate(slide.replace("when.value = 0", "when.value = when.max"))
    page.evaluate("scrollTo(0, 0)")
    settle()
    page.screenshot(sys.argv[2], whole=True)
page.close()
for problem in failures + page.problems:
    print("report_page_test:", problem)
sys.exit(1 if failures or page.problems else 0)
