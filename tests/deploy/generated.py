"""The files of `deploy` that have a source elsewhere: the command, or the values of the chart."""
import json
import re
import tempfile
import pathlib

import yaml

from project_files import CHART, KUSTOMIZE, ROOT, kinds, printed, project, rendered, run, IMAGECACHE

HEAD = "# Made by `cargo xtask deploy --update` from {}; edit that.\n"


def dump(source, *values):
    """Returns values as YAML, below a line that says where they are from."""
    return HEAD.format(source) + yaml.safe_dump_all(values, sort_keys=False, width=120, allow_unicode=True)


def definition():
    """The definition of ImageCache."""
    return HEAD.format("`imagecache crd`") + run(IMAGECACHE, "crd")


def webhooks():
    """What the webhook is asked about, by the kind of its configuration."""
    found = printed("webhook", "manifests", "--cert-manager")["items"]
    result = {}
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        configuration, = kinds(found, kind)
        result[kind] = []
        for webhook in configuration["webhooks"]:
            one = {"name": webhook["name"], "path": webhook["clientConfig"]["service"]["path"]}
            # Image caches have a failure policy of their own, and no namespace.
            one["caches"] = "namespaceSelector" not in webhook
            if "reinvocationPolicy" in webhook:
                one["reinvocationPolicy"] = webhook["reinvocationPolicy"]
            result[kind].append(one | {"rules": webhook["rules"]})
    return dump("`imagecache webhook manifests`", result)


def rows(values, text):
    """Yields path, default and description of each value that has a comment `# -- `."""
    path, description = [], None
    for line in text.splitlines():
        if comment := re.match(r"\s*# -- (.*)", line):
            description = comment[1]
            continue
        key = re.match(r"(\s*)([A-Za-z]\w*):", line)
        if not key:
            continue
        depth = len(key[1]) // 2
        path[depth:] = [key[2]]
        if description is None:
            continue
        value = values
        for step in path:
            value = value[step]
        yield ".".join(path), value, description
        description = None


def readme():
    """The chart's README: the head by hand, the table from the values."""
    text = (CHART / "values.yaml").read_text()
    table = ["| value | default | meaning |", "|---|---|---|"]
    for path, default, description in rows(yaml.safe_load(text), text):
        table.append(f"| `{path}` | `{json.dumps(default)}` | {description.replace('|', chr(92) + '|')} |")
    head = (CHART / "README.md.in").read_text()
    return head.replace("@VALUES@", "\n".join(table)).replace("@CHARTS@", project()["charts"])


BASE = {
    "controller": {"region": "cn-hangzhou"},
    "webhook": {"certificate": {"source": "certManager"}},
    "serviceAccount": {"create": True},
}


def base():
    """The base of Kustomize: the chart with cert-manager, which needs nothing that is made at install."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(BASE, file)
        file.flush()
        text = rendered("--values", file.name)
    objects = list(yaml.safe_load_all(text))
    for one in filter(None, objects):
        for labels in label_sets(one):
            labels.pop("helm.sh/chart", None)
            if "app.kubernetes.io/managed-by" in labels:
                labels["app.kubernetes.io/managed-by"] = "kustomize"
        one["metadata"].get("annotations", {}).pop("helm.sh/resource-policy", None)
    return dump("deploy/chart", *filter(None, objects))


def label_sets(value):
    """Yields every map of labels in an object."""
    if isinstance(value, list):
        for item in value:
            yield from label_sets(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "labels":
                yield item
            yield from label_sets(item)


def argocd():
    """The health check as Argo CD reads it."""
    script = (ROOT / "deploy/argocd/health.lua").read_text()
    head = HEAD.format("health.lua") + """\
# kubectl -n argocd patch configmap argocd-cm --patch-file argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  labels: {app.kubernetes.io/name: argocd-cm, app.kubernetes.io/part-of: argocd}
data:
  resource.customizations.health.eci.alibabacloud.com_ImageCache: |
"""
    lines = (f"    {line}" if line else "" for line in script.splitlines())
    return head + "\n".join(lines) + "\n"


FILES = {
    ROOT / "deploy/argocd/argocd-cm.yaml": argocd,
    CHART / "files/crd.yaml": definition,
    CHART / "files/webhooks.yaml": webhooks,
    CHART / "README.md": readme,
    KUSTOMIZE / "base/imagecache.yaml": base,
}


def name(path):
    """Returns a path from the root."""
    return str(pathlib.Path(path).relative_to(ROOT))
