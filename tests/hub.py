"""A Hugging Face hub on loopback, as far as huggingface_hub speaks to it, with faults on request.

Model info, `resolve` by HEAD and GET, a redirect to a CDN on another port (so another origin, where
no token may follow), ranges, commits, ETags, error codes. What it serves is in memory.
"""

import hashlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS = (".safetensors", ".bin", ".h5", ".model", ".parquet")


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_lfs(name):
    return name.endswith(LFS)


def etag(name, data):
    return hashlib.sha256(data).hexdigest() if is_lfs(name) else git_sha1(data)


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    cdn: bool


@dataclass
class Hub:
    """The server; use it as a context manager.

    Args:
        fail: statuses that the next requests get, one each.
        always: status that every request gets.
        gated: status (401 or 403) that files get though their list is given.
        lie: commit that answers claim to be of.
        cut: bytes after which the next body's connection is cut.
        stall: bytes after which the next bodies fall silent while the connection stays, one each.
        page: what every request gets instead of an answer, as from a login page in between.
        spoil: (file name, bytes) -> the bytes that are sent in their place.
        honest_size: whether the size of what is sent is announced (False), or of what is listed.
    """

    fail: deque = field(default_factory=deque)
    always: int | None = None
    gated: int | None = None
    lie: str | None = None
    cut: int | None = None
    stall: deque = field(default_factory=deque)
    page: bytes | None = None
    spoil: object = None
    honest_size: bool = True
    requests: list = field(default_factory=list)
    repos: dict = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def add(self, repo, files, commit=None):
        """Serve files (name -> bytes) as a repository's only commit, and return that commit.

        A repository of data is called as in a file's address: ``datasets/owner/name``.
        """
        listing = "".join(sorted(f"{name} {etag(name, data)}\n" for name, data in files.items()))
        commit = commit or hashlib.sha1(f"{repo}\n{listing}".encode()).hexdigest()
        self.repos[repo] = {commit: dict(files)}
        return commit

    def __enter__(self):
        self.servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), handler(self, cdn)) for cdn in (False, True)
        ]
        self.threads = [
            threading.Thread(target=server.serve_forever, args=(0.01,)) for server in self.servers
        ]
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.daemon_threads = True
            thread.start()
        self.url, self.cdn = (f"http://127.0.0.1:{s.server_address[1]}" for s in self.servers)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Refuse connections from now on; a second time changes nothing."""
        self.stopped.set()
        while self.servers:
            server, thread = self.servers.pop(), self.threads.pop()
            server.shutdown()
            server.server_close()
            thread.join()

    def asked(self, part=""):
        return [request for request in self.requests if part in request.path]


def handler(hub, cdn):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Nothing on the tests' standard error."""

        def do_GET(self):
            self.answer()

        def do_HEAD(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path).strip("/")
            if path.startswith("api/agent-harnesses"):  # the client's own, no part of a test
                return self.send(404)
            if not hub.servers:  # a connection that outlived the server
                self.close_connection = True
                return None
            headers = {key.lower(): value for key, value in self.headers.items()}
            hub.requests.append(Request(self.command, path, headers, cdn))
            if hub.always or hub.fail:
                return self.send(hub.always or hub.fail.popleft())
            if hub.page is not None:
                return self.send(200, {"Content-Type": "text/html"}, hub.page)
            if cdn:
                name, _, rest = path.partition("/")
                return self.body(rest, hub.repos[name.replace("--", "/")])
            if path.startswith("api/models/"):
                return self.info(path.removeprefix("api/models/"))
            if path.startswith("api/datasets/"):
                return self.info(path.removeprefix("api/"))
            return self.resolve(path)

        def commits(self, repo, commit):
            """The files of a commit, or None once the error is sent."""
            if repo not in hub.repos:
                return self.send(401, {"X-Error-Code": "RepoNotFound"})
            if commit not in hub.repos[repo]:
                return self.send(404, {"X-Error-Code": "RevisionNotFound"})
            return hub.repos[repo][commit]

        def info(self, path):
            repo, _, commit = path.partition("/revision/")
            files = self.commits(repo, commit)
            if files is None:
                return None
            siblings = [
                {"rfilename": name, "size": len(data), "blobId": git_sha1(data)}
                | ({"lfs": {"size": len(data), "sha256": etag(name, data), "pointerSize": 134}}
                   if is_lfs(name) else {})
                for name, data in files.items()
            ]  # fmt: skip
            name = repo.removeprefix("datasets/")
            answer = {"id": name, "sha": hub.lie or commit, "siblings": siblings, "private": False}
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

        def resolve(self, path):
            repo, _, rest = path.partition("/resolve/")
            commit, _, name = rest.partition("/")
            files = self.commits(repo, commit)
            if files is None:
                return None
            if hub.gated:
                return self.send(hub.gated, {"X-Error-Code": "GatedRepo"})
            if name not in files:
                return self.send(404, {"X-Error-Code": "EntryNotFound"})
            headers = {"X-Repo-Commit": hub.lie or commit, "ETag": f'"{etag(name, files[name])}"'}
            if not is_lfs(name):
                return self.body(name, {commit: files}, headers)
            sent = self.sent(name, files[name])
            size = len(files[name] if hub.honest_size else sent)
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(size)}
            target = f"{hub.cdn}/{repo.replace('/', '--')}/{name}"
            return self.send(302, headers | {"Location": target})

        def sent(self, name, data):
            return hub.spoil(name, data) if hub.spoil else data

        def body(self, name, commits, headers=None):
            data = self.sent(name, next(iter(commits.values()))[name])
            wanted = self.headers.get("Range")
            if not wanted:
                return self.send(200, headers or {}, data)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return self.send(206, (headers or {}) | span, data[start:])

        def send(self, status, headers=None, data=b""):
            self.send_response(status)
            for key, value in ((headers or {}) | {"Content-Length": str(len(data))}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if data and hub.cut is not None and len(data) > hub.cut:
                data, hub.cut = data[: hub.cut], None
                self.close_connection = True
            if data and hub.stall and len(data) > hub.stall[0]:
                self.wfile.write(data[: hub.stall.popleft()])
                hub.stopped.wait(60)
                self.close_connection = True
                return
            self.wfile.write(data)

    return Handler
