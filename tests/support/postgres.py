"""A PostgreSQL server of the tests' own, with passwords; gone when they are done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

USER = "tuner"
#: with everything in it that an address must encode
PASSWORD = "s3cr{e}t @:/?#%&=+ü'x"


@dataclass(frozen=True)
class Server:
    """Where it listens: 127.0.0.1 and a socket in `folder`, both asking for a password."""

    port: int
    folder: Path

    def url(self, database: str = "postgres", *, password: str = PASSWORD, query: str = "") -> str:
        """An address with everything encoded."""
        user = f"{USER}:{quote(password, safe='')}"
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{query}"

    def run(self, statement: str) -> None:
        """Run one statement as the administrator."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian does not put on the PATH."""
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True)
        found.append(Path(answer.stdout.strip()))
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "pg_ctl").is_file()), None)


@contextmanager
def running(bin_folder: Path) -> Iterator[Server]:
    """A server on an empty cluster; flushing to the disk is off, as it never outlives a crash."""
    folder = Path(tempfile.mkdtemp(prefix="fadefollow-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # PostgreSQL refuses to run as root
    user = ("postgres" if _exists("postgres") else "nobody") if os.geteuid() == 0 else None
    secret, data = folder / "password", folder / "data"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    if user is not None:
        for path in (folder, secret):
            shutil.chown(path, user)

    def call(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(bin_folder / program), "-D", str(data), *arguments],
            cwd=folder,
            user=user,
            extra_groups=None if user is None else [],
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout or (folder / "log").read_text()

    try:
        call(
            "initdb",
            "-A",
            "scram-sha-256",
            "-U",
            USER,
            f"--pwfile={secret}",
            "--no-sync",
            "-E",
            "UTF8",
        )
        settings = (
            f"-p {port} -k {folder} -F -c listen_addresses=127.0.0.1 -c max_connections=20"
            " -c shared_buffers=16MB"
        )
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield Server(port, folder)
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exists(user: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
