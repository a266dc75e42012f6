"""What a webhook is told, where it may be, and its signature, which openssl makes as well."""

import json
from datetime import UTC, datetime

import pytest

from pool.changes import Change, Noun
from pool.errors import BadRequest
from pool.reports.webhooks import Message, check_url, headers, key_of, message_of
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # base64 of 0123456789abcdef, twice
#: printf 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:30313233… -binary | base64
BY_OPENSSL = "v1,LfBVyr1Ojqs2RU1DIPrvVichkcHCm2jVdF+09aYCZ4Q="


def test_the_signature_is_over_id_moment_and_body():
    sent_at = datetime.fromtimestamp(1614265330, UTC)
    said = headers(Message("msg_1", b'{"a":1}'), [key_of(SECRET)], sent_at)
    assert (said["webhook-id"], said["webhook-timestamp"]) == ("msg_1", "1614265330")
    assert said["webhook-signature"] == BY_OPENSSL


def test_while_a_secret_is_replaced_both_sign():
    both = headers(Message("msg_1", b""), [key_of(SECRET), b"x" * 24], NOW)["webhook-signature"].split()
    assert [signature[:3] for signature in both] == ["v1,", "v1,"]
    assert both[0] != both[1]


def test_a_message_tells_what_an_event_tells_and_has_an_id_that_stays():
    change = Change(7, NOW, Noun.INSTANCE, "alice-1", "main", "failed", "no room", "main-01", "alice")
    message = message_of(change, "dd-3fa9c1")
    told = json.loads(message.body)
    assert (message.id, told["type"], told["timestamp"]) == (
        "dd-3fa9c1-7",
        "dockerdriver.instance.failed",
        "2026-01-05T08:00:00+00:00",
    )
    assert told["data"] == {
        "instance_id": "alice-1",
        "state": "failed",
        "reason": "no room",
        "pool": "main",
        "host": "main-01",
        "user": "alice",
    }


@pytest.mark.parametrize(
    "url", ["https://my.example.org/hook?of=a", "http://127.0.0.1:9/", "http://localhost:9", "http://[::1]/x"]
)
def test_a_webhook_has_tls_or_is_on_this_machine(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://my.example.org/hook",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1@my.example.org/",
        "https://user:word@my.example.org/",
        "https://",
        "https://my.example.org:port/",
        "https://my.example.org/a b",
        "https://[::1",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
    ],
)
def test_no_other_address_is_a_webhook(url):
    with pytest.raises(BadRequest, match="begins with https://"):
        check_url(url)


@pytest.mark.parametrize("secret", ["", "short", "not base64!", "QUJD", SECRET[:-2]])
def test_what_is_no_secret_is_refused_and_not_quoted(secret):
    with pytest.raises(BadRequest, match="base64 of 24 to 64 bytes") as refused:
        key_of(secret)
    assert not secret or secret not in str(refused.value)


def test_a_secret_may_have_the_prefix_of_the_specification():
    assert key_of(f"whsec_{SECRET}") == key_of(SECRET)
