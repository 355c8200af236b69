"""Chromium without a window, driven over its debugging pipe (Chrome DevTools Protocol), by the standard library alone."""
import base64
import json
import os
import shutil
import subprocess
import tempfile

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page. `problems` collects console errors, exceptions, and requests for anything but the page itself."""

    def __init__(self, browser, width=1200, height=900):
        self.problems = []
        self._profile = tempfile.TemporaryDirectory()
        self._number = 0
        self._buffer = b""
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()

        def fds_3_and_4():
            # Through high numbers first: one of the pipes may itself be 3 or 4.
            commands, answers = os.dup2(read_commands, 103), os.dup2(write_answers, 104)
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self._process = subprocess.Popen(
            [browser, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", f"--user-data-dir={self._profile.name}", "about:blank"],
            preexec_fn=fds_3_and_4, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read_commands)
        os.close(write_answers)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, path):
        self._url = "file://" + os.path.abspath(path)
        self._loaded = False
        self.call("Page.navigate", url=self._url)
        while not self._loaded:
            self._next_message()

    def reload(self):
        self._loaded = False
        self.call("Page.reload")
        while not self._loaded:
            self._next_message()

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def mouse(self, kind, x, y):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def drag(self, x0, x1, y):
        self.mouse("mousePressed", x0, y)
        self.mouse("mouseMoved", (x0 + x1) / 2, y)
        self.mouse("mouseMoved", x1, y)
        self.mouse("mouseReleased", x1, y)

    def screenshot(self, path=None, whole=False):
        png = base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])
        if path:
            with open(path, "wb") as file:
                file.write(png)
        return png

    def close(self):
        self._session = None
        self.call("Browser.close")
        self._process.wait(timeout=30)
        self._profile.cleanup()

    def _next_message(self):
        while b"\0" not in self._buffer:
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise RuntimeError("chromium has ended")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(message)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method, params):
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(params["args"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith("data:") and url != self._url:
                self.problems.append("asked for " + url)
