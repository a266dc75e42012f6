"""What the services stand on: MariaDB and RabbitMQ, without systemd."""

import shutil
import subprocess
from pathlib import Path

from tests.rigs.openstack.configuration import EPMD, HOST, RABBIT, RABBIT_PEERS
from tests.rigs.openstack.processes import Processes

# Nothing here has to survive a loss of power
UNSAFE = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=16M",
    "--sync-binlog=0",
)


def socket(run: Path) -> Path:
    """Where MariaDB listens."""
    return run / "socket/mysql.sock"


def make_database_files(keep: Path) -> None:
    """An empty set of database files."""
    data = keep / "mysql"
    data.mkdir()
    shutil.chown(data, "mysql")
    options = ("--user=mysql", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db")
    done = subprocess.run(["mariadb-install-db", *options, *UNSAFE], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mariadb-install-db failed: {done.stdout[-2000:]}")


def start_mariadb(processes: Processes, run: Path, keep: Path) -> None:
    """The databases, as their own user, on a socket alone."""
    processes.start(
        "mariadb",
        "mariadbd",
        "--no-defaults",
        "--user=mysql",
        f"--datadir={keep}/mysql",
        f"--socket={socket(run)}",
        f"--pid-file={run}/socket/mysql.pid",
        "--skip-networking",
        "--skip-name-resolve",
        "--max-connections=500",
        "--performance-schema=0",
        "--innodb-buffer-pool-size=128M",
        *UNSAFE,
    )


def start_rabbitmq(processes: Processes, run: Path) -> None:
    """The message broker, and the name service of its language, which would otherwise outlive it."""
    processes.start("epmd", "epmd", "-port", EPMD, "-address", HOST)
    nothing = run / "none"
    processes.start(
        "rabbitmq",
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
        RABBITMQ_NODENAME="rig@localhost",
        RABBITMQ_NODE_IP_ADDRESS=HOST,
        RABBITMQ_NODE_PORT=RABBIT,
        RABBITMQ_DIST_PORT=RABBIT_PEERS,
        RABBITMQ_MNESIA_BASE=run / "rabbit",
        RABBITMQ_LOG_BASE=run / "log",
        RABBITMQ_LOGS="-",
        RABBITMQ_ENABLED_PLUGINS_FILE=nothing,
        RABBITMQ_CONF_ENV_FILE="/dev/null",
        RABBITMQ_CONFIG_FILE=nothing,
        RABBITMQ_PID_FILE=run / "rabbit.pid",
    )
