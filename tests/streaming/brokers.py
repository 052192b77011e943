"""A real mosquitto, where there is one."""

import contextlib
import getpass
import importlib.util
import shutil
import socket
import subprocess
import time

import pytest

MOSQUITTO = shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"
)
ANYBODY = ("allow_anonymous true",)
real = pytest.mark.skipif(
    MOSQUITTO is None or importlib.util.find_spec("aiomqtt") is None, reason="no mosquitto, or no aiomqtt"
)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Broker:
    """A real mosquitto on a free port of this machine."""

    def __init__(self, folder, lines=()):
        self.port, self._process = free_port(), None
        self._file = folder / "mosquitto.conf"
        # As root mosquitto becomes a user who may not read the test's files.
        lines = [f"listener {self.port} 127.0.0.1", f"user {getpass.getuser()}", *(lines or ANYBODY)]
        self._file.write_text("\n".join(lines) + "\n")

    def start(self):
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._file)], stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + 30
        while not listens(self.port):
            assert self._process.poll() is None, "mosquitto did not start"
            assert time.monotonic() < until_s
            time.sleep(0.05)
        return self

    def stop(self):
        self._process.terminate()
        self._process.wait(10)
