"""Files in YAML that people write."""

from pathlib import Path
from typing import Any

import yaml

from pool.errors import DockerDriverError


def read_yaml(file: Path, refusal: type[DockerDriverError]) -> Any:
    """Return what a file holds; JSON is YAML, too.

    Args:
        file: in UTF-8.
        refusal: what is raised.

    Raises:
        DockerDriverError: of that kind: it is not there, or not written so: "lab.yaml cannot be read: …, line 3".
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise refusal(f"{file} cannot be read: byte {error.start + 1} is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise refusal(f"{file} cannot be read: {error.problem}{where}") from error
    except OSError as error:
        raise refusal(f"{file} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise refusal(f"{file} cannot be read: {' '.join(str(error).split())}") from error
