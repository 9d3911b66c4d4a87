"""The schemas of Kubernetes' own kinds, from the package `kubernetes-validate`."""
import functools
import json
from importlib import resources

import kubernetes_validate

# The oldest version that the bundles are for, and the newest that the package knows.
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()

NO_SUCH_KIND = "no such kind"

# Kinds that came later than the oldest version; their files say so.
SINCE = {
    ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"): "1.36",
    ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding"): "1.36",
}
# Kinds that were removed; the help of the command that prints them says so.
GONE = {("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): "1.22"}

# Groups of other projects, with who checks their kinds.
FOREIGN = {
    "policies.kyverno.io": "Kyverno: no package has its schemas for Python 3.11",
    "templates.gatekeeper.sh": "Gatekeeper: no package has its schemas",
    "constraints.gatekeeper.sh": "Gatekeeper: no package has its schemas",
    "policies.kubewarden.io": "Kubewarden: no package has its schemas",
    "kustomize.config.k8s.io": "Kustomize: built by kubectl in tests/deploy",
    "cert-manager.io": "cert-manager: in node/cert-manager.test.mjs",
}


def number(version):
    """Returns a version as numbers, which can be compared."""
    return tuple(int(part) for part in version.split("."))


def served(document, version):
    """Returns whether a version of Kubernetes has the kind of an object."""
    kind = (document["apiVersion"], document["kind"])
    since, gone = SINCE.get(kind, "0"), GONE.get(kind, "99")
    return number(since) <= number(version) < number(gone)


def owner(document):
    """Returns the project that defines the kind of an object, if it is not Kubernetes, and where it is checked."""
    return FOREIGN.get(document["apiVersion"].partition("/")[0])


def as_kubernetes(document):
    """Returns an object that Kubernetes has a schema for. The policies for Kyverno are those for Kubernetes with the
    actions of their binding in them; any other field of Kyverno's own is reported as unknown."""
    if document["kind"] != "ValidatingPolicy":
        return document
    spec = {field: value for field, value in document["spec"].items() if field != "validationActions"}
    policy = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
    return document | policy | {"spec": spec}


def fault(document, version):
    """Returns what is wrong in an object by the schemas of a version, unknown fields included; None if nothing is."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        return NO_SUCH_KIND
    return None


@functools.cache
def _read(name):
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{OLDEST}.0-local-strict"
    return json.loads((folder / f"{name}.json").read_text())


def definitions():
    """Returns the schemas of the oldest version that others refer to, by name."""
    return _read("_definitions")["$defs"]


def of_kind(kind):
    """Returns the schema of a kind of the oldest version."""
    ends = [name for name in definitions() if name.endswith(f".v1.{kind}")]
    assert len(ends) == 1, f"{kind}: {ends}"
    return definitions()[ends[0]]
