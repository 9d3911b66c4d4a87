"""`imagecache serve` with a data folder on a port of its own, for the tests of clients."""
import os
import pathlib
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGECACHE = os.environ["IMAGECACHE"]


class Server:
    """A server that can be restarted; `kubeconfig` is the file that it writes."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.kubeconfig = pathlib.Path(self.folder.name, "kubeconfig")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def start(self):
        command = [
            IMAGECACHE, "serve", "--data", f"{self.folder.name}/state", "--listen", f"127.0.0.1:{self.port}",
            "--kubeconfig-out", self.kubeconfig,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if "listening on" in line:
                return
        raise AssertionError("the server did not start")

    def stop(self):
        self.process.terminate()
        self.process.communicate()

    def restart(self):
        self.process.kill()
        self.process.communicate()
        self.start()


def run(*command, text=None, code=0):
    """Returns what a command prints that ends with an exit code; of one that fails also its errors."""
    command = [str(word) for word in command]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if code else "")
