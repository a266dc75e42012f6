"""Where Prefect's UI has what an operator looks for.

The form by which a flow is launched, filled in: an operator looks at it, and submits. And what was told of a session.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

#: Tags of deployments, and so of their runs. Ticks have another one.
SUBJECTS = ("sessions", "hosts", "images")
#: Keys of the artifacts that ticks leave of each pool, without its name, by what they show.
TABLES = {
    "hosts": "hosts",
    "sessions": "sessions",
    "how long starts took": "timings",
    "images by hosts": "images-on-hosts",
    "decisions": "housekeeping",
    "the last day": "last-day",
    "the last week": "last-week",
}


@dataclass(frozen=True)
class RunForms:
    """The forms of some deployments."""

    ui: str = ""  # address of Prefect's UI, without a slash at the end
    deployments: Mapping[str, str] = field(default_factory=dict)  # ids, by the names of their flows

    def address(self, flow: str, **parameters: object) -> str:
        """The form of a flow with these parameters filled in; empty: where it is is not known."""
        if flow not in self.deployments:
            return ""
        filled_in = urlencode({"parameters": json.dumps(parameters)})
        return f"{self.ui}/v2/deployments/deployment/{self.deployments[flow]}/run?{filled_in}"

    def elsewhere(self) -> dict[str, str]:
        """What the UI's menu does not lead to: runs by their subject, which leaves ticks out, and artifacts."""
        runs = {f"runs of {subject}": f"{self.ui}/v2/runs?tags={subject}" for subject in SUBJECTS}
        return runs | {"artifacts": f"{self.ui}/v2/artifacts"} if self.ui else {}

    def of_pool(self, pool: str) -> dict[str, str]:
        """Where the UI has what ticks leave of a pool, by what it shows; empty: where the UI is is not known."""
        return {word: f"{self.ui}/v2/artifacts/key/{key}-{pool}" for word, key in TABLES.items()} if self.ui else {}

    def answer(self, instance_id: str) -> str:
        """What was told of a session, newest first; empty: where the UI is is not known."""
        return f"{self.ui}/v2/artifacts/key/instance-{quote(instance_id, safe='')}" if self.ui else ""
