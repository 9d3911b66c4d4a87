"""The health check for Argo CD, run by Lua 5.1, which Argo CD's interpreter follows."""
import subprocess
import tempfile
import unittest

import yaml

from project_files import ROOT

SCRIPT = (ROOT / "deploy/argocd/health.lua").read_text()


def lua(value):
    """Returns a value as Lua writes it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"[{lua(key)}]={lua(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(map(lua, value)) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def health(metadata=None, status=None):
    """Returns the health and message of an object."""
    obj = {"kind": "ImageCache", "metadata": {"name": "a", "generation": 2, **(metadata or {})}}
    if status is not None:
        obj["status"] = status
    program = f"obj = {lua(obj)}\nlocal function check()\n{SCRIPT}\nend\nlocal hs = check()\nprint(hs.status)\nprint(hs.message)"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(program)
        file.flush()
        done = subprocess.run(["lua5.1", file.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    status, message = done.stdout.rstrip("\n").split("\n", 1)
    return status, message


def conditions(ready, synced=("True", "Submitted", "ECI accepted generation 2"), generation=2):
    """Returns the two conditions."""
    parts = {"Ready": ready, "Synced": synced}
    return [
        {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
        for kind, (status, reason, message) in parts.items()
    ]


class Health(unittest.TestCase):
    def test_ready_is_healthy(self):
        status = {"phase": "Ready", "imageCacheId": "imc-1", "conditions": conditions(("True", "Ready", "Ready"))}
        self.assertEqual(health(status=status), ("Healthy", "Pods can start from imc-1"))

    def test_ready_without_conditions_is_healthy(self):
        self.assertEqual(health(status={"phase": "Ready"})[0], "Healthy")

    def test_creating_and_updating_are_progressing(self):
        for phase in ("Pending", "Preparing", "Creating", "Updating"):
            status = {"phase": phase, "progress": "40%", "conditions": conditions(("False", phase, ""))}
            self.assertEqual(health(status=status), ("Progressing", f"{phase}, 40%"))

    def test_failed_is_degraded_with_the_reason(self):
        for phase in ("Failed", "UpdateFailed"):
            found = conditions(("False", phase, "pull of a/b:1: not found"))
            self.assertEqual(health(status={"phase": phase, "conditions": found}),
                             ("Degraded", "pull of a/b:1: not found"))

    def test_refused_is_degraded_and_unreachable_is_progressing(self):
        for reason, expected in (("Refused", "Degraded"), ("NotAllowed", "Degraded"), ("BudgetExceeded", "Degraded"),
                                 ("Unreachable", "Progressing"), ("Submitting", "Progressing"),
                                 ("Rebuilding", "Progressing")):
            found = conditions(("False", "Pending", ""), ("False", reason, "why"))
            self.assertEqual(health(status={"phase": "", "conditions": found}), (expected, "why"))

    def test_a_refused_rebuild_is_degraded(self):
        found = conditions(("False", "Stale", ""), ("False", "Rebuilding", "why"))
        self.assertEqual(health(status={"phase": "UpdateFailed", "conditions": found}), ("Degraded", "why"))

    def test_expired_is_degraded(self):
        found = conditions(("False", "Expired", "the cache has expired"))
        self.assertEqual(health(status={"phase": "", "conditions": found}), ("Degraded", "the cache has expired"))

    def test_an_older_generation_is_progressing(self):
        found = conditions(("True", "Ready", "Ready"), generation=1)
        self.assertEqual(health(status={"phase": "Ready", "conditions": found})[0], "Progressing")

    def test_being_deleted_is_progressing(self):
        status = {"phase": "Ready", "conditions": conditions(("True", "Ready", "Ready"))}
        self.assertEqual(health({"deletionTimestamp": "2026-01-18T13:40:56Z"}, status)[0], "Progressing")

    def test_paused_is_suspended(self):
        paused = {"annotations": {"imagecache.eci.alibabacloud.com/paused": "true"}}
        self.assertEqual(health(paused)[0], "Suspended")

    def test_new_is_progressing(self):
        self.assertEqual(health(), ("Progressing", "Waiting for the controller"))

    def test_reasons_are_those_of_the_core(self):
        import re

        known = set(re.findall(r'const \w+: &str = "(\w+)"', (ROOT / "src/reconcile/condition.rs").read_text()))
        passing = set(re.findall(r"(\w+) = true", SCRIPT))
        self.assertTrue(passing)
        named = set(re.findall(r'reason == "(\w+)"', SCRIPT))
        self.assertLessEqual(passing | named, known)

    def test_the_configuration_holds_the_script(self):
        configuration = yaml.safe_load((ROOT / "deploy/argocd/argocd-cm.yaml").read_text())
        key = "resource.customizations.health.eci.alibabacloud.com_ImageCache"
        self.assertEqual(configuration["data"], {key: SCRIPT})
