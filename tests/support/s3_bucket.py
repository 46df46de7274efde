"""A bucket of a real S3 server on this machine: moto's, which is asked by s3fs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

#: neither can be among the project's own packages: s3fs needs another version of dateutil
PACKAGES = ("s3fs", "moto.server")
HOW = "pip install s3fs 'moto[server]' 'python-dateutil<3'"
_NAME = "scratch"


class Bucket:
    """A bucket and the environment in which s3fs reaches it.

    Attributes:
        address: of a folder in it.
        variables: credentials and the server's address.
    """

    address = f"s3://{_NAME}/runs"

    def __init__(self, port: int) -> None:
        self.variables = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }

    def files(self) -> list[str]:
        """Names of all objects."""
        found: list[str] = self._store().find(_NAME)
        return found

    def make(self) -> None:
        self._store().mkdir(_NAME)

    def _store(self) -> Any:
        import fsspec

        return fsspec.filesystem(
            "s3",
            key=self.variables["AWS_ACCESS_KEY_ID"],
            secret=self.variables["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            use_listings_cache=False,
        )


def missing() -> list[str]:
    """Packages that a bucket needs and that are not installed."""
    return [name for name in PACKAGES if find_spec(name.split(".")[0]) is None]


@contextlib.contextmanager
def s3_bucket() -> Iterator[Bucket]:
    """An empty bucket; the server ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for(port)
            made = Bucket(port)
            made.make()
            yield made
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30.0
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            assert time.monotonic() < end, "the S3 server does not start"
            time.sleep(0.05)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket that this process and those it begins can reach."""
    if gone := missing():
        pytest.skip(f"without {', '.join(gone)}: {HOW}")
    with s3_bucket() as made:
        for name, value in made.variables.items():
            monkeypatch.setenv(name, value)
        yield made
