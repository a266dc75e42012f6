"""The two questions that are asked of this machine's engine when nothing else of the stack may work.

They go to its HTTP API directly: `dockerdriver status` and `down` ask an engine that starts or is not there, and
the SDK takes a second to import and negotiates a version before its first question.
"""

import json
from typing import Any

import httpx

from blocks.engine.containers.name import listed_name
from pool import marks
from pool.errors import EngineTrouble


def answers(url: str, seconds: float = 5) -> bool:
    """Whether an engine answers there."""
    try:
        with _client(url, seconds) as client:
            return client.get("/_ping").is_success
    except (httpx.HTTPError, OSError):
        return False


def sweep(url: str, namespace: str) -> list[str]:
    """Remove every container, network and volume of the namespace; what was removed, by name. Absent is success.

    Raises:
        EngineTrouble: the engine does not do it.
    """
    label = {"filters": json.dumps({"label": [f"{marks.NAMESPACE}={namespace}"]})}
    try:
        with _client(url, 120) as engine:
            containers = _got(engine.get("/containers/json", params=label | {"all": "true"}))
            removed = [_remove(engine, f"/containers/{c['Id']}?force=true&v=true", listed_name(c)) for c in containers]
            networks = _got(engine.get("/networks", params=label))
            removed += [_remove(engine, f"/networks/{n['Id']}", n["Name"]) for n in networks]
            volumes = _got(engine.get("/volumes", params=label))["Volumes"] or []
            return removed + [_remove(engine, f"/volumes/{v['Name']}", v["Name"]) for v in volumes]
    except httpx.HTTPError as error:
        raise EngineTrouble(f"the Docker Engine at {url} did not remove what belongs to {namespace}: {error}") from None


def _remove(engine: httpx.Client, path: str, name: str) -> str:
    answer = engine.delete(path)
    if answer.status_code not in (404, 409):  # gone already, or being removed by another process
        answer.raise_for_status()
    return name


def _got(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()


def _client(url: str, seconds: float) -> httpx.Client:
    """Open a client for unix:// and tcp:// engines. Proxies of the environment are not for the engine."""
    scheme, _, place = url.partition("://")
    if scheme == "unix":
        transport = httpx.HTTPTransport(uds=place, verify=False)  # spare loading the CAs
        return httpx.Client(transport=transport, base_url="http://engine", timeout=seconds, trust_env=False)
    return httpx.Client(base_url=f"http://{place}", timeout=seconds, trust_env=False)
