"""What an installed `dockerdriver up` says on a machine that lacks packages."""

import pytest

from pool.errors import Refused
from runtime.command.packages import check_packages

pytestmark = pytest.mark.unit


def test_a_machine_whose_processes_systemd_keeps_needs_no_engine(tmp_path):
    (tmp_path / "bootstrap.sh").write_text('[ "$DD_ENGINE_URL" = none ] || echo "docker.io  the Docker Engine"')
    check_packages(tmp_path / "bootstrap.sh", engine=False)
    with pytest.raises(Refused, match=r"docker\.io"):
        check_packages(tmp_path / "bootstrap.sh")


def test_missing_packages_are_named_in_one_sentence_with_the_command_that_installs_them(tmp_path):
    (tmp_path / "bootstrap.sh").write_text("echo 'nginx  the gateway'; echo 'zstd  sending images'")
    with pytest.raises(Refused, match=r"nginx \(the gateway\), zstd \(sending images\); .*recommends nginx zstd`"):
        check_packages(tmp_path / "bootstrap.sh")


def test_a_machine_that_lacks_nothing_is_not_refused(tmp_path):
    (tmp_path / "bootstrap.sh").touch()
    check_packages(tmp_path / "bootstrap.sh")
