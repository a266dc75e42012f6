"""A stand-in for RStudio's ``rserver``: no R, but answers to proxies and browsers as that one is documented to give.

By its administration guide ("Running with a proxy", "rserver.conf") and its public sources of 2020 to 2022: the
browser's address is X-RStudio-Request, or is made of X-RStudio-Root-Path (else www-root-path) and X-Forwarded-…; all
redirects are absolute, by that address; cookies are for the root path; what changes something wants the token of the
cookie rs-csrf-token in a header, or in the form; questions for events are held. With STAND_IN_FOR=1.3 it is older than
root paths: redirects and cookies are for the address that it was asked under.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import signal
import sys
import threading
from collections import deque
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

CONFIGURATION, WWW = Path("/etc/rstudio/rserver.conf"), Path("/usr/lib/rstudio-server/www")
SUPPORTED = ("Chrome", "Firefox", "Safari", "Edg")
POLL_SECONDS = 50  # that a question for events is held at most
USER_ID, CSRF = "user-id", "rs-csrf-token"
OTHER_COOKIES = {"user-list-id": "9c16856330a7400cbbbba228392a5d83", "persist-auth": "0"}
UNAUTHORIZED, UNKNOWN_METHOD = 1, 4  # error codes of its JSON-RPC
KEY = secrets.token_bytes(16)


class Session:
    """The one user's session: events, which are asked for again and again."""

    def __init__(self) -> None:
        self.events: deque[dict] = deque(maxlen=100)
        self.count, self.changed = 0, threading.Condition()

    def tell(self, kind: str, data: object) -> None:
        """Have the browser hear of something."""
        with self.changed:
            self.events.append({"id": self.count, "type": kind, "data": data})
            self.count += 1
            self.changed.notify_all()

    def after(self, last: int) -> list[dict]:
        """Wait for events that came after this one; none when nothing happened for long."""
        with self.changed:
            self.changed.wait_for(lambda: self.count > last + 1, POLL_SECONDS)
            return [event for event in self.events if event["id"] > last]

    def suspend(self) -> None:
        """Write what is in memory into the user's home, as a session does that is asked to end."""
        folder = Path.home() / ".local/share/rstudio/sessions/active/session-stand-in"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "suspended-session-data").write_text(json.dumps(list(self.events)))


SESSION = Session()
SETTINGS: dict[str, str] = {}


class Request(BaseHTTPRequestHandler):
    """One request of a browser, which came through a proxy."""

    protocol_version = "HTTP/1.1"
    cookies: list[str]

    def do_GET(self) -> None:
        """Pages."""
        self.cookies, path = [], urlsplit(self.path).path
        if path == "/unsupported_browser.htm":
            self.page("unsupported_browser.htm")
        elif path == "/auth-sign-in":
            self.sign_in()
        elif path == "/rstudio/rstudio.nocache.js":
            self.send(200, (WWW / "rstudio.nocache.js").read_bytes(), "text/javascript")
        elif path != "/":
            self.send(404, f"{path} not found".encode(), "text/plain")
        elif not self.supported():
            self.go("unsupported_browser.htm")
        elif not self.user():
            self.clear()
            self.go(f"auth-sign-in?appUri={quote(self.path, safe='')}")
        else:
            self.page("index.htm", csrf_token=self.token())

    def do_POST(self) -> None:
        """Take the sign-in form, calls, and questions for events."""
        self.cookies, path = [], urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/auth-do-sign-in":
            self.take_form({name: values[0] for name, values in parse_qs(body.decode()).items()})
        elif not path.startswith(("/rpc/", "/events/")):
            self.send(404, f"{path} not found".encode(), "text/plain")
        elif not self.user() or not self.token() or self.headers.get("X-RS-CSRF-Token") != self.token():
            self.fail(UNAUTHORIZED, "Unauthorized")
        else:
            self.call(path.rpartition("/")[2], json.loads(body)["params"])

    def call(self, method: str, parameters: list) -> None:
        """Do what a method is for."""
        if method == "client_init":
            self.result({"clientId": secrets.token_hex(8), "userIdentity": self.user(), "baseUrl": self.address("./")})
        elif method == "console_input":
            SESSION.tell("console_output", {"text": f"{parameters[0]}\n"})
            self.result(None)
        elif method == "get_events":
            self.result(SESSION.after(int(parameters[0])))
        else:
            self.fail(UNKNOWN_METHOD, "Method not found")

    # ---- signing in

    def sign_in(self) -> None:
        """Show the form; who is known, and everyone where none is asked for, goes on."""
        if self.user() or SETTINGS.get("auth-none") == "1":
            self.remember()
            self.go("./")
            return
        asked = parse_qs(urlsplit(self.path).query)
        token = self.token() or secrets.token_hex(16)
        self.put(CSRF, token)
        shown, place = "block" if "error" in asked else "none", asked.get("appUri", [""])[0]
        self.page("encrypted-sign-in.htm", csrf_token=token, errorDisplay=shown, appUri=place)

    def take_form(self, form: dict[str, str]) -> None:
        """Let the user in, or show the form again."""
        if not self.token() or form.get(CSRF) != self.token():
            self.send(400, b"Missing or incorrect token.", "text/plain")
        elif (form.get("username"), form.get("password")) != (os.environ["USER"], os.environ["PASSWORD"]):
            self.go(f"auth-sign-in?appUri={quote(form.get('appUri', ''), safe='')}&error=2")
        else:
            self.remember()
            self.go(f"./{form.get('appUri', '').lstrip('/')}")

    def user(self) -> str:
        """Name whom the cookie is of; empty where it is not one of ours."""
        name, _, rest = unquote(self.cookie(USER_ID)).partition("|")
        return name if name and rest == signature(name) else ""

    def token(self) -> str:
        return self.cookie(CSRF)

    def remember(self) -> None:
        name = os.environ["USER"]
        self.put(USER_ID, quote(f"{name}|{signature(name)}", safe="|"))
        self.put(CSRF, self.token() or secrets.token_hex(16))
        for other, value in OTHER_COOKIES.items():
            self.put(other, value)

    def clear(self) -> None:
        for name in (USER_ID, *OTHER_COOKIES):
            self.put(name, "", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT")

    # ---- behind a proxy

    def root(self) -> str:
        """Return the path that the browser knows this server's root by, without its last slash."""
        if os.environ.get("STAND_IN_FOR") == "1.3":
            return ""
        told = self.headers.get("X-RStudio-Root-Path") or SETTINGS.get("www-root-path", "/")
        return f"/{told.strip('/')}" if told.strip("/") else ""

    def address(self, place: str) -> str:
        """Return the whole address of a place, as the browser knows it."""
        if told := self.headers.get("X-RStudio-Request"):
            return urljoin(told, place)
        scheme, host = self.headers.get("X-Forwarded-Proto", "http"), self.headers["Host"]
        if self.root() and (forwarded := self.headers.get("X-Forwarded-Host")):
            port = self.headers.get("X-Forwarded-Port")
            host = f"{forwarded.partition(':')[0]}:{port}" if port else forwarded
        return urljoin(f"{scheme}://{host}{self.root()}{self.path}", place)

    def supported(self) -> bool:
        return SETTINGS.get("www-verify-user-agent") == "0" or any(
            name in self.headers.get("User-Agent", "") for name in SUPPORTED
        )

    # ---- answers

    def cookie(self, name: str) -> str:
        found = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        return found.value if found else ""

    def put(self, name: str, value: str, more: str = "") -> None:
        secure = "; Secure" if self.address("").startswith("https:") else ""
        self.cookies.append(f"{name}={value}; Path={self.root() or '/'}; HttpOnly; SameSite=Lax{secure}{more}")

    def go(self, place: str) -> None:
        self.send(302, self.address(place).encode(), "text/plain", {"Location": self.address(place)})

    def page(self, name: str, **fields: str) -> None:
        text = (WWW / name).read_text()
        for field, value in fields.items():
            text = text.replace(f"#{field}#", escape(value))
        self.send(200, text.encode(), "text/html", {"X-Frame-Options": "DENY", "Cache-Control": "no-cache, no-store"})

    def result(self, value: object) -> None:
        self.send(200, json.dumps({"result": value}).encode(), "application/json")

    def fail(self, code: int, message: str) -> None:
        self.send(200, json.dumps({"error": {"code": code, "message": message}}).encode(), "application/json")

    def send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        for cookie in self.cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def signature(name: str) -> str:
    """Sign a user's name, as only this server can."""
    return base64.b64encode(hmac.new(KEY, name.encode(), hashlib.sha256).digest()).decode()


def end(*_: object) -> None:
    """Suspend the session, then end."""
    SESSION.suspend()
    sys.exit(0)


lines = [line.partition("=")[::2] for line in CONFIGURATION.read_text().split() if "=" in line]
SETTINGS.update(lines)
if len(SETTINGS) < len(lines):
    sys.exit("an option cannot be specified more than once")
os.setgid(1000)
os.setuid(1000)
signal.signal(signal.SIGTERM, end)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("", int(SETTINGS.get("www-port", "8787"))), Request).serve_forever()
