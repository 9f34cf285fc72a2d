"""How commands end where signs are lacking, nobody listens, or somebody stops them: real ones."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from bench.data import cache
from bench.outcome import DONE
from bench.store import Store

PUBLISHED = Path(__file__).parents[2] / "reports/published/speed"
TITLE = "±2 ×3 → 小"
SPELT = {"ascii": "+-2 x3 -> ?", "latin-1": "±2 ×3 -> ?", "cp437": "±2 x3 -> ?", "utf-8": TITLE}
PLAIN_C = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
#: What a machine may be like, and the encoding that standard output has there.
ENVIRONMENTS = {
    "latin-1": ({"PYTHONIOENCODING": "latin-1"}, "latin-1"),
    "ascii": ({"PYTHONIOENCODING": "ascii"}, "ascii"),
    "ascii, strictly": ({"PYTHONIOENCODING": "ascii:strict"}, "ascii"),
    "code page 437": ({"PYTHONIOENCODING": "cp437"}, "cp437"),
    "C": ({"LC_ALL": "C"}, "utf-8"),
    "C as it was": ({"LC_ALL": "C", **PLAIN_C}, "ascii"),
    "POSIX as it was": ({"LC_ALL": "POSIX", **PLAIN_C}, "ascii"),
    "no such locale": ({"LC_ALL": "xx_YY.UTF-8", "PYTHONIOENCODING": "utf-8"}, "utf-8"),
    "colours": ({"FORCE_COLOR": "1", "PYTHONIOENCODING": "ascii"}, "ascii"),
    "nobody": ({"PYTHONIOENCODING": "ascii", "TERM": "dumb"}, "ascii"),
}  # fmt: skip
#: A user without home and entry in the user database, as containers have; both are taken away.
NOBODY = """\
import os
import pwd

os.environ.pop("HOME", None)

def nobody(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = nobody
"""
SMALL = """\
title = "Small ± → 小"
summary = "One cell ± → 小."

[comparison.scratch]
summary = "x"
match_to = "lstm"
hidden_size = 8
num_layers = 1

[[grid]]
probe = "gradient"
comparison = "scratch"
task = "package"
threads = 1
length = 16
arm = "lstm"
batch_size = 2
steps = 1
"""


def command(*arguments, **options):
    """Started as a user does; tests in the background of a shell would have Ctrl-C ignored."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        preexec_fn=options.pop("first", undo),
        **options,
    )


def undo():
    """Nothing is ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "report"
    shutil.copytree(PUBLISHED, folder, ignore=shutil.ignore_patterns("figures", "tables", "*.gz"))
    path = folder / "claim.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"title": TITLE}))
    return folder


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_signs_that_an_output_lacks_are_spelt_in_others(name, report, tmp_path):
    changes, encoding = ENVIRONMENTS[name]
    (tmp_path / "sitecustomize.py").write_text(NOBODY if name == "nobody" else "")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    env = kept | changes | {"PYTHONPATH": str(tmp_path)}
    process = command("cite", str(report), env=env)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, b"")
    assert SPELT[encoding] in out.decode(encoding)


def test_a_sweep_of_nobody_on_an_ascii_output(rvt, tmp_path):
    """Its caches are where they were asked for, as there is no home that they could be in."""
    (tmp_path / "sitecustomize.py").write_text(NOBODY)
    (tmp_path / "small.toml").write_text(SMALL)
    done = rvt(
        "run", str(tmp_path / "small.toml"), "--output", str(tmp_path),
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "ascii", "FORCE_COLOR": "1",
            "LC_ALL": "C", "XDG_CACHE_HOME": str(cache.root().parent),
        },
    )  # fmt: skip
    assert done.code == 0, done.out + done.err
    assert "Traceback" not in done.err
    assert "Small +- -> ?: preparing 1 of 1 cells" in done.out
    assert "\x1b" not in done.out
    with Store(tmp_path / "small") as store:
        assert [record["status"] for record in store.records()] == [DONE]
    assert "小" in (tmp_path / "small" / "README.md").read_text(encoding="utf-8")


def test_without_a_home_the_cache_is_where_it_was_asked_for_or_cannot_be(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NOBODY)
    code = "from bench.data import cache; print(cache.root())"
    env = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"}
    for more, root in (
        ({"XDG_CACHE_HOME": "/asked/for"}, "/asked/for/rnn-vs-transformer"),
        ({}, "/dev/null/rnn-vs-transformer"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=env | {"PYTHONPATH": str(tmp_path)} | more,
        )  # fmt: skip
        assert done.stdout.strip() == root


def test_an_output_that_is_closed_or_that_nobody_reads_is_no_error():
    read, write = os.pipe()
    os.close(read)
    for options in ({"stdout": write}, {"first": lambda: os.close(1)}):
        process = command("ls", "studies", **options)
        _, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, b"")
    os.close(write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_that_is_full_is_one_sentence():
    with Path("/dev/full").open("wb") as full:
        process = command("ls", "studies", stdout=full)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 3
    assert err == b"standard output cannot be written: No space left on device\n"


def test_too_little_address_space_is_one_sentence():
    def limited():
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))

    process = command("run", "smoke", "--dry-run", first=limited)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err.startswith(b"expected an address space of 2 GiB or more. Got 0.4 GiB: ")
    assert err.count(b"\n") == 1


STOPS = "import os, signal, time\nos.kill(os.getpid(), signal.{})\ntime.sleep(60)\n"


def test_ctrl_c_before_anything_has_begun_ends_it_as_any_process(tmp_path):
    """A module of the command line's own, which is loaded first, is where it is pressed."""
    (tmp_path / "typer.py").write_text(STOPS.format("SIGINT"))
    process = command("--help", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert process.communicate(timeout=300) == (b"", b"")
    assert process.returncode == -signal.SIGINT, "which a shell calls 130"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_whatever_stops_a_sweep_the_command_that_resumes_is_printed(name, code, tmp_path):
    """At once, while what a sweep needs is being loaded."""
    (tmp_path / "pandas.py").write_text(STOPS.format(name))
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    process = command("run", "smoke", "--fresh", "--output", str(tmp_path), env=env)
    _, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert err.decode() == (
        "\ninterrupted; what has ended is kept. Resume with:\n"
        f"  rvt run smoke --output {tmp_path}\n"
    )


#: A command that shows a bar and waits, in the way that all commands are run.
WAITS = """\
import time
import typer
from bench.tools import ending
from bench.tools.console import console
from bench.tools.display import Display

app = typer.Typer(cls=ending.Commands, pretty_exceptions_enable=False)

@app.callback()
def begin():
    pass

@app.command()
def run():
    with Display(console(80)).progress(1.0):
        print("up", flush=True)
        time.sleep(60)

ending.main(app)
"""


@pytest.fixture
def waiting():
    """Such a command, alone on a terminal of its own; the terminal's other end; what came of it."""
    leader, follower = pty.openpty()

    def first():
        undo()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that it is told when the terminal is closed

    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, "run"],
        stdin=follower, stdout=follower, stderr=follower,
        start_new_session=True,
        preexec_fn=first,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(follower)
    seen = ""
    while "up" not in seen:
        seen += os.read(leader, 4096).decode()
    yield process, leader, seen
    process.kill()
    process.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_terminal_has_its_cursor_back(waiting, number, code):
    process, leader, seen = waiting
    assert "\x1b[?25l" in seen, "hidden while the bar is there"
    process.send_signal(number)
    while True:
        try:
            seen += os.read(leader, 4096).decode()
        except OSError:  # the other end is closed
            break
    os.close(leader)
    assert process.wait(timeout=300) == code
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "Resume with:\r\n  rvt run" in plain
    assert "Traceback" not in plain


def test_a_terminal_that_is_closed_ends_it_in_order(waiting):
    process, leader, _ = waiting
    os.close(leader)
    assert process.wait(timeout=300) == 129
