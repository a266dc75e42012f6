"""Texts of settings and commands: lists, spans, sizes, timetables, addresses, networks, users, proxies and the like.

``make fuzz NAME=settings SECONDS=600``.

Each text is given to every parser. What one takes is a value that it reads again from its own spelling.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pool.errors import BadRequest
from pool.moments import Period, minute, read_since
from pool.names import check_user, one_spelling
from pool.notation import read_list, read_megabytes, read_seconds, write_list
from pool.origins import canonical_host, canonical_url, listening_address, registry_address
from pool.printable import is_printable
from pool.setup_version import read_address_pools, read_bridge, read_networks
from pool.store.engine import shown
from pool.timetable import read_timetable, split_timetable
from pool.what_if.classes import read_class
from runtime.command.install_registry import split_address
from runtime.supervision.proxies import left_out, without_unreadable
from tests.fuzz.rounds import fuzz, words_of

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
PARTS = """[ ] " , ; \\ 5m 1h 30min 2d 10 MB GiB 1TB - / : . = % Mon-Fri Mon,Wed 08:45-12:00: 24:00 https:// http://
today 2026-01-05 T14:30 +14:00 Z 60@Mon09:00 :5000
nb.example.org bücher.example xn-- :443 /v2/ 2Gi [2001:db8::1] 10.0.0.0/8 172.17.0.1/16 172.30.0.0/16:24 ::/0 @ # ?"""
TEXTS = words_of(PARTS, " ", "\n", "\u200d", "\u3000", "\u0663", "\0")


def _list(text: str) -> None:
    words = read_list(text)
    assert read_list(write_list(words)) == words


def _number(text: str) -> None:
    number = read_seconds(text)
    assert number >= 0
    assert read_seconds(str(number)) == number


def _size(text: str) -> None:
    size = read_megabytes(text)
    assert size >= 0
    assert read_megabytes(f"{size}M") == size


def _timetable(text: str) -> None:
    lines = split_timetable(text)
    read_timetable(lines, "Europe/Berlin")
    assert split_timetable(write_list(lines)) == lines


def _url(text: str) -> None:
    url = canonical_url(text)
    assert canonical_url(url) == url
    assert url.isascii() or "/" in url.partition("://")[2]  # a path is the operator's own


def _host(text: str) -> None:
    host = canonical_host(text)
    assert host.isascii()
    assert canonical_host(host) == host == host.lower()


def _registry(text: str) -> None:
    address = registry_address(text)
    assert registry_address(address) == address
    assert address.isascii()


def _networks(text: str) -> None:
    networks = read_networks([text])
    assert read_networks(networks) == networks


def _bridge(text: str) -> None:
    bridge = read_bridge(text)
    assert read_bridge(bridge) == bridge


def _listening(text: str) -> None:
    address = listening_address(text)
    assert listening_address(address) == address


def _database(text: str) -> None:
    shown(f"postgres://{text}")


def _user(text: str) -> None:
    name = one_spelling(text)
    assert one_spelling(name) == name
    check_user(name)


def _proxies(text: str) -> None:
    read = without_unreadable({"NO_PROXY": text, "HTTP_PROXY": text})
    assert without_unreadable(read) == read
    assert left_out(read) == []


def _moment(text: str) -> None:
    moment = read_since(text, NOW)
    assert moment.utcoffset() == timedelta(0)
    begin, end = Period(text).ends(NOW)
    assert begin < end
    assert minute(begin).endswith(" UTC")


def _class(text: str) -> None:
    one = read_class(text)
    assert (one.users >= 0, one.weekday in range(7), one.lasts.total_seconds() > 0) == (True, True, True)


def _port(text: str) -> None:
    name, port = split_address(text)
    assert name
    assert 0 < port < 65536


def _pools(text: str) -> None:
    pools = read_address_pools([text])
    assert read_address_pools(f"{base}:{size}" for base, size in pools) == pools


PARSERS = (
    _list,
    _number,
    _size,
    _timetable,
    _url,
    _host,
    _registry,
    _networks,
    _bridge,
    _pools,
    _moment,
    _class,
    _port,
    _listening,
    _database,
    _user,
)


def check(text: str) -> None:
    """Give the text to every parser.

    Raises:
        BadRequest: none but the list's and the user's took it.
    """
    _proxies(text)
    refusals = [error for parser in PARSERS if (error := _refusal(parser, text))]
    assert all(is_printable(str(error)) and len(str(error)) < 1000 for error in refusals), refusals
    if len(refusals) >= len(PARSERS) - 2:
        raise refusals[0]


def _refusal(parser: Callable[[str], object], text: str) -> BadRequest | None:
    try:
        parser(text)
    except BadRequest as error:
        return error
    return None


if __name__ == "__main__":
    fuzz(__doc__, TEXTS, check)
