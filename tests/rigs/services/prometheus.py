"""A real Prometheus that scrapes one address each second, with our alert rules; and what our dashboard asks of it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

import docs
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

MONITORING = Path(docs.__file__).parent / "monitoring"
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]


class Prometheus:
    """Its API."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", trust_env=False)

    def values(self, query: str) -> list[float]:
        """What a query gives now; nothing while Prometheus does not answer yet."""
        return [float(one["value"][1]) for one in self.series(query)]

    def series(self, query: str) -> list[dict[str, Any]]:
        """The same, each with its labels."""
        try:
            got = self._client.get("/query", params={"query": query.replace("$pool", "main")})
        except httpx.HTTPError:
            return []
        if got.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # it reads its own files first
            return []
        answer = got.json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Our alert rules, as they are evaluated."""
        rules: list[dict[str, Any]] = self._client.get("/rules").json()["data"]["groups"][0]["rules"]
        return rules

    def close(self) -> None:
        self._client.close()


@contextmanager
def scraping(target: str, home: Path) -> Iterator[Prometheus]:
    """One that has scraped *target* ("127.0.0.1:9464") once; its files are in *home*."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [{"job_name": "dockerdriver", "static_configs": [{"targets": [target]}]}],
        "rule_files": [str(MONITORING / "alerts.yml")],
    }
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
    server = subprocess.Popen(["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"])
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        until(lambda: prometheus.values("dockerdriver_database_up"), f"Prometheus has scraped {target}", 60)
        yield prometheus
    finally:
        prometheus.close()
        server.terminate()
        server.wait()
