"""The page of deblurgan-eval in Chromium: it renders, sliders and sorting work, nothing is fetched, no console error.

    eval_page_test.py report.html [screenshot.png]

Exit code: 0 all holds, 1 something does not, 77 there is no Chromium here, and nothing was checked.
"""
import sys

sys.dont_write_bytecode = True  # the sources stay as they are
import chromium

browser = chromium.find()
if not browser:
    print("no Chromium on this machine (apt-get install chromium): the page was not checked")
    sys.exit(77)

page = chromium.Page(browser)
page.open(sys.argv[1])
failures = []


def expect(what, got, expected):
    if got != expected:
        failures.append(f"{what}: got {got!r}, expected {expected!r}")


# All pictures are there and decode.
expect("pictures that did not load",
       page.evaluate("[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length"), 0)
expect("has pictures", page.evaluate("document.images.length > 0"), True)
expect("has histograms", page.evaluate("document.querySelectorAll('svg rect').length > 0"), True)

# Dragging the slider with the mouse moves the seam.
page.evaluate("document.querySelector('.compare').scrollIntoView({block: 'center'})")
box = page.evaluate("(({x, y, width, height}) => [x, y, width, height])"
                    "(document.querySelector('.compare').getBoundingClientRect())")
split = "getComputedStyle(document.querySelector('.compare')).getPropertyValue('--split')"
expect("the seam at first", page.evaluate(split), "50%")
before = page.screenshot()
page.drag(box[0] + box[2] * 0.5, box[0] + box[2] * 0.9, box[1] + box[3] * 0.5)
moved = float(page.evaluate(split).rstrip("%"))
expect("the seam follows the mouse to 90 %", 86 <= moved <= 94, True)
expect("the picture changes with the seam", page.screenshot() != before, True)

# The right side can be the sharp picture.
choose = "(choice => {choice.value = 'sharp'; choice.dispatchEvent(new Event('change', {bubbles: true}))})"
page.evaluate(choose + "(document.querySelector('figure select'))")
expect("the sharp picture shows",
       page.evaluate("getComputedStyle(document.querySelector('.compare .sharp')).visibility"), "visible")

# A click on a heading sorts, a second one turns the order around.
column = ("[...document.querySelectorAll('#images tbody tr')].map(r => r.cells[3].dataset.value)"
          ".filter(v => v !== '').map(Number)")
click = "document.querySelectorAll('#images th button')[2].click()"
for falling in (True, False):
    page.evaluate(click)
    values = page.evaluate(f"{column}.map(v => v === Infinity ? 1e300 : v)")
    expect("sorted downwards" if falling else "sorted upwards", values, sorted(values, reverse=falling))

if len(sys.argv) > 2:
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(sys.argv[2], whole=True)
page.close()
for problem in failures + page.problems:
    print("eval_page_test:", problem)
sys.exit(1 if failures or page.problems else 0)
