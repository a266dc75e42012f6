"""`dockerdriver usage`: who used what for how long, also while the stack is stopped."""

import csv
import sys
from datetime import UTC, datetime

from blocks.settings import ProcessSettings
from pool.moments import minute, read_since
from pool.notation import read_list
from pool.reports.usage import hashed, usage
from runtime.databases.records import records
from runtime.verbs.output import show
from runtime.verbs.reports.pseudonyms import pseudonym_key

HEADINGS = {"month": "Month", "pool": "Pool", "blueprint": "Blueprint", "user": "User"}
SUMS = {"sessions": "Sessions", "users": "Users", "hours": "Hours", "slot_hours": "Slot-hours"}


def show_usage(
    settings: ProcessSettings,
    since: str = "30d",
    by: str = "user",
    hash_names: bool = False,
    as_csv: bool = False,
    as_json: bool = False,
) -> None:
    """Print how many sessions there were, and for how many hours they held their room.

    Args:
        settings: of this installation.
        since: from when on, as :func:`read_since` reads it.
        by: what a row is about: month, pool, blueprint, user, or several with commas between; empty: all in one row.
        hash_names: whether users are told by a hash of their names, keyed by :func:`pseudonym_key`; always, where the
            setting says so.
        as_csv: for a spreadsheet.
        as_json: for a program.

    Raises:
        BadRequest: *since* is no moment, or *by* names what there is not.
        DockerDriverError: the pool's database does not answer.
    """
    now, groups = datetime.now(UTC), read_list(by)
    begin = read_since(since, now)
    with records(settings) as store:
        stays = store.history.stays(begin, now) if store else []
    if hash_names or settings.usage_hash_names:
        key = pseudonym_key(settings)
        stays = [hashed(stay, key) for stay in stays]
    rows = usage(stays, begin, now, groups)
    columns = {group: HEADINGS[group] for group in groups} | SUMS
    if as_csv:
        writer = csv.DictWriter(sys.stdout, [*columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        show(rows, columns, f"no session had room since {minute(begin)}", as_json)
