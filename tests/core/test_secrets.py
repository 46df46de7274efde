"""Addresses are shown, recorded and quoted without the credentials in them."""

from __future__ import annotations

import subprocess
import sys
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fadefollow.core.secrets import Address, redact_argv, redacted, scrub

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql://bob:pw@db.example:5432/tunes?sslmode=require",
            "postgresql://***@db.example:5432/tunes?sslmode=require",
        ),
        ("postgresql://bob@db.example/tunes", "postgresql://***@db.example/tunes"),
        ("postgresql://db.example/tunes?password=pw", "postgresql://db.example/tunes?password=***"),
        (
            "postgresql:///tunes?host=/run&user=bob&sslpassword=pw&passw%6Frd=pw",
            "postgresql:///tunes?host=/run&user=bob&sslpassword=***&passw%6Frd=***",
        ),
        (
            "postgresql://b:%40%2F@[::1]:5432,other:5433/t",
            "postgresql://***@[::1]:5432,other:5433/t",
        ),
        ("sqlite:////data/tunes.db", "sqlite:////data/tunes.db"),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("reports/runs/carry.log", "reports/runs/carry.log"),
        (r"C:\runs\carry.log", r"C:\runs\carry.log"),
        ("host=db user=bob password='a b' port=1", "host=db user=bob password=*** port=1"),
    ],
)
def test_what_is_shown_of_an_address(url, shown):
    assert redacted(url) == shown
    assert str(Address(url)) == shown
    assert repr(Address(url)) == f"Address({shown!r})"
    assert Address(url).reveal() == url


@pytest.mark.parametrize("password", ["p/w", "p@w", "p?w", "p#w", "p w", "p%w", "a@b/c?d=e@"])
def test_a_password_that_is_not_encoded_hides_the_whole_address(password):
    assert redacted(f"postgresql://bob:{password}@db.example/tunes") == "postgresql://***"


def test_a_password_without_its_host_hides_the_whole_address():
    assert redacted(f"postgresql://bob:{SECRET}/tunes") == "postgresql://***"


@given(st.text(min_size=1, max_size=12), st.sampled_from(["", "@", "/", "?", "#", ":", "&", "%"]))
def test_no_password_is_ever_shown(text, sign):
    password = f"Qq{text}{sign}{SECRET}{sign}{text}qQ"
    for inside in (password, quote(password), quote(password, safe="")):
        assert SECRET not in redacted(f"postgresql://{inside}:x@db.example/tunes")
        for url in (
            f"postgresql://bob:{inside}@db.example/tunes",
            f"postgresql://db.example/tunes?password={inside}",
            f"postgresql://db.example/tunes?sslmode=require&sslpassword={inside}",
        ):
            assert SECRET not in redacted(url)
            argv = [url, f"--storage={url}", f"--storage {url}"]
            assert SECRET not in "".join(redact_argv(argv))
            message = f'FATAL: "{inside}" {password} in {url}'
            assert SECRET not in scrub(message, url)


def test_a_message_keeps_all_but_the_secrets():
    url = "postgresql://bob:top%40secret@db.example/tunes?sslpassword=a+b+c"
    message = f"{url}: role bob, top%40secret or top@secret or a+b+c or a b c at db.example"
    assert scrub(message, url) == (
        "postgresql://***@db.example/tunes?sslpassword=***: role bob,"
        " *** or *** or *** or *** at db.example"
    )


def test_a_message_that_could_tell_a_short_secret_is_withheld():
    url = "postgresql://bob:ab@db.example/tunes"
    assert scrub("connection refused", url) == "connection refused"
    assert scrub("absent", url) == "(withheld: it might show the password)"
    assert scrub("anything", "postgresql://a@b@c") == "(withheld: the address cannot be read)"


def test_a_command_line_keeps_all_but_the_secrets():
    argv = [
        "tune",
        "carry",
        "--trials=200",
        "--params",
        "level=3",
        f"--storage=postgresql://b:{SECRET}@h/d",
        f"postgresql://b:{SECRET}@h/d",
        "--storage",
        f"host=h password={SECRET}",
        "--dask",
        "tcp://h:1",
    ]
    assert redact_argv(argv) == [
        "tune",
        "carry",
        "--trials=200",
        "--params",
        "level=3",
        "--storage=postgresql://***@h/d",
        "postgresql://***@h/d",
        "--storage",
        "host=h password=***",
        "--dask",
        "tcp://h:1",
    ]


def test_a_traceback_with_all_variables_shows_no_secret():
    def fail(address: Address) -> None:
        holder = {"settings": [address]}
        raise ValueError(f"cannot reach {address}, {holder}")

    try:
        fail(Address(f"postgresql://bob:{SECRET}@h/d"))
    except ValueError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert SECRET not in "".join(trace.format())


def test_import_of_secrets_loads_neither_optuna_nor_pandas():
    code = (
        "import sys, fadefollow.core.secrets; "
        "print('optuna' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
