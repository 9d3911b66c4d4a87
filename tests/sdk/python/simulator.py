"""The simulator as a process, as a user starts it."""
import os
import re
import subprocess
import tempfile

BINARY = os.environ["IMAGECACHE"]
KEY, SECRET, REGION = "testid", "testsecret", "cn-hangzhou"


class Simulator:
    """Runs `imagecache eci simulate` on a free port until it is closed."""

    def __init__(self, *options):
        command = [BINARY, "eci", "simulate", "--listen", "127.0.0.1:0", *options]
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        first = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        if not found:
            self.process.kill()
            self.log.seek(0)
            raise AssertionError(f"the simulator said {first!r}: {self.log.read()}")
        self.port = int(found[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def said(self):
        """What it has logged so far."""
        self.log.seek(0)
        return self.log.read()

    def close(self):
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        said = self.said()
        self.log.close()
        assert code == 0, f"the simulator ended with {code}: {said}"
        assert SECRET not in said, "a secret was logged"
        return said
