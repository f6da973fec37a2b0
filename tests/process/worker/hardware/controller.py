"""A motor controller with a TCP socket: ``read``, ``write VALUE`` and ``trigger``, each a line with an answer.

Run ``controller.py PORT FILE``: every command is a line of the file before it is answered.
"""

import socketserver
import sys
from pathlib import Path


class Commands(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        for line in self.rfile:
            command, _, value = line.decode().strip().partition(" ")
            if command == "write":
                self.server.position = float(value)
            self.server.log.write(f"{command}\n")
            self.server.log.flush()
            self.wfile.write(f"{self.server.position}\n".encode())


class Controller(socketserver.ThreadingTCPServer):
    """All connections share one position."""

    allow_reuse_address = daemon_threads = True
    position = 0.0


if __name__ == "__main__":
    with Path(sys.argv[2]).open("w") as log, Controller(("127.0.0.1", int(sys.argv[1])), Commands) as server:
        server.log = log
        log.write("ready\n")
        log.flush()
        server.serve_forever()
