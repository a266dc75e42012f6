"""Where an installation keeps its files and sockets: all follow from its data directory and its namespace."""

import hashlib
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from blocks.env_file import EnvironmentSettings


class InstallationPaths(EnvironmentSettings):
    """The data directory, the name that marks what the installation makes outside, and the paths that follow."""

    model_config = SettingsConfigDict(env_prefix="DD_", populate_by_name=True)

    data: Path = Field(Path(".dockerdriver"), description="The one directory that holds all data.")
    namespace: str = Field(
        "",
        description="Marks all that is made outside; empty: derived from the data directory. Where two managers share"
        " one cloud project, set it.",
    )

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def identity(self) -> str:
        """Short name for this installation, the same for the same data directory: "dd-3fa9c1"."""
        return self.namespace or "dd-" + hashlib.sha256(str(self.data).encode()).hexdigest()[:6]

    @property
    def run_dir(self) -> Path:
        """Sockets and pid files. Not below the data directory: a unix socket's path holds at most 107 bytes."""
        return Path("/run/dockerdriver") / self.identity

    @property
    def playbooks_dir(self) -> Path:
        """What runs of a playbook keep while they run; the workers' own."""
        return self.run_dir / "work"

    @property
    def pool_sqlite(self) -> Path:
        """The pool's database, where SQLite is in use."""
        return self.data / "pool.sqlite"

    @property
    def prefect_sqlite(self) -> Path:
        """The database of Prefect's server, where SQLite is in use; the name is Prefect's."""
        return self.data / "prefect" / "prefect.db"

    @property
    def images_dir(self) -> Path:
        """Image archives, where operators drop theirs."""
        return self.data / "images"

    @property
    def layers_dir(self) -> Path:
        """The layers of wanted images, each kept once; made from the archives, and again if it is deleted."""
        return self.data / "layers"

    @property
    def backups_dir(self) -> Path:
        """Backups of sessions, where the block ``backup-store/main`` names no other place."""
        return self.data / "backups"

    @property
    def courses_dir(self) -> Path:
        """Files of courses: a folder, or a tar archive, for each that has some."""
        return self.data / "courses"

    @property
    def downloads_dir(self) -> Path:
        """Sockets behind links to backups: beside `run_dir`, which is root's alone, for the gateway's workers."""
        return self.run_dir.with_name(f"{self.identity}-downloads")

    @property
    def database_socket(self) -> Path:
        """Folder of the socket of the stack's own PostgreSQL, which belongs to its user: `run_dir` is root's alone."""
        return self.run_dir.with_name(f"{self.identity}-postgres")

    @property
    def redis_socket(self) -> Path:
        """Socket of the Redis between them: beside `run_dir`, which is root's alone, in a folder of their account."""
        return self.run_dir.with_name(f"{self.identity}-redis") / "redis.sock"

    @property
    def gateway_socket(self) -> Path:
        """The gateway's admin socket."""
        return self.run_dir / "gateway.sock"

    @property
    def gateway_snapshot(self) -> Path:
        """The routes that the gateway starts with; holds tokens."""
        return self.data / "routes" / "routes.json"

    @property
    def relay_heard(self) -> Path:
        """When the gateway's relay heard of its manager last."""
        return self.data / "routes" / "heard"

    @property
    def assignments_file(self) -> Path:
        """Which machines of a static cloud are in use; where an older version has it until `make up` moves it."""
        return self.old_assignments_file if self.old_assignments_file.exists() else self.new_assignments_file

    @property
    def old_assignments_file(self) -> Path:
        """In a folder that is root's alone."""
        return self.data / "static-cloud.sqlite"

    @property
    def new_assignments_file(self) -> Path:
        """In a folder that the workers may write in."""
        return self.data / "clouds" / "static.sqlite"
