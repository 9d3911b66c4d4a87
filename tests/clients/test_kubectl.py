"""The oldest and the newest kubectl that a registry carries."""
import json
import pathlib
import re
import stat
import sys
import tempfile
import unittest
import zipfile

from matrix import tried
from server import ROOT, Server, run

LAYER = ROOT / "tests/clients/node/node_modules/@aws-cdk/asset-kubectl-v20/lib/layer.zip"
OBJECTS = """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: "1"}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    selector: {matchLabels: {app: web}}
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "nginx:1.27"}]}}
- {apiVersion: eci.alibabacloud.com/v1, kind: ImageCache, metadata: {name: web}, spec: {images: ["nginx:1.27"]}}
"""


def unpacked(name, folder):
    """Returns a program of the layer that has kubectl 1.20 and Helm."""
    with zipfile.ZipFile(LAYER) as layer:
        path = pathlib.Path(layer.extract(f"{name}/{name}", folder))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Kubectl:
    client = "kubectl"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = cls.find(cls.folder.name)
        found = json.loads(run(cls.program, "version", "--client", "-o", "json"))
        cls.version = found["clientVersion"]["gitVersion"].lstrip("v")
        cls.server = cls.enterClassContext(Server())
        cls.kubectl("apply", "-f", "-", text=OBJECTS)

    @classmethod
    def kubectl(cls, *arguments, **options):
        return run(cls.program, "--kubeconfig", cls.server.kubeconfig, *arguments, **options)

    @tried("apply a List, change it, apply it again")
    def test_apply_of_a_list_changes_its_objects(self):
        changed = OBJECTS.replace("nginx:1.27", "nginx:1.28")
        said = self.kubectl("apply", "-f", "-", text=changed)
        self.assertIn("deployment.apps/web configured", said)
        self.assertIn("imagecache.eci.alibabacloud.com/web configured", said)
        self.assertNotIn("configured", self.kubectl("apply", "-f", "-", text=changed))

    @tried("get -o yaml of several kinds, piped to apply")
    def test_what_get_prints_can_be_applied(self):
        printed = self.kubectl("get", "configmaps,deployments", "-o", "yaml")
        self.assertIn("deployment.apps/web", self.kubectl("apply", "-f", "-", text=printed))

    @tried("explain of ImageCache")
    def test_explain_shows_the_fields_of_an_image_cache(self):
        self.assertRegex(self.kubectl("explain", "imagecache.spec"), r"(?m)^ *images\s+<\[\]string>")

    @tried("explain of built-in kinds")
    def test_explain_shows_the_fields_of_built_in_kinds(self):
        said = self.kubectl("explain", "pod.spec.containers")
        self.assertRegex(said, r"(?m)^ *image\s+<string>\n +Container image name")
        said = self.kubectl("explain", "deployment", "--recursive")
        self.assertRegex(said, r"(?m)^ *matchExpressions\s+<\[\](Object|LabelSelectorRequirement)>")

    @tried("apply of the policy bundle, then a denied ImageCache")
    def test_the_policies_of_the_bundle_deny(self):
        self.kubectl("apply", "-f", ROOT / "policy-bundles/kubernetes/imagecaches.yaml")
        denied = (
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: bad}\n"
            "spec: {images: [a/UPPER/x:1]}\n"
        )
        said = self.kubectl("apply", "-f", "-", text=denied, code=1)
        self.assertIn("spec.images[0]: `a/UPPER/x:1` is not a valid image reference", said)
        self.kubectl("delete", "-f", ROOT / "policy-bundles/kubernetes/imagecaches.yaml")

    @tried("apply --prune of the kinds that are served")
    def test_prune_deletes_what_is_not_applied_again(self):
        listed = {"1.20": "--prune-whitelist"}.get(self.version[:4], "--prune-allowlist")
        first = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {prune: \"yes\"}}\n"
        words = ("apply", "--prune", "-l", "prune=yes", f"{listed}=core/v1/ConfigMap", "-f", "-")
        self.kubectl(*words, text=first % "one")
        self.assertIn("configmap/one pruned", self.kubectl(*words, text=first % "two"))

    @tried("apply --dry-run=server, diff")
    def test_diff_shows_the_change_and_dry_run_makes_none(self):
        changed = OBJECTS.replace('a: "1"', 'a: "2"')
        said = self.kubectl("apply", "--dry-run=server", "-f", "-", text=changed)
        self.assertIn("configmap/settings configured (server dry run)", said)
        self.assertEqual(self.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.a}"), "1")
        difference = self.kubectl("diff", "-f", "-", text=changed, code=1)
        self.assertIn('+  a: "2"', difference)

    @tried("create of every built-in kind it has a command for, delete")
    def test_create_commands_send_what_the_server_reads(self):
        for words in (
            ("namespace", "made"), ("secret", "generic", "made", "--from-literal=a=b"),
            ("configmap", "made", "--from-literal=a=b"), ("deployment", "made", "--image=nginx"),
        ):
            self.kubectl("create", *words)
            self.kubectl("delete", words[0], "made")

    @tried("api-resources, auth can-i, get, describe")
    def test_questions_have_answers(self):
        self.assertIn("imagecaches", self.kubectl("api-resources"))
        self.assertEqual(self.kubectl("auth", "can-i", "create", "imagecaches").strip(), "yes")
        self.assertRegex(self.kubectl("get", "deployments"), r"(?m)^web +0/1")
        self.assertIn("nginx:1.2", self.kubectl("describe", "deployment", "web"))


class Oldest(Kubectl, unittest.TestCase):
    find = staticmethod(lambda folder: unpacked("kubectl", folder))


class Newest(Kubectl, unittest.TestCase):
    find = staticmethod(lambda _: pathlib.Path(sys.executable).with_name("kubectl"))

    @tried("explain from OpenAPI 2")
    def test_explain_reads_the_older_document_too(self):
        said = self.kubectl("explain", "--output=plaintext-openapiv2", "imagecache.spec")
        self.assertTrue(re.search(r"images\s+<\[\]string>", said), said)


if __name__ == "__main__":
    unittest.main()
