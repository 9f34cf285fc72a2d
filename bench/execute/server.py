"""The fork server: imports torch and transformers once, then forks a worker for each request.

Run as ``python -P bench/execute/server.py FD``, FD being its end of the control socket: by its
place, as a working directory may hold another ``bench``, ``models`` or ``datasets``. It computes
nothing itself, so no thread pool has started and every worker sets its own threads and floats.
"""

import json
import os
import socket
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def main(control_fd: int) -> None:
    """Serve until the other side hangs up."""
    from bench.execute.parent import die_with_parent

    die_with_parent()
    control = socket.socket(fileno=control_fd)
    from bench.execute import worker  # the expensive imports, made once

    ready = {"ready": True, "code": worker.load_all()}
    control.sendall(json.dumps(ready).encode() + b"\n")
    while True:
        data, fds, _, _ = socket.recv_fds(control, 4096, 1)
        if not data:
            return
        request = json.loads(data)
        if request["op"] == "fork":
            pid = os.fork()
            if pid == 0:
                control.close()
                worker.main(fds[0])
            os.close(fds[0])
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(request["pid"], 0)
            answer = {"exit": os.waitstatus_to_exitcode(status)}
        control.sendall(json.dumps(answer).encode() + b"\n")


def _take_from(tree: Path) -> None:
    """Import this suite's packages from the tree that this file is of, whatever is found first.

    The tree may be a folder of installed packages, so it is not put before the standard library.
    """
    for name in ("models", "bench"):
        spec = PathFinder.find_spec(name, [str(tree)])
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"expected a package {name!r} in {tree}. Found none.")
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


if __name__ == "__main__":
    _take_from(Path(__file__).parents[2])
    main(int(sys.argv[1]))
