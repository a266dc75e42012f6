"""Image archives made by hand, so that a test decides every byte of them."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of these files (0755) and symbolic links, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(content), 0o755
            archive.addfile(header, io.BytesIO(content))
        for name, target in (links or {}).items():
            header = tarfile.TarInfo(name)
            header.type, header.linkname = tarfile.SYMTYPE, target
            archive.addfile(header)
    return buffer.getvalue()


@dataclass
class TinyImage:
    """One image of some layers; change a field and `archive()` tells the lie."""

    name: str = "tiny:latest"
    layers: list[bytes] = field(default_factory=lambda: [tar_of({"hello": b"world"})])
    runs: dict = field(default_factory=lambda: {"Cmd": ["/hello"]})

    @property
    def diff_ids(self) -> list[str]:
        return [f"sha256:{digest(layer)}" for layer in self.layers]

    @property
    def config(self) -> bytes:
        rootfs = {"type": "layers", "diff_ids": self.diff_ids}
        return json.dumps({"architecture": "amd64", "os": "linux", "config": self.runs, "rootfs": rootfs}).encode()

    @property
    def id(self) -> str:
        return f"sha256:{digest(self.config)}"

    def members(self) -> dict[str, bytes]:
        """Members of an archive in the old layout, by name."""
        names = [f"{digest(layer)}/layer.tar" for layer in self.layers]
        config = f"{digest(self.config)}.json"
        manifest = [{"Config": config, "RepoTags": [self.name], "Layers": names}]
        layers = dict(zip(names, self.layers, strict=True))
        return layers | {config: self.config, "manifest.json": json.dumps(manifest).encode()}

    def oci_members(self, pack: Callable[[bytes], bytes] = lambda layer: layer) -> dict[str, bytes]:
        """Members of an archive in the OCI layout that newer engines write, layers packed by *pack*."""
        layers = {f"blobs/sha256/{digest(pack(layer))}": pack(layer) for layer in self.layers}
        config = f"blobs/sha256/{digest(self.config)}"
        manifest = [{"Config": config, "RepoTags": [self.name], "Layers": list(layers)}]
        index = {"schemaVersion": 2, "manifests": []}
        layout = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
        return layers | {config: self.config} | layout | {"manifest.json": json.dumps(manifest).encode()}

    def archive(self) -> bytes:
        return tar_of(self.members())


def with_manifest(image: TinyImage, **changes: Any) -> bytes:
    """An archive of the image whose manifest says something else."""
    members = image.members()
    manifest = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps([manifest[0] | changes]).encode()
    return tar_of(members)


def busybox_image(name: str, command: tuple[str, ...], extra: dict[str, bytes] | None = None) -> TinyImage:
    """An image of the machine's static busybox that runs *command*."""
    busybox = Path(shutil.which("busybox") or "/bin/busybox").read_bytes()
    tools = {f"bin/{tool}": "busybox" for tool in ("sh", "true", "sleep", "httpd", "cat", "id", "echo", "grep", "head")}
    layers = [tar_of({"bin/busybox": busybox}, tools)]
    if extra:
        layers.append(tar_of(extra))
    return TinyImage(name if ":" in name else f"{name}:latest", layers, {"Cmd": list(command), "Env": ["PATH=/bin"]})
