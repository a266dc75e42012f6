"""Of the machine's package sources, an image gets those of its own release, with what is needed to trust them."""

from pathlib import Path

import pytest

from pool.errors import DockerDriverError
from runtime.builds.package_sources import ONE_LINE, STANZAS, machine_files, reaching_settings

pytestmark = pytest.mark.unit

NOWHERE = "http://archive.test/d"  # .test is reserved: no such host exists
STANZA = "Types: deb\nURIs: http://archive.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"


@pytest.fixture
def machine(tmp_path):
    """A machine's file tree: give it path → text."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return write


def test_entries_of_other_releases_and_of_sources_are_left_out(machine):
    others = f"deb {NOWHERE} trixie main\ndeb-src {NOWHERE} bookworm main\n"
    root = machine(**{"etc/apt/sources.list": f"deb {NOWHERE} bookworm main\n" + others})
    files = machine_files("bookworm", root)
    assert files[ONE_LINE].decode() == f"deb {NOWHERE} bookworm main\n"


def test_updates_and_security_belong_to_the_release(machine):
    lines = f"deb [arch=amd64] {NOWHERE} bookworm-updates main\ndeb {NOWHERE} bookworm/updates main\n"
    files = machine_files("bookworm", machine(**{"etc/apt/sources.list.d/more.list": lines}))
    assert files[ONE_LINE].decode() == lines


def test_stanzas_that_are_disabled_or_of_another_release_are_left_out(machine):
    other, disabled = STANZA.replace("bookworm", "sid"), STANZA + "Enabled: no\n"
    root = machine(**{"etc/apt/sources.list.d/d.sources": "\n".join([other, "# ours\n" + STANZA, disabled])})
    assert machine_files("bookworm", root)[STANZAS].decode() == STANZA


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "etc/apt/sources.list",
            "deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://archive.test/d bookworm main\n",
        ),
        ("etc/apt/sources.list.d/d.sources", STANZA + "Signed-By: /usr/share/keyrings/k.gpg\n"),
    ],
)
def test_the_keyring_that_an_entry_names_comes_along(machine, name, text):
    root = machine(**{name: text, "usr/share/keyrings/k.gpg": "key", "etc/apt/trusted.gpg.d/other.gpg": "other"})
    files = machine_files("bookworm", root)
    assert files["usr/share/keyrings/k.gpg"] == b"key"
    assert "etc/apt/trusted.gpg.d/other.gpg" not in files


def test_an_entry_without_a_keyring_brings_those_that_the_machine_trusts(machine):
    root = machine(**{"etc/apt/sources.list.d/d.sources": STANZA, "etc/apt/trusted.gpg.d/all.asc": "key"})
    assert machine_files("bookworm", root)["etc/apt/trusted.gpg.d/all.asc"] == b"key"


def test_apt_settings_that_reach_the_sources_come_along_and_no_others():
    dump = 'Acquire::http::Proxy "http://proxy.test:3128";\nAPT::Install-Recommends "false";\nAcquire::cdrom "";\n'
    assert reaching_settings(dump) == 'Acquire::http::Proxy "http://proxy.test:3128";\n'


def test_a_password_in_an_address_is_refused_and_not_repeated(machine):
    secret = NOWHERE.replace("//", "//me:geheim@")
    root = machine(**{"etc/apt/sources.list": f"deb {secret} bookworm main\n"})
    with pytest.raises(DockerDriverError, match="holds a password") as refused:
        machine_files("bookworm", root)
    assert "geheim" not in str(refused.value)


def test_a_machine_without_a_source_of_the_release_is_refused(machine):
    with pytest.raises(DockerDriverError, match="names bookworm"):
        machine_files("bookworm", machine(**{"etc/apt/sources.list": f"deb {NOWHERE} sid main\n"}))
