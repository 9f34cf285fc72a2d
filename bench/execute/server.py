"""The fork server: imports torch and transformers once, then forks a worker for each request.

Run as ``python -m bench.execute.server FD``, FD being its end of the control socket. It computes
nothing itself, so no thread pool has started and every worker sets its own threads and floats.
"""

import json
import os
import socket
import sys

from bench.execute.parent import die_with_parent


def main(control_fd: int) -> None:
    """Serve until the other side hangs up."""
    die_with_parent()
    control = socket.socket(fileno=control_fd)
    from bench.execute import worker  # the expensive imports, made once

    control.sendall(b'{"ready": true}\n')
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


if __name__ == "__main__":
    main(int(sys.argv[1]))
