"""Asking the Hugging Face hub: what a commit holds, and its files, through the hub's own client.

A refusal (no such repository or commit, gated) is final. A server error or a lost connection is
tried again, a few times and for a few seconds altogether, so that a machine without a network has
its answer at once. Every failure is one sentence and what to do; none quotes a header or a token.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from models.checkpoints.contract import CheckpointError

Answer = TypeVar("Answer")
#: File name -> ``size`` in bytes, and ``sha256`` where it is in LFS, else ``git_sha1``.
Listing = dict[str, dict[str, Any]]

DEADLINE_SEC = 4.0
_REQUEST_SEC = 2.0
_PAUSES_SEC = (0.25, 0.5, 1.0)
_AGAIN = (408, 429, 500, 502, 503, 504)
#: Kind of repository -> what else a user may do where it cannot be had.
_INSTEAD = {
    "model": ("choose another checkpoint", "a checkpoint that `rvt ls checkpoints` calls present"),
    "dataset": ("choose other data", "the offline data"),
}


class HubError(CheckpointError):
    """The hub did not give what was asked for.

    Args:
        message: why, in a sentence, and what to do.
        state: ``gated``, ``missing`` or ``unreachable``.
    """

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True)
class Commit:
    """One commit of one repository on the hub.

    Args:
        repo: ``owner/name``.
        revision: 40 hexadecimal digits.
        repo_type: what kind of repository it is.
    """

    repo: str
    revision: str
    repo_type: Literal["model", "dataset"] = "model"

    def folder(self) -> Path:
        """The repository's folder in the hub's cache, whether it exists or not."""
        from huggingface_hub import constants

        name = f"{self.repo_type}s--{self.repo.replace('/', '--')}"
        return Path(constants.HF_HUB_CACHE) / name

    def snapshot(self) -> Path:
        """The folder in which the hub's client puts the files of this commit."""
        return self.folder() / "snapshots" / self.revision

    def list_files(self) -> Listing:
        """Every file of the commit with its size and digest.

        Raises:
            HubError: the hub refuses, or does not answer in time.
        """
        from huggingface_hub import HfApi

        token = _token()
        info = self._ask(
            "its list of files",
            lambda seconds: HfApi().repo_info(
                self.repo,
                revision=self.revision,
                repo_type=self.repo_type,
                files_metadata=True,
                timeout=seconds,
                token=token,
            ),
        )
        self._expect(info.sha)
        if getattr(info, "gated", None) and not token:
            raise self._gated(None)
        return {file.rfilename: _entry(file) for file in getattr(info, "siblings", None) or ()}

    def download(self, file: str) -> None:
        """Bring one file into the hub's cache; the hub's client resumes what is cut off.

        Raises:
            HubError: the hub refuses, or does not answer in time.
            CheckpointError: the cache cannot be written.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        token = _token()
        kind, revision = self.repo_type, self.revision
        url = hf_hub_url(self.repo, file, repo_type=kind, revision=revision)
        head = self._ask(
            file, lambda seconds: get_hf_file_metadata(url, token=token, timeout=seconds)
        )
        self._expect(head.commit_hash)
        self._ask(
            file,
            lambda _: hf_hub_download(
                self.repo, file, repo_type=kind, revision=revision, token=token
            ),
            bounded=False,  # a large file takes as long as it takes
        )

    def _ask(self, what: str, call: Callable[[float], Answer], bounded: bool = True) -> Answer:
        from huggingface_hub.errors import HfHubHTTPError

        end = time.monotonic() + DEADLINE_SEC
        for pause in (*_PAUSES_SEC, DEADLINE_SEC):
            try:
                left = max(0.1, end - time.monotonic())
                return _in_time(call, left) if bounded else call(_REQUEST_SEC)
            except _failures() as error:
                status = _status(error, HfHubHTTPError)
                self._refuse(what, error, status)
                if time.monotonic() + pause >= end:
                    raise self._unreachable(what, error, status) from None
                time.sleep(pause)
        raise AssertionError("the last pause is longer than the deadline")

    def _refuse(self, what: str, error: BaseException, status: int | None) -> None:
        """Raise what no further attempt can mend."""
        from huggingface_hub.errors import OfflineModeIsEnabled

        if isinstance(error, OfflineModeIsEnabled):
            raise self._unreachable(what, error, None) from None
        if status in (401, 403):
            raise self._gated(status) from None
        if status is not None and status not in _AGAIN:
            raise HubError(
                f"{host()} has no {self.repo} at commit {self.revision} (HTTP {status} for {what})"
                ". Check the repository's name and the list of its commits.",
                "missing",
            ) from None
        if isinstance(error, KeyError | TypeError | ValueError):
            raise HubError(
                f"{host()} does not answer as a hub does ({type(error).__name__}) for {self.repo}. "
                "Check the name, HF_ENDPOINT and the proxy.",
                "unreachable",
            ) from None
        lost = isinstance(error, ConnectionError | TimeoutError)
        if isinstance(error, OSError) and error.errno is not None and not lost:
            raise CheckpointError(
                f"{self.repo} cannot be written into the hub's cache: {os.strerror(error.errno)}. "
                "Make room, or set HF_HOME to a folder that can be written."
            ) from None

    def _expect(self, revision: str | None) -> None:
        """Refuse an answer for another commit."""
        if revision != self.revision:
            raise HubError(
                f"expected commit {self.revision} of {self.repo}. Got {revision or 'none'} from "
                f"{host()}. Give a full commit that the repository has.",
                "missing",
            )

    def _gated(self, status: int | None) -> HubError:
        code = f" (HTTP {status})" if status else ""
        return HubError(
            f"{host()} shows {self.repo} only to those who may read it{code}: it is gated or "
            "private, or does not exist. Accept its terms on its page and set HF_TOKEN in the "
            f"environment, or {_INSTEAD[self.repo_type][0]}.",
            "gated",
        )

    def _unreachable(self, what: str, error: BaseException, status: int | None) -> HubError:
        from huggingface_hub.errors import OfflineModeIsEnabled

        why = f"HTTP {status}" if status else type(error).__name__
        if isinstance(error, OfflineModeIsEnabled):
            why = "HF_HUB_OFFLINE is set"
        elif type(error) is OSError:
            why = "it arrives shorter than announced"
        return HubError(
            f"{self.repo} is not here (whole), and {host()} does not give {what}: {why}. Try "
            f"again later, or use {_INSTEAD[self.repo_type][1]}.",
            "unreachable",
        )


def host() -> str:
    """The hub's host and port; not its whole address, which may carry a password."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _entry(file: Any) -> dict[str, Any]:
    if file.lfs is not None:
        return {"size": file.lfs.size, "sha256": file.lfs.sha256}
    return {"size": file.size, "git_sha1": file.blob_id}


def _token() -> str | bool:
    """The token in the environment, or False: one kept in a file is not used unasked."""
    return os.environ.get("HF_TOKEN") or False


def _failures() -> tuple[type[BaseException], ...]:
    """What a call may raise; the hub's HTTP client, and so its errors, depend on its version."""
    from huggingface_hub.errors import HfHubHTTPError

    return (KeyError, TypeError, ValueError, *HfHubHTTPError.__bases__)


def _status(error: BaseException | None, answered: type[Any]) -> int | None:
    """The HTTP status behind an error, or None where there was no answer."""
    while error is not None:
        if isinstance(error, answered):
            return int(error.response.status_code)
        error = error.__cause__
    return None


def _in_time(call: Callable[[float], Answer], seconds: float) -> Answer:
    """Run a call for at most so many seconds: looking up a host's name has no timeout of its own.

    Raises:
        TimeoutError: it took longer; its thread is left to end by itself.
    """
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            future.set_result(call(min(_REQUEST_SEC, seconds)))
        except Exception as error:  # noqa: BLE001  # carried to the caller, who names it
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        raise TimeoutError(f"no answer within {seconds:.1f} s") from None
