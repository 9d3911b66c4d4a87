"""The commands of docs/pods-start-slowly.md, on `imagecache dev`."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from project_files import IMAGECACHE, ROOT
from server import KUBECONFIG

# What `imagecache dev` has not: it runs no Deployment, and serves no Lease or webhook of an installation.
NEEDS_A_CLUSTER = "kubectl -n imagecache-system"


class Runbook(unittest.TestCase):
    def setUp(self):
        self.page = (ROOT / "docs/pods-start-slowly.md").read_text()
        self.blocks = re.findall(r"```sh\n(.*?)```", self.page, re.S)

    def test_there_are_ten_checks_with_commands(self):
        checks = re.split(r"^## (?=\d+\. )", self.page, flags=re.M)[1:]
        self.assertEqual([check.split(".")[0] for check in checks], [str(number) for number in range(1, 11)])
        self.assertTrue(all("```sh" in check for check in checks))

    def test_commands_run_on_dev(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "imagecache").symlink_to(IMAGECACHE)
            command = [IMAGECACHE, "dev", "--listen", "127.0.0.1:0", "--speed", "100"]
            dev = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                for line in dev.stdout:
                    if found := re.search(r"API server: (http://[\d.:]+)", line):
                        (folder / "config").write_text(KUBECONFIG.format(url=found[1]))
                    if "pod/sample  Started" in line:
                        break
                else:
                    self.fail("dev ended")
                environment = {"PATH": f"{folder}:{os.environ['PATH']}", "KUBECONFIG": str(folder / "config"),
                               "HOME": str(folder)}

                def shell(script):
                    options = {"capture_output": True, "text": True, "cwd": folder, "env": environment}
                    return subprocess.run(["bash", "-c", f"set -euo pipefail\n{script}"], **options)

                first, *rest = self.blocks
                done = shell(first)
                self.assertEqual(done.returncode, 0, done.stderr)
                variables = "\n".join(line for line in first.splitlines() if re.match(r"[A-Z]+=", line))
                answers, ran = "", 0
                for block in rest:
                    for line in block.splitlines():
                        if line.startswith(NEEDS_A_CLUSTER):
                            continue
                        done = shell(f"{variables}\n{line}")
                        self.assertEqual(done.returncode, 0, f"{line}\n{done.stderr}{done.stdout}")
                        answers += done.stdout
                        ran += 1
                self.assertEqual(ran, 10)
                for wanted in ("SuccessfulHitImageCache", "Ready", "nginx:1.27", "eci-matched-image-cache"):
                    self.assertIn(wanted, answers)
            finally:
                dev.terminate()
                dev.communicate()
