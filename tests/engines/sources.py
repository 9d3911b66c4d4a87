"""The Kubernetes objects that this project ships and prints."""
import functools
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("policy-bundles", "deploy")
COMMANDS = (
    "crd",
    "crd --v1beta1",
    "webhook manifests --cert-manager",
    "webhook manifests --make-certificate",
    "webhook manifests --url https://10.0.0.1:8443/ --ca-bundle native/cli/tests/data/ca.pem",
)


@functools.cache
def files():
    """Returns the YAML files below the folders by their paths; those of tests are no part of what is shipped,
    and templates of Helm are rendered by `tests/deploy`."""
    found = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.y*ml"))
    found = [path.relative_to(ROOT) for path in found]
    return {str(path): (ROOT / path).read_text() for path in found if not {"tests", "templates"} & set(path.parts)}


@functools.cache
def printed():
    """Returns what the commands print, by the command."""
    run = functools.partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=True)
    return {f"imagecache {command}": run([os.environ["IMAGECACHE"], *command.split()]).stdout for command in COMMANDS}


def documents():
    """Returns the objects in all of them, each with where it is from. What is not a Kubernetes object is left out."""
    texts = files() | printed()
    found = [(source, document) for source, text in texts.items() for document in yaml.safe_load_all(text)]
    return [(source, document) for source, document in found if "apiVersion" in document and "kind" in document]


def others():
    """Returns the files without Kubernetes objects."""
    return sorted(set(files()) - {source for source, _ in documents()})
