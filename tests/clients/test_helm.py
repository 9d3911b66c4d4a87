"""Helm 3: a chart with a definition, a hook, an upgrade, a rollback and an uninstall."""
import pathlib
import tempfile
import unittest

from matrix import tried
from server import ROOT, Server, run
from test_kubectl import unpacked

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 0.1.0\n",
    "values.yaml": "color: blue\n",
    "crds/widgets.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {color: {type: string}}}}}}
""",
    "templates/widget.yaml": """\
apiVersion: example.com/v1
kind: Widget
metadata: {name: demo}
spec: {color: {{ .Values.color }}}
""",
    "templates/settings.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: {{ .Values.color }}}
""",
    "templates/hook.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
data: {revision: "{{ .Release.Revision }}"}
""",
}


class Helm:
    client = "helm"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.program = cls.find(folder.name)
        cls.version = run(cls.program, "version", "--template", "{{ .Version }}").strip().lstrip("v")
        cls.chart = pathlib.Path(folder.name, "chart")
        for name, text in CHART.items():
            path = cls.chart / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        cls.server = cls.enterClassContext(Server())

    def helm(self, *arguments):
        return run(self.program, "--kubeconfig", self.server.kubeconfig, *arguments)

    def color(self):
        get = ("get", "widgets,configmaps", "-o", "jsonpath={.items[*].spec.color} {.items[*].data.color}")
        return run("kubectl", "--kubeconfig", self.server.kubeconfig, *get).split()

    @tried("install a chart with a definition and a hook, upgrade, rollback, uninstall")
    def test_a_release_lives_from_install_to_uninstall(self):
        self.helm("install", "demo", self.chart, "--wait")
        self.assertEqual(self.color(), ["blue", "blue"])
        self.helm("upgrade", "demo", self.chart, "--set", "color=red")
        self.assertEqual(self.color(), ["red", "red"])
        self.helm("rollback", "demo", "1")
        self.assertEqual(self.color(), ["blue", "blue"])
        self.assertIn("superseded", self.helm("history", "demo"))
        self.helm("uninstall", "demo")
        self.assertEqual(self.color(), [])


class Old(Helm, unittest.TestCase):
    find = staticmethod(lambda folder: unpacked("helm", folder))


class New(Helm, unittest.TestCase):
    find = staticmethod(lambda _: ROOT / "tests/clients/node/node_modules/.bin/helm")


if __name__ == "__main__":
    unittest.main()
