"""The container image, by tools that are not part of this project: skopeo, umoci and Debian's registry."""
import filecmp
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

IMAGE, AGAIN = pathlib.Path(os.environ["IMAGE"]), pathlib.Path(os.environ["IMAGE_AGAIN"])
SKOPEO = ["skopeo", "--insecure-policy"]


def run(*command):
    """Returns what a command prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
    return done.stdout


def files(folder):
    """Returns the paths of a folder's files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Registry:
    """Debian's registry, on a free port of loopback."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{found.getsockname()[1]}"
        config = pathlib.Path(self.folder.name, "config.yml")
        storage = {"filesystem": {"rootdirectory": self.folder.name}}
        config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": self.address}}))
        self.process = subprocess.Popen(
            ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/")
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise AssertionError("the registry does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Image(unittest.TestCase):
    def test_two_builds_have_the_same_bytes(self):
        self.assertEqual(files(IMAGE), files(AGAIN))
        differing = filecmp.cmpfiles(IMAGE, AGAIN, files(IMAGE), shallow=False)[1:]
        self.assertEqual(differing, ([], []))

    def test_skopeo_reads_name_user_and_platform(self):
        found = json.loads(run(*SKOPEO, "inspect", f"oci:{IMAGE}:latest"))
        self.assertEqual((found["Os"], found["Architecture"]), ("linux", "amd64"))
        self.assertEqual(len(found["Layers"]), 1)
        config = json.loads(run(*SKOPEO, "inspect", "--config", f"oci:{IMAGE}:latest"))
        self.assertEqual(config["config"]["User"], "65532:65532")
        self.assertEqual(config["config"]["Entrypoint"], ["/usr/local/bin/imagecache"])
        self.assertEqual(config["config"]["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0")
        version = config["config"]["Labels"]["org.opencontainers.image.version"]
        run(*SKOPEO, "inspect", f"oci:{IMAGE}:v{version}")

    def test_a_registry_returns_the_same_image(self):
        with Registry() as registry, tempfile.TemporaryDirectory() as folder:
            remote = f"docker://{registry.address}/imagecache/imagecache:latest"
            copy = [*SKOPEO, "copy", "--all", "--quiet"]
            run(*copy, "--dest-tls-verify=false", f"oci:{IMAGE}:latest", remote)
            run(*copy, "--src-tls-verify=false", remote, f"oci:{folder}:latest")
            sent, returned = [
                {one["digest"] for one in json.loads(pathlib.Path(layout, "index.json").read_text())["manifests"]}
                for layout in (IMAGE, folder)
            ]
            self.assertLessEqual(returned, sent)
            self.assertTrue(returned)

    def test_the_unpacked_binary_runs_as_its_user(self):
        with tempfile.TemporaryDirectory() as folder:
            bundle = pathlib.Path(folder, "bundle")
            run("umoci", "unpack", "--image", f"{IMAGE}:latest-amd64", bundle)
            root = bundle / "rootfs"
            self.assertEqual(
                files(root),
                ["etc/group", "etc/passwd", "usr/local/bin/imagecache", "usr/share/licenses/LICENSE"],
            )
            times = {path.lstat().st_mtime for path in root.rglob("*")}
            self.assertEqual(len(times), 1)
            process = json.loads((bundle / "config.json").read_text())["process"]
            self.assertEqual((process["user"]["uid"], process["args"]), (65532, ["/usr/local/bin/imagecache"]))
            inside = ["chroot", "--userspec=65532:65532", root, *process["args"]]
            self.assertRegex(run(*inside, "--version"), r"^imagecache \d+\.\d+\.\d+")
            self.assertIn("normalized", run(*inside, "reference", "-o", "json", "nginx"))

    def test_a_changed_layer_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            run("cp", "-r", f"{IMAGE}/.", folder)
            layer = max(pathlib.Path(folder, "blobs/sha256").iterdir(), key=lambda blob: blob.stat().st_size)
            content = bytearray(layer.read_bytes())
            content[len(content) // 2] ^= 1
            layer.write_bytes(content)
            with self.assertRaisesRegex(AssertionError, "Digest did not match"):
                run(*SKOPEO, "copy", f"oci:{folder}:latest-amd64", f"oci:{folder}/copy:latest")
