"""kopf: a small operator with its handlers."""
import os
import pathlib
import subprocess
import sys
import time
import unittest
from importlib.metadata import version

from matrix import tried
from server import ROOT, Server, run


class Kopf(unittest.TestCase):
    client, version = "kopf", version("kopf")

    def kubectl(self, *arguments, **options):
        return run("kubectl", "--kubeconfig", self.server.kubeconfig, *arguments, **options)

    def wait(self, what):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if self.notes.exists() and what in self.notes.read_text().splitlines():
                return
            time.sleep(0.1)
        self.operator.terminate()
        self.fail(f"{what} is missing\n{self.notes.exists() and self.notes.read_text()}\n{self.operator.communicate()[0]}")

    @tried("an operator: create, update, delete, timer and event handlers, its finalizer and events")
    def test_the_handlers_of_an_operator_are_called(self):
        self.server = self.enterContext(Server())
        self.notes = pathlib.Path(self.server.folder.name, "notes")
        environment = {**os.environ, "KUBECONFIG": str(self.server.kubeconfig), "NOTES": str(self.notes)}
        self.operator = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", "--standalone", "-A", ROOT / "tests/clients/operator.kopf.py"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.addCleanup(self.operator.communicate)
        self.addCleanup(self.operator.terminate)
        self.kubectl("create", "configmap", "noticed")
        self.wait("event noticed")
        cache = "---\n{apiVersion: eci.alibabacloud.com/v1, kind: ImageCache, metadata: {name: a}, spec: {images: [%s]}}"
        self.kubectl("apply", "-f", "-", text=cache % '"nginx:1"')
        self.wait("create a")
        self.wait("timer a")
        self.kubectl("apply", "-f", "-", text=cache % '"nginx:2"')
        self.wait("update ['nginx:1']->['nginx:2'] a")
        self.assertIn("example.com/seen", self.kubectl("get", "imagecache", "a", "-o", "yaml"))
        self.kubectl("delete", "imagecache", "a")
        self.wait("delete a")
        self.assertIn("the operator has seen it", self.kubectl("get", "events", "-A", "-o", "yaml"))


if __name__ == "__main__":
    unittest.main()
