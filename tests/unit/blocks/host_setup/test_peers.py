"""The certificates by which the machines of one manager know each other, as the role `peers` has openssl make them."""

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from blocks.resources import ROOT

pytestmark = pytest.mark.unit

ROLE = ROOT / "playbooks/roles/peers/tasks/main.yml"
NAME = "subjectAltName=IP:10.0.0.4"
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


def made(folder: Path) -> Path:
    """Make the certificate of a machine, 10.0.0.6, by the role's own command; its key is beside it."""
    [command] = [
        task["ansible.builtin.command"] for task in yaml.safe_load(ROLE.read_text()) if "openssl req" in str(task)
    ]
    *words, _names = command.replace("{{ peers_folder }}", str(folder)).split(" -addext ")
    begin = words[0].partition(" -subj ")[0]
    uses = " ".join(f"-addext {one.strip()}" for one in words[1:])
    openssl(f"{begin.removeprefix('openssl ')} -subj /CN=dockerdriver-g2 {uses} -addext subjectAltName=IP:10.0.0.6")
    return folder / "own.crt"


def openssl(words: str) -> str:
    done = subprocess.run(["openssl", *shlex.split(words)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_machine_is_known_by_its_certificate(tmp_path):
    own = made(tmp_path)
    assert f"{own}: OK" in openssl(f"verify -CAfile {own} -purpose sslserver -verify_ip 10.0.0.6 {own}")


def test_the_key_of_one_machine_makes_no_certificate_of_another_that_is_believed(tmp_path):
    own, forged, names = made(tmp_path), tmp_path / "forged", tmp_path / "names"
    names.write_text(NAME)
    openssl(f"req {KEY} -keyout {forged}.key -out {forged}.csr -subj /CN=forged")
    issuer = f"-CA {own} -CAkey {own.with_suffix('.key')} -set_serial 1"
    openssl(f"x509 -req -in {forged}.csr {issuer} -extfile {names} -days 9 -out {forged}.crt")
    said = openssl(f"verify -CAfile {own} -purpose sslserver -verify_ip 10.0.0.4 {forged}.crt")
    assert "invalid CA certificate" in said
