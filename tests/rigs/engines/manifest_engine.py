"""A stand-in for an engine that keeps images in containerd's store: it answers as Docker's published API does there.

An image's id is the digest of the manifest that is made of what was loaded. An archive must hold all its layers. By the
digest of a config nothing is found. Containers are records: nothing runs.
"""

import gzip
import hashlib
import io
import json
import re
import socketserver
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = "1.44"  # of Docker 25, the first whose images can be kept so; it is sent layers packed with gzip
STATUS = [["driver-type", "io.containerd.snapshotter.v1"]]
ZERO = "0001-01-01T00:00:00Z"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Stream:
    """An answer that comes in pieces."""

    events: list[dict[str, str]]


def _plain(layer: bytes) -> bytes:
    return gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer


class RefusalError(Exception):
    """What the API answers with, in place of what was asked for."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        self.status, self.words = status, words


@dataclass
class ManifestEngine:
    """What the engine has."""

    images: dict[str, tuple[str, ...]] = field(default_factory=dict)  # id: diff ids
    names: dict[str, str] = field(default_factory=dict)  # "lab:latest": id
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)  # by name
    loads: list[int] = field(default_factory=list)  # bytes of each archive

    def load(self, data: bytes) -> list[dict[str, str]]:
        """Take an archive in; what is said of it."""
        self.loads.append(len(data))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            blobs = {one.name: file.read() for one in tar if one.isfile() and (file := tar.extractfile(one))}
        entry = json.loads(blobs["manifest.json"])[0]
        if missing := [name for name in entry["Layers"] if name not in blobs]:
            return [{"error": f"content digest {missing[0]}: not found"}]
        layers, config = [blobs[name] for name in entry["Layers"]], blobs[entry["Config"]]
        diff_ids = json.loads(config)["rootfs"]["diff_ids"]
        manifest = {"config": _digest(config), "layers": list(map(_digest, layers))}
        image = _digest(json.dumps(manifest).encode())
        self.images[image] = tuple(diff_ids)
        self.names |= dict.fromkeys(entry["RepoTags"], image)
        said = [f"Loaded image: {name}" for name in entry["RepoTags"]] or [f"Loaded image ID: {image}"]
        if diff_ids != [_digest(_plain(layer)) for layer in layers]:
            said.append(f"Error unpacking image {entry['RepoTags']}: wrong diff id calculated on extraction")
        return [{"stream": f"{line}\n"} for line in said]

    def find(self, asked: str) -> str:
        """Id of an image that is asked for by its name or id."""
        name = asked if ":" in asked else f"{asked}:latest"
        if name in self.names or asked in self.images:
            return self.names.get(name, asked)
        raise RefusalError(HTTPStatus.NOT_FOUND, f"No such image: {asked}")

    def names_of(self, image: str) -> list[str]:
        return sorted(name for name, named in self.names.items() if named == image)

    def listed(self, image: str) -> dict[str, Any]:
        return {"Id": image, "RepoTags": self.names_of(image), "Created": 0}

    def remove(self, asked: str) -> None:
        """Take a name away, and the image with its last; one that a container has stays."""
        image = self.find(asked)
        last = asked in self.images or self.names_of(image) == [asked]
        if last and image in {one["Image"] for one in self.containers.values()}:
            raise RefusalError(HTTPStatus.CONFLICT, f"conflict: unable to delete {asked}: a container has it")
        gone = self.names_of(image) if last else [asked]
        self.names = {name: named for name, named in self.names.items() if name not in gone}
        if last:
            del self.images[image]

    def create(self, name: str, asked: dict[str, Any]) -> str:
        if name in self.containers:
            raise RefusalError(HTTPStatus.CONFLICT, f"The container name {name} is already in use")
        image = self.find(asked["Image"])
        state = {"Status": "created", "ExitCode": 0, "FinishedAt": ZERO, "OOMKilled": False}
        container = hashlib.sha256(name.encode()).hexdigest()
        seen = {"Id": container, "Name": f"/{name}", "Image": image, "State": state}
        read_only = bool(asked.get("HostConfig", {}).get("ReadonlyRootfs"))
        seen |= {"Config": {"Labels": asked.get("Labels") or {}}, "HostConfig": {"ReadonlyRootfs": read_only}}
        self.containers[name] = seen
        return container

    def container(self, asked: str) -> dict[str, Any]:
        found = [one for name, one in self.containers.items() if asked in (name, one["Id"])]
        if not found:
            raise RefusalError(HTTPStatus.NOT_FOUND, f"No such container: {asked}")
        return found[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def answer(self) -> None:
        path = urlsplit(self.path)
        words = {name: values[0] for name, values in parse_qs(path.query).items()}
        body, asked = self._body(), re.sub(r"^/v[0-9.]+", "", unquote(path.path))
        try:
            status, said = HTTPStatus.OK, self._said(asked, words, body)
        except RefusalError as refusal:
            status, said = refusal.status, {"message": refusal.words}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if isinstance(said, Stream):
            self._stream(said.events)
        else:
            content = json.dumps(said).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _stream(self, events: list[dict[str, str]]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            content = json.dumps(event).encode() + b"\r\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that the library looks for

    def log_message(self, *_words: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _said(self, asked: str, words: dict[str, str], body: bytes) -> Any:
        engine = self.server.engine
        for method, pattern, say in _ROUTES:
            if method == self.command and (found := re.fullmatch(pattern, asked)):
                return say(engine, *found.groups(), words, body)
        raise RefusalError(HTTPStatus.NOT_FOUND, f"page not found: {self.command} {asked}")


def _version(*_asked: object) -> dict:
    return {"ApiVersion": API, "Version": "25.0.0"}


def _info(*_asked: object) -> dict:
    return {"DriverStatus": STATUS, "Architecture": "x86_64", "DockerRootDir": "/var/lib/docker"}


def _tag(engine: ManifestEngine, image: str, words: dict, _body: bytes) -> dict:
    engine.names[f"{words['repo']}:{words['tag']}"] = engine.find(image)
    return {}


def _inspect_image(engine: ManifestEngine, image: str, *_asked: object) -> dict:
    found = engine.find(image)
    return engine.listed(found) | {"RootFS": {"Type": "layers", "Layers": list(engine.images[found])}}


def _listed_container(seen: dict[str, Any]) -> dict[str, Any]:
    known = {"Id": seen["Id"], "Names": [seen["Name"]], "ImageID": seen["Image"], "Labels": seen["Config"]["Labels"]}
    return known | {"State": seen["State"]["Status"], "Created": 0}


def _start(engine: ManifestEngine, asked: str, *_asked: object) -> dict:
    engine.container(asked)["State"]["Status"] = "running"
    return {}


def _remove_container(engine: ManifestEngine, asked: str, *_asked: object) -> dict:
    del engine.containers[engine.container(asked)["Name"].lstrip("/")]
    return {}


_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/_ping", lambda *_: "OK"),
    ("GET", "/version", _version),
    ("GET", "/info", _info),
    ("GET", "/images/json", lambda engine, *_: [engine.listed(image) for image in engine.images]),
    ("POST", "/images/load", lambda engine, _words, body: Stream(engine.load(body))),
    ("GET", "/images/(.+)/json", _inspect_image),
    ("POST", "/images/(.+)/tag", _tag),
    ("DELETE", "/images/(.+)", lambda engine, image, *_: engine.remove(image) or []),
    ("POST", "/containers/create", lambda engine, words, body: {"Id": engine.create(words["name"], json.loads(body))}),
    ("GET", "/containers/json", lambda engine, *_: [_listed_container(one) for one in engine.containers.values()]),
    ("GET", "/containers/(.+)/json", lambda engine, asked, *_: engine.container(asked)),
    ("POST", "/containers/(.+)/start", _start),
    ("POST", "/containers/(.+)/wait", lambda engine, asked, *_: engine.container(asked) and {"StatusCode": 0}),
    ("DELETE", "/containers/(.+)", _remove_container),
]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    engine: ManifestEngine


@contextmanager
def manifest_engine(socket: Path) -> Iterator[ManifestEngine]:
    """An engine that answers at a unix socket, for the length of a with block."""
    with _Server(str(socket), _Handler) as server:
        server.engine = ManifestEngine()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.engine
        finally:
            server.shutdown()
