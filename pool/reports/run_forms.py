"""Where Prefect's UI has the form by which a flow is launched, filled in: an operator looks at it, and submits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode


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
