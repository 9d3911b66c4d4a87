"""The files of a release, by the tools and schemas of those who read them."""
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile
import tomllib
import unittest

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARTIFACTS = pathlib.Path(os.environ["ARTIFACTS"])
WORKSPACE = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
VERSION = WORKSPACE["package"]["version"]
PLATFORM = f"imagecache-v{VERSION}-x86_64-unknown-linux-musl"


def members(path):
    """Returns the members of an archive by their names."""
    with tarfile.open(path) as archive:
        return {member.name: (member, archive.extractfile(member).read()) for member in archive if member.isfile()}


class Artifacts(unittest.TestCase):
    def test_checksums_are_of_every_file(self):
        lines = (ARTIFACTS / "SHA256SUMS").read_text().splitlines()
        sums = {name: found for found, name in (line.split("  ") for line in lines)}
        files = {str(path.relative_to(ARTIFACTS)) for path in ARTIFACTS.rglob("*") if path.is_file()}
        self.assertEqual(set(sums), files - {"SHA256SUMS"})
        done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=ARTIFACTS, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_archive_has_binary_pages_completions_and_licences(self):
        found = members(ARTIFACTS / f"{PLATFORM}.tar.gz")
        names = {name.removeprefix(f"{PLATFORM}/") for name in found}
        wanted = {"imagecache", "LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY-NOTICES.txt",
                  "kubectl_complete-imagecache", "man/imagecache.1", "man/imagecache-validate.1",
                  "completions/imagecache.bash", "completions/_imagecache", "completions/imagecache.fish"}
        self.assertLessEqual(wanted, names)
        self.assertEqual(len({member.mtime for member, _ in found.values()}), 1)
        with tempfile.TemporaryDirectory() as folder:
            binary = pathlib.Path(folder, "imagecache")
            binary.write_bytes(found[f"{PLATFORM}/imagecache"][1])
            binary.chmod(0o755)
            version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
            self.assertEqual(version.strip(), f"imagecache {VERSION}")
            static = subprocess.run(["readelf", "--dynamic", binary], capture_output=True, text=True).stdout
            self.assertNotIn("NEEDED", static)

    def test_binary_and_modules_have_no_path_of_this_machine(self):
        built = {"imagecache": members(ARTIFACTS / f"{PLATFORM}.tar.gz")[f"{PLATFORM}/imagecache"][1]}
        [package] = (ARTIFACTS / "npm").glob("*.tgz")
        built |= {name: file[1] for name, file in members(package).items()}
        [policy] = ARTIFACTS.glob("imagecache-policy-*.wasm")
        built[policy.name] = policy.read_bytes()
        for name, content in built.items():
            for path in (str(ROOT), str(pathlib.Path.home() / ".cargo/registry")):
                self.assertFalse(path.encode() in content, f"{path} in {name}")

    def test_binstall_finds_the_archive(self):
        manifest = tomllib.loads((ROOT / "native/cli/Cargo.toml").read_text())
        binstall = manifest["package"]["metadata"]["binstall"]
        values = {"repo": WORKSPACE["package"]["repository"], "version": VERSION, "bin": "imagecache",
                  "target": "x86_64-unknown-linux-musl", "binary-ext": ""}
        fill = lambda text: re.sub(r"\{ ([\w-]+) \}", lambda found: values[found[1]], text)
        self.assertEqual(fill(binstall["pkg-url"]).rsplit("/", 1)[1], f"{PLATFORM}.tar.gz")
        self.assertIn(fill(binstall["bin-dir"]), members(ARTIFACTS / f"{PLATFORM}.tar.gz"))

    def test_the_plugin_fits_krew(self):
        plugin = yaml.safe_load((ARTIFACTS / "krew/imagecache.yaml").read_text())
        self.assertEqual((plugin["apiVersion"], plugin["kind"]), ("krew.googlecontainertools.github.com/v1alpha2", "Plugin"))
        # The rules of krew's validation: names, a semantic version, a short description in one line, no newline in it.
        self.assertRegex(plugin["metadata"]["name"], r"^[\w-]+$")
        self.assertEqual(plugin["spec"]["version"], f"v{VERSION}")
        self.assertLessEqual(len(plugin["spec"]["shortDescription"]), 50)
        self.assertTrue(plugin["spec"]["platforms"])
        for platform in plugin["spec"]["platforms"]:
            file = ARTIFACTS / platform["uri"].rsplit("/", 1)[1]
            self.assertEqual(platform["sha256"], hashlib.sha256(file.read_bytes()).hexdigest())
            names = set(members(file))
            self.assertLessEqual({move["from"] for move in platform["files"]}, names)
            self.assertIn(platform["bin"], {move["from"].rsplit("/", 1)[1] for move in platform["files"]})

    def test_the_bill_of_materials_fits_cyclonedx(self):
        text = (ARTIFACTS / f"imagecache-v{VERSION}.cdx.json").read_text()
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text))
        bill = json.loads(text)
        names = {component["name"] for component in bill["components"]}
        self.assertLessEqual({"imagecache", "kube", "rustls", "serde_json"}, names)
        self.assertFalse({"proptest", "insta", "trycmd"} & names, "tests are not linked")

    def test_every_package_has_its_licence(self):
        notices = (ARTIFACTS / "THIRD-PARTY-NOTICES.txt").read_text()
        bill = json.loads((ARTIFACTS / f"imagecache-v{VERSION}.cdx.json").read_text())
        texts = notices.split("-" * 80)[1:]
        without = []
        for component in bill["components"]:
            name = f"{component['name']} {component['version']}"
            if "hashes" not in component:
                continue  # of this workspace
            self.assertIn(f"\n{name}: ", notices)
            if not any(name in text.split("\n\n", 1)[0] for text in texts):
                without.append(name)
        print(f"\n  without a text of their own, under the licence that they name: {', '.join(without) or 'none'}")
        self.assertLess(len(without), len(bill["components"]) / 5)

    def test_the_chart_renders_from_its_package(self):
        chart = ARTIFACTS / f"charts/imagecache-{VERSION}.tgz"
        command = [os.environ["HELM"], "template", "a", chart, "--kube-version", "1.36.0", "--set", "controller.region=a"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(len([one for one in yaml.safe_load_all(done.stdout) if one]), 15)

    def test_the_npm_package_has_its_licence(self):
        found = members(ARTIFACTS / f"npm/imagecache-{VERSION}.tgz")
        self.assertLessEqual({"package/LICENSE", "package/README.md", "package/package.json"}, set(found))

    def test_the_policy_is_annotated(self):
        policy = (ARTIFACTS / f"imagecache-policy-v{VERSION}.wasm").read_bytes()
        self.assertTrue(policy.startswith(b"\0asm"))
        self.assertIn(b"io.kubewarden.metadata", policy)
        folder = ARTIFACTS / "artifacthub/kubewarden/imagecache" / VERSION
        package = yaml.safe_load((folder / "artifacthub-pkg.yml").read_text())
        # What Artifact Hub requires of a package.
        self.assertLessEqual({"version", "name", "displayName", "createdAt", "description"}, set(package))
        self.assertEqual(package["version"], VERSION)

    def test_the_image_is_whole(self):
        image = (ARTIFACTS / f"imagecache-v{VERSION}-image.tar").read_bytes()
        with tarfile.open(fileobj=io.BytesIO(image)) as archive:
            for member in archive:
                if member.name.startswith("blobs/sha256/"):
                    content = archive.extractfile(member).read()
                    self.assertEqual(hashlib.sha256(content).hexdigest(), member.name.rsplit("/", 1)[1])
