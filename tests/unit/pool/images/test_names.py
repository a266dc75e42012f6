"""Names of images: every spelling of one has the same canonical form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.errors import BadRequest
from pool.images.names import catalogue_name, read_name, tags_of

pytestmark = pytest.mark.unit

DIGEST = "sha256:" + "0" * 64
LABELS = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)?", fullmatch=True)
DOMAINS = st.one_of(
    st.sampled_from(["", "docker.io/", "localhost/", "localhost:5000/", "[2001:db8::1]:5000/", "Registry.example/"]),
    st.from_regex(r"[a-zA-Z0-9]{1,9}\.[a-z]{2,5}(:[0-9]{2,4})?/", fullmatch=True),
)
PATHS = st.lists(LABELS, min_size=1, max_size=3).map("/".join)
TAGS = st.one_of(st.just(""), st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
REFERENCES = st.builds("{}{}{}{}".format, DOMAINS, PATHS, TAGS, st.sampled_from(["", f"@{DIGEST}"]))


@pytest.mark.parametrize(
    "spelling", ["lab", "lab:latest", "library/lab", "docker.io/library/lab", "docker.io/lab", "localhost/lab:latest"]
)
def test_one_image_has_one_name(spelling):
    assert catalogue_name(spelling) == "lab"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("docker.io/rocker/rstudio:4.4", "rocker/rstudio:4.4"),
        ("index.docker.io/rocker/rstudio:latest", "rocker/rstudio"),
        ("registry.hub.docker.com/library/lab:1", "lab:1"),
        ("localhost:5000/team/lab:latest", "localhost:5000/team/lab"),
        ("Quay.IO/team/lab:1", "quay.io/team/lab:1"),
        ("[2001:DB8:0:0::1]:5000/lab:1", "[2001:db8::1]:5000/lab:1"),
        (f"docker.io/library/lab@{DIGEST}", f"lab@{DIGEST}"),
    ],
)
def test_what_need_not_be_said_is_left_out(spelling, name):
    assert str(read_name(spelling)) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "LAB",
        "a b",
        "a:b:c",
        "../x",
        "x/",
        "lab:",
        "lab@sha256:1",
        f"lab@{DIGEST}0",
        "[::x]/lab",
        "docker.io/quay.io/a",
        "é",
    ],
)
def test_what_is_no_reference_is_refused_with_an_example(text):
    with pytest.raises(BadRequest, match=r"such as|cannot be a folder|no IPv6 address|has not 64"):
        read_name(text)
    assert catalogue_name(text) == text


@given(st.one_of(REFERENCES, st.text(max_size=40)))
def test_the_canonical_form_is_canonical_and_says_the_same(text):
    try:
        name = read_name(text)
    except BadRequest:
        return
    assert read_name(str(name)) == name
    assert read_name(str(name)).tagged == name.tagged


def test_a_capital_letter_makes_no_registry_of_a_folder():
    with pytest.raises(BadRequest, match="write Rocker in lower case"):
        read_name("Rocker/rstudio")


def test_engines_get_tags_but_for_pinned_versions_and_names_that_older_ones_refuse():
    names = ["lab", "team/lab:4", "localhost:5000/lab", f"lab@{DIGEST}", "[2001:db8::1]:5000/lab:1"]
    assert tags_of(names) == ["lab:latest", "team/lab:4", "localhost:5000/lab:latest"]
