"""The file ``dockerdriver.env``: read by one reader, for all settings, whichever block or process they belong to."""

import os
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, Self

from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from pool.errors import BadRequest

ENV_FILE = "dockerdriver.env"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def read_env_file(path: str | Path = ENV_FILE) -> dict[str, str]:
    """Read names and values; nothing where there is no file.

    A variable is filled in where it is set, in the environment or above in the file, or has a default. Else it stays as
    it is written: it is part of a password.

    Raises:
        BadRequest: "dockerdriver.env, line 3: it is not written in UTF-8", or sets nothing.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return {}
    values: dict[str, str] = {}
    for line in parse_stream(StringIO(_text(path, data))):
        _check_sets(path, line)
        if line.key and line.value is not None:
            values[line.key] = _filled(line.value, values | os.environ)
    return values


def _text(path: str | Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRequest(f"{path}, line {line}: it is not written in UTF-8; save the file in that encoding") from None


def _check_sets(path: str | Path, line: Binding) -> None:
    """Refuse what dotenv passes over: the setting that is meant would not count. What is there may be a password."""
    ours = line.key and line.key.upper().startswith("DD_") and line.value is None
    if line.error or ours:
        text = line.original.string
        number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        raise BadRequest(
            f"{path}, line {number}: it sets nothing; write NAME=value, and close the quotes that it opens"
        )


def _filled(value: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found["name"], found["default"] or found[0]), value)


class _File(PydanticBaseSettingsSource):
    """What the file says of a class of settings."""

    def __init__(self, kind: type[BaseSettings], path: Any) -> None:
        super().__init__(kind)
        self._values = {name.upper(): value for name, value in read_env_file(path).items()} if path else {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one field; pydantic reads it from its text."""
        own = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        name = field.validation_alias if isinstance(field.validation_alias, str) else own
        return self._values.get(name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all that the file says."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class EnvironmentSettings(BaseSettings):
    """Settings of the environment, and below it of the file ``dockerdriver.env`` in the working directory."""

    # pydantic reads the file as well, before we can say what is wrong with it: in Latin-1 every byte is a letter.
    model_config = SettingsConfigDict(env_file=ENV_FILE, env_file_encoding="latin-1", extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the file with our own reader."""
        path = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, env_settings, _File(settings_cls, path)

    @classmethod
    def given(cls) -> Self:
        """Read what the operator has set.

        Raises:
            BadRequest: "DD_GATEWAY_PORT cannot be 'x': …"; or the file cannot be read.
        """
        try:
            return cls()
        except ValidationError as error:
            raise wrong_setting(error, cls.model_config.get("env_prefix", "")) from None


def wrong_setting(error: ValidationError, prefix: str = "") -> BadRequest:
    """Say which settings are wrong, and what of each."""
    return BadRequest("; ".join(_what_is_wrong(fault, prefix) for fault in error.errors()))


def _what_is_wrong(fault: Mapping[str, Any], prefix: str) -> str:
    if not fault["loc"]:  # what makes no sense together, in our own words
        return str(fault["ctx"]["error"])
    name = f"{prefix}{str(fault['loc'][0]).upper()}" if prefix else str(fault["loc"][0])
    if fault["type"] == "value_error":  # our own words, which show what may be shown
        return f"{name}: {fault['ctx']['error']}"
    return f"{name} cannot be {fault['input']!r}: {fault['msg']}"
