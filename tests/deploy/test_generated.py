"""Files with a source elsewhere are current, and every file names one owner, one image and one version."""
import os
import re
import unittest

import yaml

import generated
from project_files import CHART, ROOT, project, version


class Generated(unittest.TestCase):
    def test_generated_files_are_current(self):
        stale = []
        # In order: the chart is made before it is rendered.
        for path, make in generated.FILES.items():
            text = make()
            if not path.exists() or path.read_text() != text:
                if "UPDATE" in os.environ:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
                    print(f"\n  writing {generated.name(path)}")
                else:
                    stale.append(generated.name(path))
        self.assertFalse(stale, "run `cargo xtask deploy --update`")


class Owner(unittest.TestCase):
    """`project.toml` holds the placeholders; the files below repeat them."""

    def test_the_image_has_one_name(self):
        image = project()["image"]
        tag = f"{image}:v{version()}"
        for path in ("deploy/chart/Chart.yaml", "deploy/kustomize/base/imagecache.yaml"):
            self.assertIn(tag, (ROOT / path).read_text(), path)
        self.assertEqual(yaml.safe_load((CHART / "values.yaml").read_text())["image"]["repository"], image)
        code = (ROOT / "native/controller/src/webhook/manifests.rs").read_text()
        self.assertIn(f'concat!("{image}:v", env!("CARGO_PKG_VERSION"))', code)

    def test_the_chart_has_the_version_of_the_workspace(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((chart["version"], chart["appVersion"]), (version(), version()))
        wanted = {"name": project()["maintainer"], "email": project()["email"]}
        self.assertEqual(chart["maintainers"], [wanted])
        self.assertEqual(chart["home"], project()["repository"])

    def test_owner_and_contact_are_those_of_the_project(self):
        """No file names another repository, mail address or registry."""
        facts = project()
        host = re.escape(facts["repository"].removeprefix("https://").split("/")[0])
        owner = facts["repository"].split("/")[-2]
        mail = facts["email"].split("@")[1]
        known = {
            rf"{host}/([\w.-]+)/imagecache\b": owner,
            r"[\w.-]+@([\w.-]*imagecache[\w.-]*\.\w+)": mail,
            r"\b((?:ghcr\.io|docker\.io|quay\.io)/[\w./-]*imagecache[\w/-]*)": None,
        }
        registries = {facts["image"], facts["policy"], facts["charts"].removeprefix("oci://")}
        registries.add(f"{facts['charts'].removeprefix('oci://')}/imagecache")
        found, places = [], ("*.md", "*.toml", "*.y*ml", "*.json", "deploy/**/*", "docs/*.md", "policy-bundles/*/*",
                             "native/*/*.toml", "pkg/package.json", "pkg/README.md")
        for path in {path for place in places for path in ROOT.glob(place) if path.is_file()}:
            text = path.read_text()
            for pattern, wanted in known.items():
                for value in re.findall(pattern, text):
                    if value != wanted and (wanted is not None or value not in registries):
                        found.append(f"{generated.name(path)}: {value}")
        self.assertFalse(found, "project.toml says otherwise")
