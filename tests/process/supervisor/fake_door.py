"""A door that tells its pid to whoever connects, and does what a test sends it; for the tests of the supervisor."""

import os
import signal
import socket
import sys
import threading
import time

from bluesky_qs.ipc.child import begin_door

rundir = begin_door(sys.argv)
settings = rundir.load_settings()
listening = socket.socket(fileno=int(sys.argv[sys.argv.index("--listen") + 1]))
beat = int(sys.argv[sys.argv.index("--beat") + 1])


def stop(*_):
    print("fake door stops", flush=True)
    os._exit(0)


def beats():
    while True:
        os.write(beat, b".")
        time.sleep(0.5)  # as the real one does


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, lambda *_: print("fake door reloads", flush=True))
threading.Thread(target=beats, daemon=True).start()
while True:
    connection, _ = listening.accept()
    with connection:
        match connection.recv(4096).decode():
            case "environment":
                answer = " ".join(os.environ)
            case "die":
                os._exit(9)
            case "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                answer = "deaf"
            case _:
                answer = str(os.getpid())
        connection.sendall(answer.encode())
