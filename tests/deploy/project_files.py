"""The files of `deploy`, and the commands that read them."""
import functools
import json
import os
import pathlib
import subprocess
import tomllib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/chart"
KUSTOMIZE = ROOT / "deploy/kustomize"
# The one in C, where PyYAML has it: the definition is long.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
IMAGECACHE, HELM = os.environ["IMAGECACHE"], os.environ["HELM"]


def run(*command, text=None, code=0, **options):
    """Returns what a command prints. Fails with what it reports if its exit code is another one."""
    command = [str(part) for part in command]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, **options)
    assert done.returncode == code, f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout if code == 0 else done.stderr + done.stdout


def documents(text):
    """Returns the objects in a text of YAML."""
    return [document for document in yaml.load_all(text, LOADER) if document]


def template(*arguments, name="imagecache", namespace="imagecache-system"):
    """Returns the objects that the chart makes."""
    return documents(rendered(*arguments, name=name, namespace=namespace))


@functools.cache
def rendered(*arguments, name="imagecache", namespace="imagecache-system"):
    """Returns the text that the chart makes."""
    return run(HELM, "template", name, CHART, "--namespace", namespace, "--kube-version", "1.36.0", *arguments)


def kinds(objects, kind):
    """Returns the objects of a kind."""
    return [one for one in objects if one["kind"] == kind]


def values_files():
    """Returns the values that the chart is tested with."""
    return sorted((CHART / "ci").glob("*.yaml"))


@functools.cache
def project():
    """Returns who publishes this project, and where."""
    return tomllib.loads((ROOT / "project.toml").read_text())


@functools.cache
def version():
    """Returns the version of the workspace."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


@functools.cache
def printed(*command):
    """Returns the objects that a command prints."""
    return json.loads(run(IMAGECACHE, *command, "--output", "json"))
