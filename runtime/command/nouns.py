"""The commands that begin with a noun, `dockerdriver host drain main-07`: what each takes, and its help."""

import argparse
from collections.abc import Callable
from typing import Any

from runtime.command import session
from runtime.command.files import named_here
from runtime.verbs import alerts, blueprints, configs, courses, hosts, images, pools, sessions, ssh

#: Functions that take the settings and their arguments, each with what argparse is told of these.
Commands = dict[Callable[..., int], dict[str, dict]]

#: Files of what is to be saved.
FILES: dict[str, Any] = {"nargs": "+", "type": named_here, "metavar": "FILE"}
#: What each command that answers something takes.
AS_JSON: dict[str, dict] = {"--json": {"dest": "as_json", "action": "store_true", "help": "for a program"}}
OF_SESSIONS: dict[str, dict] = {
    "--user": {"help": "only those of this user"},
    "--since": {"metavar": "MOMENT", "help": "only those that lived then or later: yesterday, 2d, 2026-11-27 14:30"},
    "--failed": {"action": "store_true", "help": "only those that ended as failed"},
    **AS_JSON,
}
OF_USAGE: dict[str, dict] = {
    "--since": {"metavar": "MOMENT", "default": "30d", "help": "from then on: 30d, which is usual, or 2026-10-01"},
    "--by": {"default": "user", "help": "what a row is about: month, pool, blueprint, user; several with commas; user"},
    "--hash-names": {"action": "store_true", "help": "hashes of users' names in place of these"},
    "--csv": {"dest": "as_csv", "action": "store_true", "help": "for a spreadsheet"},
    **AS_JSON,
}
SESSION = {"instance_id": {"metavar": "SESSION", "help": "its id, as given to provision-instance"}}
HOST = {"host": {"metavar": "HOST", "help": "its name, as in main-07"}}
POOL = {"--pool": {"default": "main", "help": "name of the pool; main when none is named"}}
ANY_POOL = {"--pool": {"help": "name of the pool; all when none is named"}}
COURSE = {"name": {"metavar": "COURSE", "help": "its name, as in bio101"}}
YES = {"--yes": {"action": "store_true", "help": "do not ask for a confirmation"}}
DRAINED = {"--reason": {"default": "asked for by the operator", "help": "why; kept with the host"}}
RETURNED = {"--reason": {"default": "returned to service by the operator", "help": "why; kept with the host"}}

RUN: dict[str, dict] = {
    "flow": {"help": "its name, as bake-host-image; its deployment is on-demand"},
    "assignments": {"nargs": "*", "metavar": "PARAMETER=VALUE", "help": "as pool=main; a value may be JSON"},
    **AS_JSON,
}
STATUSES = """exit status:
  0    done
  1    not done, with one sentence on standard error; or what was looked at is not in order
  2    the command line is wrong
  3    there is nothing of this name: the sentence, or `list` of the noun, shows what there is
  130  interrupted; every command may be run again
"""

NOUNS: dict[str, tuple[str, Commands]] = {
    "session": (
        "Start, end, extend, move, list and open sessions, tell their users something, read their logs.",
        {
            sessions.start: {
                **SESSION,
                "--blueprint": {"default": "jupyter-minimal", "help": "how it is made; jupyter-minimal"},
                "--user": {"default": "", "help": "who it is for"},
                **AS_JSON,
            },
            sessions.stop: {**SESSION, **AS_JSON},
            sessions.extend: {
                **SESSION,
                "minutes": {"type": int, "help": "from now, that it goes on for at least"},
                **AS_JSON,
            },
            sessions.message: {
                "said": {"nargs": "+", "metavar": "[SESSION] TEXT", "help": "its id, and one line; or the line alone"},
                "--host": {"default": "", "metavar": "HOST", "help": "tell the sessions on this host"},
                "--all": {"dest": "every_session", "action": "store_true", "help": "tell all sessions"},
                "--warning": {"action": "store_true", "help": "something is to be done: it stands out"},
                "--minutes": {
                    "type": int,
                    "default": 60,
                    "metavar": "N",
                    "help": "how long, a day at most; 60",
                },
                **AS_JSON,
            },
            sessions.move: {
                **SESSION,
                "--to": {"default": "", "metavar": "HOST", "help": "where; the best other host when none is named"},
                "--reason": {"default": "asked for by the operator", "help": "why; kept with the session"},
                **AS_JSON,
            },
            sessions.list_: OF_SESSIONS,
            sessions.open_: {**SESSION, **AS_JSON},
            session.logs: {
                **SESSION,
                "--lines": {"type": int, "default": 100, "metavar": "N", "help": "how many, 1000 at most; 100"},
                "--follow": {"action": "store_true", "help": "go on with what it writes, until Ctrl-C or its end"},
                **AS_JSON,
            },
        },
    ),
    "host": (
        "List hosts, take one out of service, put it back, log in to one.",
        {
            hosts.list_: {**ANY_POOL, **AS_JSON},
            hosts.drain: {
                **HOST,
                "--deadline": {
                    "type": int,
                    "metavar": "MINUTES",
                    "help": "after which the sessions that are left are ended; without it they live out their time",
                },
                **DRAINED,
                **YES,
                **AS_JSON,
            },
            hosts.return_: {**HOST, **RETURNED, **AS_JSON},
            ssh.ssh: {
                **HOST,
                "words": {"nargs": argparse.REMAINDER, "metavar": "COMMAND", "help": "run there; a shell without one"},
            },
        },
    ),
    "image": (
        "List what pools offer, offer an image, offer one no more.",
        {
            images.list_: {**ANY_POOL, **AS_JSON},
            images.add: {
                "image": {"help": "a file in images/, a registry's reference, or a name in the manager's engine"},
                "--source": {"default": "archive", "choices": ["archive", "registry", "engine"], "help": "archive"},
                "--credentials": {"default": "", "help": "name of the block Registry login that its registry asks for"},
                **POOL,
                **AS_JSON,
            },
            images.retire: {
                "image": {"help": "what blueprints call it"},
                **POOL,
                "--delete-archive": {"action": "store_true", "help": "delete its archive in images/, too"},
                **YES,
                **AS_JSON,
            },
        },
    ),
    "pool": (
        "List pools, make one, remove one.",
        {
            pools.list_: AS_JSON,
            pools.add: {
                "name": {"metavar": "POOL", "help": "what its hosts' names begin with, as gpu"},
                "assignments": {"nargs": "*", "metavar": "SETTING=VALUE", "help": "as DD_MAX_HOSTS=2"},
                "--like": {"default": "main", "metavar": "POOL", "help": "whose settings it has, but for these; main"},
                **AS_JSON,
            },
            pools.remove: {
                "name": {"metavar": "POOL", "help": "its name"},
                "--yes": {"action": "store_true", "help": "also while it has sessions"},
                **AS_JSON,
            },
        },
    ),
    "blueprint": (
        "Save blueprints, change them, and look whether sessions of them could start.",
        {
            blueprints.get: {"name": {"metavar": "BLUEPRINT", "help": "its name"}, **AS_JSON},
            blueprints.set_: {
                "name": {"metavar": "BLUEPRINT", "help": "its name"},
                "assignments": {"nargs": "+", "metavar": "FIELD=VALUE", "help": "as lifetime=2h; lists may be JSON"},
                **AS_JSON,
            },
            blueprints.save: {
                "files": {**FILES, "help": "of its fields, called as the blueprint is to be"},
                "--replace": {"action": "store_true", "help": "also one that is there already"},
                **AS_JSON,
            },
            blueprints.check: {
                "name": {"nargs": "?", "help": "of the blueprint; all when none is named"},
                **AS_JSON,
            },
        },
    ),
    "course": (
        "Save courses from files, look at them, start the sessions of their users.",
        {
            courses.list_: AS_JSON,
            courses.show_: {**COURSE, **AS_JSON},
            courses.save: {
                "files": {**FILES, "help": "of its fields, called as the course is to be"},
                "--replace": {"action": "store_true", "help": "also one that is there already"},
                **AS_JSON,
            },
            courses.start: {**COURSE, **AS_JSON},
        },
    ),
    "alerts": (
        "Have Prefect send what an operator wants to hear of at once.",
        {
            alerts.on: {
                "block": {"metavar": "KIND/NAME", "help": "of a notification block, as slack-webhook/ops"},
                **AS_JSON,
            },
            alerts.off: AS_JSON,
            alerts.list_: AS_JSON,
        },
    ),
    "config": (
        "Read and change the settings of a pool.",
        {
            configs.get: {
                "name": {"nargs": "?", "metavar": "SETTING", "help": "as DD_MAX_HOSTS; all when none is named"},
                **POOL,
                **AS_JSON,
            },
            configs.set_: {
                "assignments": {"nargs": "+", "metavar": "SETTING=VALUE", "help": "as DD_MAX_HOSTS=8"},
                **POOL,
                **AS_JSON,
            },
            configs.diff: {**POOL, **AS_JSON},
        },
    ),
}


def name_of(command: Callable[..., int]) -> str:
    """Return the word that calls a command on the command line."""
    return command.__name__.removeprefix("show_").rstrip("_").replace("_", "-") or "show"


def texts_of(command: Callable[..., int]) -> tuple[str, str]:
    """Return the first line of a command's docstring, and the line that shows how it is used, where there is one."""
    text, _, rest = (command.__doc__ or "").partition("\n")
    return text, next((line.strip() for line in rest.splitlines() if line.strip().startswith("Example: ")), "")
