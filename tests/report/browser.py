# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium, asked by its DevTools protocol."""
import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile


def program():
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Socket:
    """A WebSocket (RFC 6455) as a client: text messages, whole."""

    def __init__(self, address):
        host, port, path = re.fullmatch(r"ws://([^:]+):(\d+)(/.*)", address).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        if b" 101 " not in self.file.readline():
            raise RuntimeError("no WebSocket")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text):
        body = text.encode()
        size = len(body)
        head = (bytes([0x81, 0x80 | size]) if size < 126 else
                bytes([0x81, 0xFE]) + struct.pack(">H", size) if size < 65536 else
                bytes([0x81, 0xFF]) + struct.pack(">Q", size))
        self.socket.sendall(head + bytes(4) + body)  # a mask of zeros is one, too

    def receive(self):
        """The next text message."""
        text = b""
        while True:
            first, second = self.file.read(2)
            size = second & 127
            if size == 126:
                size = struct.unpack(">H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.file.read(8))[0]
            body = self.file.read(size)
            if first & 15 in (0, 1):
                text += body
                if first & 128:
                    return text.decode()
            elif first & 15 == 8:
                raise RuntimeError("the browser has gone")


class Browser:
    """One page of it. `complaints` are console messages, exceptions and requests of the page."""

    def __init__(self, width=1440, height=900):
        self.folder = tempfile.TemporaryDirectory(prefix="sandglass-browser.",
                                                  ignore_cleanup_errors=True)
        self.child = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-extensions", "--mute-audio", "--hide-scrollbars",
             "--remote-debugging-port=0",
             f"--user-data-dir={self.folder.name}", f"--window-size={width},{height}",
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.complaints = []
        self.number = 0
        self.session = None
        address = None
        while address is None:
            line = self.child.stderr.readline().decode(errors="replace")
            if not line:
                raise RuntimeError("Chromium did not start")
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            address = found and found[1]
        self.socket = Socket(address)
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"],
                                flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def note(self, event):
        kind, what = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.complaints.append("exception: " + details.get("exception", {}).get(
                "description", details["text"]))
        elif kind == "Runtime.consoleAPICalled":
            self.complaints.append("console: " + str(what["args"]))
        elif kind == "Log.entryAdded":
            self.complaints.append("log: " + what["entry"]["text"])
        elif kind == "Network.requestWillBeSent":
            url = what["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.complaints.append("request: " + url)

    def evaluate(self, expression):
        """The value of a JavaScript expression; promises are waited for."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, path):
        """Opens a file, and waits until it has been drawn. @return milliseconds it took."""
        self.ask("Page.navigate", url="file://" + os.path.abspath(path))
        return self.evaluate("""new Promise((done) => {
            const look = () => window.sandglass && window.sandglass.ready && document.readyState ===
                'complete' ? requestAnimationFrame(() => requestAnimationFrame(() =>
                done(performance.now()))) : setTimeout(look, 5);
            look(); })""")

    def settle(self):
        """Waits until what moves has come to rest."""
        self.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(() => "
                      "requestAnimationFrame(done)), 350))")

    def mouse(self, kind, x, y, **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y, count=1):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=count, buttons=1)

    def drag(self, x, y, to_x, to_y):
        self.mouse("mousePressed", x, y, button="left", clickCount=1, buttons=1)
        self.mouse("mouseMoved", to_x, to_y, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)

    def press(self, key, text=""):
        more = {"text": text} if text else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def prefer(self, scheme):
        self.ask("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path, whole=False):
        taken = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(taken["data"]))

    def close(self):
        self.child.kill()
        self.child.wait()
        self.folder.cleanup()
