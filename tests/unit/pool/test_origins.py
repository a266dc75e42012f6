"""Addresses in the form that browsers send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.errors import BadRequest
from pool.origins import canonical_host, canonical_url, registry_address

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://nb.example.org:443", "https://nb.example.org"),
        ("http://nb.example.org:80/", "http://nb.example.org"),
        ("https://nb.example.org:80", "https://nb.example.org:80"),
        ("HTTPS://NB.example.org.", "https://nb.example.org"),
        ("https://b\u00fccher.example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]"),
        ("https://nb.example.org/lab/", "https://nb.example.org/lab"),
    ],
)
def test_an_address_has_one_spelling(text, url):
    assert canonical_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "nb.example.org", "ftp://x", "https://", "https://x:0", "https://x:99999", "https://x?a", "https://a b"],
)
def test_what_is_no_address_of_a_site_is_refused(text):
    with pytest.raises(BadRequest):
        canonical_url(text)


@pytest.mark.parametrize("name", ["nb..example.org", ".example.org", f"{'a' * 64}.org", "."])
def test_a_name_has_labels_that_the_domain_name_system_can_hold(name):
    with pytest.raises(BadRequest, match="cannot be the name of a host"):
        canonical_host(name)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://registry.example:5000/", "registry.example:5000"),
        ("registry.example:5000", "registry.example:5000"),
        ("b\u00fccher.example:5000", "xn--bcher-kva.example:5000"),
        ("[2001:DB8:0::1]:5000", "[2001:db8::1]:5000"),
        ("HTTPS://Registry.Example.:5000/v2/", "registry.example:5000"),
        (" registry:443 ", "registry:443"),
        ("", ""),
    ],
)
def test_a_registry_is_a_host_and_a_port(text, address):
    assert registry_address(text) == address
    assert registry_address(address) == address


@pytest.mark.parametrize(
    "text",
    ["http://registry:5000", "registry.example/team", "u:secret@registry", "registry:x", "a b", "registry:99999"],
)
def test_what_is_no_registry_is_refused_without_a_password(text):
    with pytest.raises(
        BadRequest, match=r"is no address of a registry such as|cannot be the name of a host"
    ) as refusal:
        registry_address(text)
    assert "secret" not in str(refusal.value)


NAMES = st.one_of(st.text(max_size=12), st.from_regex(r"[a-zA-Z0-9\u00e0-\u00f6.-]{1,20}", fullmatch=True))


@given(st.sampled_from(["http", "https", "HTTPS"]), NAMES, st.sampled_from(["", ":80", ":443", ":8000", "/"]))
def test_the_canonical_form_is_canonical(scheme, host, rest):
    try:
        url = canonical_url(f"{scheme}://{host}{rest}")
    except BadRequest:
        return
    assert canonical_url(url) == url
