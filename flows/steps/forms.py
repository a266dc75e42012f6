"""Types of flows' parameters: what the form in Prefect's UI shows of each. The help of each is its flow's docstring."""

from typing import Annotated

from pydantic import Field

from pool.backups.rules import MOST_DOWNLOAD_MINUTES
from pool.keys.rotation import RotatedKey
from pool.moments import LONGEST_SPAN
from pool.open_pages.messages import MOST_CHARACTERS, Level
from pool.open_pages.messages import MOST_MINUTES as MOST_MESSAGE_MINUTES
from pool.records import FlavorSize

MOST_MINUTES = LONGEST_SPAN // 60
#: What a browser is given as the choices of a field, by `runtime/ui/`: names of blocks of a kind, or of hosts.
_POOL = {"title": "Pool", "examples": ["main"], "choices": "pool-config"}
_HOST = {"title": "Host", "examples": ["main-07"], "choices": "host"}
_BLUEPRINT = {"title": "Blueprint", "examples": ["jupyter-minimal"], "choices": "blueprint"}
_COURSE = {"title": "Course", "examples": ["bio101"], "choices": "course"}
_LOGIN = {"title": "Registry login (empty: none)", "choices": "registry-login"}

Pool = Annotated[str, Field(json_schema_extra=_POOL)]
AnyPool = Annotated[str, Field(json_schema_extra=_POOL | {"title": "Pool (empty: all)"})]
HostName = Annotated[str, Field(json_schema_extra=_HOST)]
AnyHost = Annotated[str, Field(json_schema_extra=_HOST | {"title": "Host (empty: the best other one)"})]
MaybeHost = Annotated[str, Field(json_schema_extra=_HOST | {"title": "Sessions on this host"})]
HostNames = Annotated[list[str] | None, Field(json_schema_extra=_HOST | {"title": "Hosts (empty: all)"})]
InstanceId = Annotated[str, Field(json_schema_extra={"title": "Session", "examples": ["alice-7"]})]
MaybeInstanceId = Annotated[str, Field(json_schema_extra={"title": "Session", "examples": ["alice-7"]})]
StandbyId = Annotated[str, Field(json_schema_extra={"title": "Standby", "examples": ["standby.k3v7"]})]
BlueprintName = Annotated[str, Field(json_schema_extra=_BLUEPRINT)]
CourseName = Annotated[str, Field(json_schema_extra=_COURSE)]
User = Annotated[str, Field(json_schema_extra={"title": "User", "examples": ["ada"]})]
Name = Annotated[str, Field(json_schema_extra={"title": "Host, session or user", "examples": ["ada"]})]
Sessions = Annotated[
    list[dict],
    Field(
        json_schema_extra={
            "title": "Sessions",
            "examples": [[{"instance_id": "bio101-ada", "user": "ada"}]],
            "items": {
                "title": "Session",
                "type": "object",
                "required": ["instance_id"],
                "additionalProperties": False,
                "properties": {
                    "instance_id": {"title": "Session", "type": "string"},
                    "user": {"title": "User", "type": "string", "default": ""},
                },
            },
        }
    ),
]
Scheduled = Annotated[bool, Field(json_schema_extra={"title": "Asked for by its schedule"})]
Begun = Annotated[bool, Field(json_schema_extra={"title": "Go on with a move that was begun, and begin none"})]
Patient = Annotated[bool, Field(json_schema_extra={"title": "Takes as long as a backup"})]
BackupId = Annotated[str, Field(json_schema_extra={"title": "Backup", "examples": ["alice-1.1"]})]
AnyBackup = Annotated[str, Field(json_schema_extra={"title": "Backup (empty: the newest)", "examples": ["alice-1.1"]})]
KeptPath = Annotated[
    str, Field(json_schema_extra={"title": "File or folder (empty: all)", "examples": ["/home/jovyan/thesis"]})
]
DownloadMinutes = Annotated[
    int, Field(json_schema_extra={"title": "Minutes that it works", "minimum": 1, "maximum": MOST_DOWNLOAD_MINUTES})
]
TurnedSettings = Annotated[
    list[str], Field(json_schema_extra={"title": "Settings", "examples": [["DD_FREE_SLOT_TARGET=10"]]})
]
Until = Annotated[str, Field(json_schema_extra={"title": "Until", "examples": ["", "2026-07-17"]})]
Since = Annotated[str, Field(json_schema_extra={"title": "How far back", "examples": ["14d"]})]
Classes = Annotated[
    list[str] | None, Field(json_schema_extra={"title": "Classes that never were", "examples": [["60@Mon09:00"]]})
]
TriedCourses = Annotated[
    list[str] | None, Field(json_schema_extra={"title": "Courses that never were", "examples": [["60@Mon09:00-10:30"]]})
]
WithoutCourses = Annotated[bool, Field(json_schema_extra={"title": "Without the pool's courses"})]
LongestWait = Annotated[str, Field(json_schema_extra={"title": "Wait of 95 of 100 sessions", "examples": ["5s"]})]
Words = Annotated[str, Field(json_schema_extra={"title": "Message", "maxLength": MOST_CHARACTERS})]
EverySession = Annotated[bool, Field(json_schema_extra={"title": "All sessions"})]
MessageLevel = Annotated[Level, Field(json_schema_extra={"title": "How it is shown"})]
MessageMinutes = Annotated[
    int, Field(json_schema_extra={"title": "Minutes that it is shown", "minimum": 1, "maximum": MOST_MESSAGE_MINUTES})
]
AfterLine = Annotated[str, Field(json_schema_extra={"title": "After the line of this moment (empty: the last ones)"})]
Lines = Annotated[int, Field(json_schema_extra={"title": "Lines"})]
Keys = Annotated[list[RotatedKey] | None, Field(json_schema_extra={"title": "Keys (empty: all)"})]
Retire = Annotated[bool, Field(json_schema_extra={"title": "End what the ones before still open"})]
Reason = Annotated[str, Field(json_schema_extra={"title": "Reason"})]
HostImageName = Annotated[str, Field(json_schema_extra={"title": "Name of the host image (empty: by its content)"})]
ImageName = Annotated[str, Field(json_schema_extra={"title": "Image", "examples": ["rocker/rstudio:4.4"]})]
ImageNames = Annotated[list[str] | None, Field(json_schema_extra={"title": "Images (empty: all)"})]
Source = {"title": "Where it comes from"}
Credentials = Annotated[str, Field(json_schema_extra=_LOGIN)]
DeleteArchive = Annotated[bool, Field(json_schema_extra={"title": "Delete its archive, too"})]
Confirmed = Annotated[bool, Field(json_schema_extra={"title": "Do not ask for a confirmation"})]
#: What the form offers, and Prefect's API takes; what gets past both is refused by the task, in one sentence.
_Minutes = Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": MOST_MINUTES})]
Deadline = Annotated[_Minutes | None, Field(json_schema_extra={"title": "Deadline, in minutes"})]
LongerMinutes = Annotated[
    int, Field(json_schema_extra={"title": "Minutes from now", "minimum": 1, "maximum": MOST_MINUTES})
]
Flavor = Annotated[str, Field(json_schema_extra={"title": "Size of the host", "enum": ["", *FlavorSize]})]
#: The request's own fields, in their order, which the form shows; they are judged by `pool/sessions/admission.py`.
_OPTIONS = {
    "lifetime": {
        "title": "Lifetime, in seconds",
        "type": "integer",
        "description": "At most the blueprint's.",
    },
    "wait": {
        "title": "Longest wait for room, in seconds",
        "type": "integer",
        "description": "At most the pool's; 0: not at all.",
    },
    "restore": {
        "title": "Backup that it begins with",
        "type": "string",
        "description": "Its id, newest or none; empty: as its blueprint says, which is mostly the newest.",
    },
    "course": {
        "title": "Course",
        "type": "string",
        "description": "Whose reserved slots it may take; of a member it is known.",
        "choices": "course",
    },
    "secrets": {
        "title": "Secrets",
        "type": "object",
        "description": "Names of Secret blocks, by the names of files in /run/secrets; never a secret.",
    },
    "environment": {
        "title": "Environment",
        "type": "object",
        "description": "Names and texts; no secrets, for parameters are shown.",
    },
}
Options = Annotated[
    dict | None,
    Field(
        json_schema_extra={
            "title": "Options",
            "properties": {name: {**field, "position": at} for at, (name, field) in enumerate(_OPTIONS.items())},
        }
    ),
]
