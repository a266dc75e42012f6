"""Which blueprint a user chose: the form of the Hub's page, and what comes back."""

from collections.abc import Mapping
from html import escape
from typing import Any

_FORM = """<div class="form-group mb-3">
  <label for="dockerdriver-blueprint">What to start</label>
  <select class="form-control form-select" id="dockerdriver-blueprint" name="blueprint">
{choices}
  </select>
</div>"""


def form_of(blueprints: Mapping[str, str], chosen: str) -> str:
    """Return the form; empty, so that the Hub shows none, where there is nothing to choose."""
    if len(blueprints) < 2:
        return ""
    return _FORM.format(choices="\n".join(_choice(name, title, chosen) for name, title in blueprints.items()))


def _choice(name: str, title: str, chosen: str) -> str:
    mark = " selected" if name == chosen else ""
    return f'    <option value="{escape(name)}"{mark}>{escape(title or name)}</option>'


def chosen_in(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the user's options, of a form or of an address like /hub/spawn?blueprint=rstudio."""
    return {name: values[0] for name, values in form.items() if name == "blueprint" and values}


def blueprint_of(options: Mapping[str, Any], blueprints: Mapping[str, str]) -> str:
    """Return the blueprint of a start.

    Raises:
        ValueError: the Hub does not offer it; the message says what it offers.
    """
    wanted = str(options.get("blueprint") or next(iter(blueprints), ""))  # by the Hub's API a user may send any JSON
    if wanted not in blueprints:
        raise ValueError(f"this Hub offers no blueprint {wanted[:80]!r}: it offers {', '.join(blueprints) or 'none'}")
    return wanted
