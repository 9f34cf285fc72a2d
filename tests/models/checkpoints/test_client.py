"""What is asked of a hub, how often, and what is said of every way in which it does not answer."""

import socket
import threading

import pytest
from huggingface_hub import constants

from models.checkpoints import WEIGHTS, CheckpointError, client, find
from models.checkpoints.client import HubError
from tests.models.checkpoints.shared import refusal

TOKEN = "hf_canaryCANARYcanaryCANARYcanary"


def test_hub_errors_are_checkpoint_errors():
    assert issubclass(HubError, CheckpointError)


def test_redirect_leaves_the_token_behind(small, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    small.verify()
    keys = {request.cdn: set() for request in hub.requests}
    for request in hub.requests:
        keys[request.cdn].add(request.headers.get("authorization"))
    assert keys == {False: {f"Bearer {TOKEN}"}, True: {None}}


def test_a_token_in_a_file_is_not_used_unasked(small, hub, monkeypatch, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    small.verify()
    assert not [r for r in hub.requests if "authorization" in r.headers]


def test_passing_server_errors_are_tried_again(small, hub, clock):
    hub.fail.extend([500, 503])
    small.verify()
    assert len(hub.asked("api/models")) == 3
    assert clock.slept == [0.25, 0.5]


def test_no_such_repository_or_commit_without_a_second_try(small, hub):
    absent = find(f"lab/absent@{small.revision}")
    moved = find("lab/small@" + "0" * 40)
    for checkpoint, state in [(absent, "gated"), (moved, "missing")]:
        hub.requests.clear()
        message = refusal(checkpoint)
        assert checkpoint.repo in message
        assert len(hub.requests) == 1
        assert checkpoint.state() == state


def test_an_answer_for_another_commit(small, hub):
    hub.lie = "f" * 40
    message = refusal(small)
    assert f"expected commit {small.revision}" in message
    assert f"Got {'f' * 40}" in message


@pytest.mark.parametrize("status", [401, 403])
def test_gated(status, small, hub):
    hub.gated = status
    message = refusal(small)
    assert f"HTTP {status}" in message
    assert "HF_TOKEN" in message
    assert len(hub.asked("/resolve/")) == 1


def test_404_of_a_file_is_final(small, hub):
    small.state()  # keeps the list
    del hub.repos["lab/small"][small.revision][WEIGHTS]
    message = refusal(small)
    assert f"HTTP 404 for {WEIGHTS}" in message
    assert len(hub.asked(WEIGHTS)) == 1


@pytest.mark.parametrize("kept", [False, True])
def test_server_errors_for_ever_are_bounded(kept, small, hub, clock):
    if kept:
        small.state()
    hub.requests.clear()
    hub.always = 500
    message = refusal(small)
    assert "HTTP 500" in message
    assert len(hub.requests) == 4
    assert clock.slept == [0.25, 0.5, 1.0]


def test_nobody_waits_long_for_an_answer():
    """A machine without a network has its answer in a few seconds."""
    assert sum(client._PAUSES_SEC) < client.DEADLINE_SEC <= 4
    assert client._REQUEST_SEC <= client.DEADLINE_SEC / 2


def test_server_down(small, hub, clock):
    hub.stop()
    message = refusal(small)
    assert clock.slept == [0.25, 0.5, 1.0]
    assert "127.0.0.1" in message
    assert "rvt ls checkpoints" in message
    assert small.state() == "unreachable"


def test_a_server_that_says_nothing(small, monkeypatch, clock):
    monkeypatch.setattr(client, "_REQUEST_SEC", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert "Try again later" in refusal(small)
    assert clock.slept == [0.25, 0.5, 1.0]


def test_a_name_that_nobody_looks_up():
    """Looking up a host's name has no timeout of its own: the call is left to its thread."""
    never = threading.Event()
    with pytest.raises(TimeoutError, match="no answer within"):
        client._in_time(lambda seconds: never.wait(60), 0.1)
    never.set()


@pytest.mark.parametrize("answer", [b"<html>log in first</html>", b"[]", b"{}", b"null"])
def test_what_is_no_hub(answer, small, hub):
    hub.page = answer
    message = refusal(small)
    assert "does not answer as a hub does" in message
    assert len(hub.requests) == 1


def test_silence_for_ever_is_bounded(small, hub, monkeypatch):
    """Each wait by the client's read timeout (10 s unless set), and their number."""
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    monkeypatch.setattr(client, "DEADLINE_SEC", 5.0)  # no more than the hub's client sleeps
    hub.stall.extend([1000] * 100)
    message = refusal(small)
    assert WEIGHTS in message
    assert "rvt ls checkpoints" in message
    assert len([r for r in hub.asked(WEIGHTS) if r.cdn and r.method == "GET"]) <= 7
    hub.stall.clear()
    small.verify()


def test_no_token_in_any_message(small, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(client, "_PAUSES_SEC", ())
    messages = []
    for fault, value in [("always", 401), ("always", 403), ("always", 404), ("always", 500),
                         ("gated", 403), ("lie", "f" * 40)]:  # fmt: skip
        before = getattr(hub, fault)
        setattr(hub, fault, value)
        messages.append(refusal(small))
        setattr(hub, fault, before)
    assert hub.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    hub.stop()
    messages.append(refusal(small))
    assert not [message for message in messages if TOKEN in message or "Bearer" in message]


def test_resumes_after_a_cut(small, hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 250)  # it keeps whole chunks
    hub.cut = 1000
    small.verify()
    ranges = [r.headers["range"] for r in hub.requests if "range" in r.headers]
    assert ranges == ["bytes=1000-"]


def test_resumes_after_silence(small, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
    hub.stall.append(1000)
    small.verify()
    assert not hub.stall
    # Twice, or as often as the server itself was too busy to answer.
    assert len([r for r in hub.asked(WEIGHTS) if r.cdn and r.method == "GET"]) >= 2


def test_shorter_than_announced(small, hub):
    hub.spoil = lambda name, data: data[:-7] if name == WEIGHTS else data
    message = refusal(small)
    assert WEIGHTS in message
    assert "shorter" in message
    hub.spoil = None
    small.verify()
