"""CI of users: the action, the GitLab job, pre-commit and the recipes of docs/ci.md, checked and run."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

from project_files import CHART, HELM, IMAGECACHE, KUSTOMIZE, ROOT, run, version

TOOLS = pathlib.Path(sys.executable).parent
BAD = (ROOT / "native/cli/tests/data/invalid.yaml").read_text()
GOOD = (ROOT / "native/cli/tests/data/valid.yaml").read_text()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


class Folder:
    """A folder with a good and a bad manifest, and a PATH on which there are imagecache, helm and kubectl."""

    def __enter__(self):
        self.held = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.held.name)
        (self.path / "bin").mkdir()
        for name, program in (("imagecache", IMAGECACHE), ("kubectl-imagecache", IMAGECACHE), ("helm", HELM)):
            (self.path / "bin" / name).symlink_to(program)
        (self.path / "manifests").mkdir()
        (self.path / "manifests/good.yaml").write_text(GOOD)
        (self.path / "manifests/bad.yaml").write_text(BAD)
        found = f"{self.path / 'bin'}:{ROOT / 'deploy/kubectl'}:{os.environ['PATH']}"
        self.environment = {"PATH": found, "HOME": str(self.path)}
        return self

    def __exit__(self, *_):
        self.held.cleanup()

    def shell(self, script, environment=None, shell="bash"):
        """Runs a script in the folder; returns exit code and output."""
        options = {"capture_output": True, "text": True, "cwd": self.path}
        done = subprocess.run([shell, "-c", script], env={**self.environment, **(environment or {})}, **options)
        return done.returncode, done.stdout + done.stderr


class Schemas(unittest.TestCase):
    def check(self, schema, *files):
        run(TOOLS / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)

    def test_action_and_workflows_fit_github(self):
        self.check("github-actions", "action.yml")
        self.check("github-workflows", *sorted((ROOT / ".github/workflows").glob("*.yml")))

    def test_the_job_fits_gitlab(self):
        self.check("gitlab-ci", *sorted((ROOT / "deploy/gitlab").glob("*.yml")))

    def test_hooks_fit_pre_commit(self):
        run(TOOLS / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")


class Runs(unittest.TestCase):
    def action(self, folder, **inputs):
        """Runs the step `Validate` of the action."""
        step = next(step for step in ACTION["runs"]["steps"] if step["name"] == "Validate")
        values = {name: spec["default"] for name, spec in ACTION["inputs"].items()} | inputs
        environment = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], value)
            for name, value in step["env"].items()
        }
        environment |= {"RUNNER_TEMP": str(folder.path), "GITHUB_OUTPUT": str(folder.path / "output")}
        return folder.shell(step["run"], environment)

    def test_the_action_annotates_and_fails(self):
        with Folder() as folder:
            code, output = self.action(folder, path="manifests")
            self.assertEqual(code, 1, output)
            self.assertIn("::error file=manifests/bad.yaml", output)
            code, output = self.action(folder, path="manifests", **{"fail-on": "never"})
            self.assertEqual(code, 0, output)

    def test_the_action_writes_sarif(self):
        with Folder() as folder:
            code, output = self.action(folder, path="manifests", sarif="true")
            self.assertEqual(code, 1, output)
            self.assertEqual((folder.path / "output").read_text(), f"sarif-file={folder.path}/imagecache.sarif\n")
            sarif = json.loads((folder.path / "imagecache.sarif").read_text())
            self.assertTrue(sarif["runs"][0]["results"])

    def test_the_gitlab_job_writes_a_report(self):
        job = yaml.safe_load((ROOT / "deploy/gitlab/imagecache.gitlab-ci.yml").read_text())["imagecache"]
        with Folder() as folder:
            code, output = folder.shell("\n".join(job["script"]), {"IMAGECACHE_PATH": "manifests"}, "sh")
            self.assertEqual(code, 1, output)
            report = json.loads((folder.path / job["artifacts"]["reports"]["codequality"]).read_text())
            self.assertEqual({finding["location"]["path"] for finding in report}, {"manifests/bad.yaml"})

    def test_the_hook_fails_on_the_bad_manifest_only(self):
        hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
        local = {"id": hook["id"], "name": hook["name"], "entry": hook["entry"], "language": hook["language"],
                 "types": hook["types"], "exclude": hook["exclude"]}
        with Folder() as folder:
            config = {"repos": [{"repo": "local", "hooks": [local]}]}
            (folder.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
            folder.shell("git init -q . && git add .")
            hook = f"{TOOLS}/pre-commit run --files"
            code, output = folder.shell(f"{hook} manifests/good.yaml")
            self.assertEqual(code, 0, output)
            self.assertIn("Passed", output)
            code, output = folder.shell(f"{hook} manifests/good.yaml manifests/bad.yaml")
            self.assertEqual(code, 1, output)
            self.assertIn("IC030", output)

    def test_recipes_of_the_page_run(self):
        """Those of Helm and Kustomize, on the chart and the overlay of this project."""
        page = (ROOT / "docs/ci.md").read_text()
        commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.S) for line in block.splitlines()]
        validating = [line for line in commands if "validate -f -" in line]
        self.assertEqual(len(validating), 3)
        with Folder() as folder:
            for line in validating:
                if line.startswith("kustomize"):
                    line = line.replace("kustomize build", "kubectl kustomize")
                line = line.replace("web chart --values values.yaml",
                                    f"web {CHART} --kube-version 1.36.0 --values {CHART}/ci/default-values.yaml")
                line = line.replace("overlays/production", str(KUSTOMIZE / "overlays/production"))
                code, output = folder.shell(f"set -o pipefail; {line}")
                self.assertEqual(code, 0, f"{line}: {output}")
                self.assertIn("checked", output)
            code, output = folder.shell("cat manifests/bad.yaml | imagecache validate -f -")
            self.assertEqual(code, 1, output)

    def test_one_version_is_named_everywhere(self):
        for name in ("action.yml", ".pre-commit-hooks.yaml", "deploy/gitlab/imagecache.gitlab-ci.yml", "docs/ci.md"):
            found = set(re.findall(r"\bv(\d+\.\d+\.\d+)\b", (ROOT / name).read_text()))
            self.assertEqual(found, {version()}, name)


class Kubectl(unittest.TestCase):
    def test_kubectl_completes_commands_options_and_values(self):
        with Folder() as folder:
            for words, wanted in (
                ("imagecache val", "validate"),
                ("imagecache validate --fail", "--fail-on"),
                ("imagecache validate --fail-on ''", "warning"),
                ("imagecache validate -f manifests/", "manifests/bad.yaml"),
            ):
                code, output = folder.shell(f"kubectl __complete {words}")
                self.assertEqual(code, 0, output)
                found = [line.split("\t")[0] for line in output.splitlines()]
                self.assertIn(wanted, found, output)
            code, output = folder.shell("kubectl __complete imagecache val")
            self.assertNotIn("match", output)

    def test_the_plugin_runs(self):
        with Folder() as folder:
            code, output = folder.shell("kubectl imagecache reference nginx")
            self.assertEqual(code, 0, output)
            self.assertIn("docker.io/library/nginx:latest", output)

    def test_manual_pages_name_every_command(self):
        with Folder() as folder:
            code, output = folder.shell("imagecache man pages && ls pages")
            self.assertEqual(code, 0, output)
            self.assertIn("imagecache-validate.1", output)
            self.assertNotIn("__complete", output)
            code, output = folder.shell("man -l -Tutf8 pages/imagecache-validate.1 || cat pages/imagecache-validate.1")
            self.assertIn("fail", output)

    def test_shells_take_the_completion_scripts(self):
        with Folder() as folder:
            code, output = folder.shell("imagecache completions bash > a && bash -n a")
            self.assertEqual(code, 0, output)
