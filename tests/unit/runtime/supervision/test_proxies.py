"""Proxies of the environment in all their spellings: no word of it may keep Prefect's clients from loopback."""

import ssl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.supervision.proxies import left_out, without_unreadable

pytestmark = pytest.mark.unit

TRUST = ssl.create_default_context()  # takes longer than all else here
OURS = "127.0.0.1,localhost,::1"
WORDS = [
    "[::1]",
    "[2001:db8::1]:443",
    "fd00::/8",
    "::1/128",
    "10.0.0.0/8",
    "*.example",
    ".example",
    "b\u00fccher.example",
]
WORDS += ["host:8080", "host:x", "http://host/", "<local>", "'a'", "%", "@", "fe80::1%eth0", "[::1", "::/0"]


def past(said: str) -> str:
    return without_unreadable({"NO_PROXY": said})["no_proxy"].removesuffix(f",{OURS}")


def of_the_stack(monkeypatch, said: dict[str, str]) -> httpx.Client:
    """A client in an environment with these proxies, as the stack's processes get it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in without_unreadable(said).items():
        monkeypatch.setenv(name, value)
    return httpx.Client(verify=TRUST)


@pytest.mark.parametrize("word", WORDS)
def test_no_word_of_no_proxy_keeps_a_client_from_being_made(monkeypatch, word):
    of_the_stack(monkeypatch, {"HTTP_PROXY": "http://proxy.example:3128", "NO_PROXY": f"intern.example,{word}"}).close()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("[::1], intern.example", "::1,intern.example,127.0.0.1,localhost"),
        ("[2001:DB8:0::1]:443", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1"),
        (".b\u00fccher.example", ".xn--bcher-kva.example"),
        ("a.example b.example;c.example", "a.example,b.example,c.example"),
        ("10.0.0.0/8,.intern.example,host:8080", "10.0.0.0/8,.intern.example,host:8080"),
    ],
)
def test_what_is_reached_without_a_proxy_is_written_as_every_client_reads_it(said, written):
    assert past(said) == written


def test_both_spellings_of_a_variable_count():
    both = without_unreadable({"NO_PROXY": "a.example", "no_proxy": "b.example,*"})
    assert both["NO_PROXY"] == both["no_proxy"] == "*"


@pytest.mark.parametrize("value", ["socks5://p:1080", "socks5h://p:1080", "p:x", " http://p:3128 x:y", "direct://"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_no_client_of_ours_speaks_is_left_out(monkeypatch, name, value):
    of_the_stack(monkeypatch, {name: value}).close()
    assert name not in without_unreadable({name: value})


@pytest.mark.parametrize("value", ["http://p:3128", "https://u:s@p:3128/", "p:3128", "http://[::1]:3128", ""])
def test_any_other_proxy_stays_as_it_is(monkeypatch, value):
    of_the_stack(monkeypatch, {"https_proxy": value}).close()
    assert without_unreadable({"https_proxy": value})["https_proxy"] == value


def test_what_is_left_out_is_told_without_a_password():
    said = left_out({"ALL_PROXY": "socks5://u:secret@p", "NO_PROXY": "fd00::/8,a.example", "no_proxy": "fd00::/8"})
    assert [sentence.partition(": the stack")[0] for sentence in said] == ["ALL_PROXY", "NO_PROXY: 'fd00::/8'"]
    assert "secret" not in "".join(said)


@given(st.text(max_size=40))
def test_what_is_written_is_written_the_same_again(said):
    once = without_unreadable({"NO_PROXY": said})
    assert without_unreadable(once) == once
    assert left_out(once) == []
