"""`dockerdriver alerts …`: automations of Prefect's that send what an operator wants to hear of at once."""

from typing import TYPE_CHECKING, Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import BadRequest, NotFound
from runtime.verbs.alert_rules import ALERTS, Alert
from runtime.verbs.output import show

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

PREFIX = "DockerDriver: "  # of their names in Prefect's UI
COLUMNS = {"alert": "Alert", "state": "State", "subject": "Says"}


def on(settings: ProcessSettings, block: str, as_json: bool) -> int:
    """Send alerts by a notification block of Prefect's, as slack-webhook/ops; again changes where they are sent.

    Example: dockerdriver alerts on slack-webhook/ops

    Raises:
        BadRequest: the block is not named as kind/name.
        NotFound: there is no such block.
        DockerDriverError: the stack does not run.
    """
    api = prefect_api(settings)
    sender, known = _sender(api, block), _known(api)
    for alert in ALERTS:
        automation = _automation(alert, sender)
        if alert.name in known:
            api.call("PUT", f"/automations/{known[alert.name]['id']}", **automation)
        else:
            api.call("POST", "/automations/", **automation)
    return list_(settings, as_json)


def off(settings: ProcessSettings, as_json: bool) -> int:
    """Send no alerts any more: their automations are deleted; others in Prefect's UI stay.

    Example: dockerdriver alerts off

    Raises:
        DockerDriverError: the stack does not run.
    """
    api = prefect_api(settings)
    for automation in _known(api).values():
        api.call("DELETE", f"/automations/{automation['id']}")
    return list_(settings, as_json)


def list_(settings: ProcessSettings, as_json: bool) -> int:
    """List the alerts that there are, and whether they are sent.

    Example: dockerdriver alerts list
    """
    known = _known(prefect_api(settings))
    rows = [{"alert": one.name, "state": _state(known.get(one.name)), "subject": one.subject} for one in ALERTS]
    show(rows, COLUMNS, "", as_json)
    return 0


def _state(automation: dict[str, Any] | None) -> str:
    if automation is None:
        return "off"
    return "on" if automation["enabled"] else "switched off in Prefect's UI"


def _sender(api: "PrefectApi", block: str) -> str:
    """Return the id of a block ``kind/name``."""
    kind, sign, name = block.partition("/")
    if not (kind and sign and name):
        raise BadRequest(f"{block!r} is no notification block: write its kind and its name, like slack-webhook/ops")
    try:
        return str(api.call("GET", f"/block_types/slug/{kind}/block_documents/name/{name}")["id"])
    except NotFound:
        said = f"no notification block is named {block!r}: save one in Prefect's UI, Blocks, such as Slack or Email"
        raise NotFound(said) from None


def _known(api: "PrefectApi") -> dict[str, dict[str, Any]]:
    """Return our automations, by the names of their alerts."""
    names = [PREFIX + alert.name for alert in ALERTS]
    found = api.call("POST", "/automations/filter", automations={"name": {"any_": names}})
    return {one["name"].removeprefix(PREFIX): one for one in found}


def _automation(alert: Alert, sender: str) -> dict[str, Any]:
    said = {"subject": f"DockerDriver: {alert.subject}", "body": alert.body}
    return {
        "name": PREFIX + alert.name,
        "description": "Kept by `dockerdriver alerts`: the next `alerts on` puts it back to what it was.",
        "enabled": True,
        "tags": ["dockerdriver"],
        "trigger": alert.trigger,
        "actions": [{"type": "send-notification", "block_document_id": sender, **said}],
    }
