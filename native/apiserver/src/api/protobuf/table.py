"""Makes `table.txt` from the Go types of Kubernetes and the messages of gnostic.

    git clone --branch v0.36.0 https://github.com/kubernetes/api              # and apimachinery, apiextensions-apiserver
    git clone https://github.com/google/gnostic-models
    python3 table.py FOLDER_OF_THE_FOUR > table.txt

The published `.proto` files have the numbers, but not which fields JSON inlines, which ones Go always writes, and which
ones a pointer holds: only the tags of the Go fields do. Clones may be bare; the files are read with `git show`.
"""

import re
import subprocess
import sys
from pathlib import Path

REVISION = "v0.36.0"
#: Package, repository, folder.
PACKAGES = [
    ("core/v1", "api", "core/v1"),
    ("apps/v1", "api", "apps/v1"),
    ("admissionregistration/v1", "api", "admissionregistration/v1"),
    ("authentication/v1", "api", "authentication/v1"),
    ("authorization/v1", "api", "authorization/v1"),
    ("autoscaling/v1", "api", "autoscaling/v1"),
    ("autoscaling/v2", "api", "autoscaling/v2"),
    ("batch/v1", "api", "batch/v1"),
    ("coordination/v1", "api", "coordination/v1"),
    ("discovery/v1", "api", "discovery/v1"),
    ("events/v1", "api", "events/v1"),
    ("networking/v1", "api", "networking/v1"),
    ("node/v1", "api", "node/v1"),
    ("policy/v1", "api", "policy/v1"),
    ("rbac/v1", "api", "rbac/v1"),
    ("scheduling/v1", "api", "scheduling/v1"),
    ("storage/v1", "api", "storage/v1"),
    ("apiextensions/v1", "apiextensions-apiserver", "pkg/apis/apiextensions/v1"),
    ("meta/v1", "apimachinery", "pkg/apis/meta/v1"),
    ("meta/v1beta1", "apimachinery", "pkg/apis/meta/v1beta1"),
]
ALIASES = {
    "metav1": "meta/v1", "v1": "core/v1", "corev1": "core/v1", "apiv1": "core/v1", "authenticationv1": "authentication/v1",
    "autoscaling": "autoscaling/v1", "core": "core/v1", "api": "core/v1",
}
#: Types with a form of their own: their name in the table.
SPECIAL = {
    "metav1.Time": "Time", "metav1.MicroTime": "MicroTime", "metav1.Duration": "Duration", "metav1.FieldsV1": "Raw",
    "runtime.RawExtension": "Raw", "resource.Quantity": "Quantity", "intstr.IntOrString": "IntOrString",
    "apiextensions/v1.JSON": "Raw", "apiextensions/v1.JSONSchemaPropsOrBool": "SchemaOrBool",
    "apiextensions/v1.JSONSchemaPropsOrArray": "SchemaOrArray",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "SchemaOrTexts",
    "meta/v1.Time": "Time", "meta/v1.MicroTime": "MicroTime", "meta/v1.Duration": "Duration", "meta/v1.FieldsV1": "Raw",
}
SCALARS = {
    "string": "text", "bool": "bool", "int32": "int", "int64": "int", "uint32": "int", "uint8": "int", "int": "int",
    "float64": "double", "types.UID": "text", "types.NodeName": "text", "[]byte": "bytes", "runtime.TypeMeta": None,
}


def show(repository, path, revision=REVISION):
    folder = Path(sys.argv[1])
    candidates = [folder / repository, *folder.glob(f"*+{repository}/repo")]
    repository = next(path for path in candidates if path.exists())
    return subprocess.run(["git", "-C", repository, "show", f"{revision}:{path}"], check=True, capture_output=True, text=True).stdout


def files(repository, folder):
    names = show(repository, f"{folder}/").splitlines()[2:]
    return [name for name in names if name.endswith(".go") and "zz_generated" not in name and ".pb." not in name and "_test" not in name]


STRUCT = re.compile(r"^type (\w+) struct *\{(|.*?^)\}$", re.S | re.M)
NAMED = re.compile(r"^(?:type |\t)(\w+) +(?:= +)?((?:map\[\w+\]|\[\]|\*)*[\w.]+)$", re.M)
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.*\[\]]+)\s+`([^`]*)`", re.M)

structs, named, groups = {}, {}, {}
for package, repository, folder in PACKAGES:
    for name in files(repository, folder):
        text = show(repository, f"{folder}/{name}")
        group = re.search(r'^const GroupName = "(.*)"', text, re.M)
        if group:
            groups[package] = group[1]
        for match in STRUCT.finditer(text):
            structs[f"{package}.{match[1]}"] = match[2]
        for match in NAMED.finditer(STRUCT.sub("", text)):
            named.setdefault(f"{package}.{match[1]}", match[2])
groups["meta/v1beta1"] = groups["meta/v1"]


def full(package):
    """`apps/v1` as `apiVersion` has it."""
    group, version = groups[package], package.split("/")[1]
    return f"{group}/{version}" if group else version


def resolve(package, go):
    """A Go type as (how many, name in the table, package of the message or None)."""
    if go.startswith("*"):
        return resolve(package, go[1:])
    if go == "[]byte":
        return "", "bytes"
    if go.startswith("[]"):
        return "[]", resolve(package, go[2:])[1]
    if go.startswith("map["):
        many, name = resolve(package, go[go.index("]") + 1 :])
        return "{}", "Texts" if many else name
    if go in SPECIAL:
        return "", SPECIAL[go]
    if go in SCALARS:
        return "", SCALARS[go]
    if "." in go:
        alias, short = go.split(".")
        package, go = "meta/v1" if package.startswith("meta") else ALIASES.get(alias, alias), short
    name = f"{package}.{go}"
    if name in SPECIAL:
        return "", SPECIAL[name]
    if name in structs:
        needed.append(name)
        return "", name
    if go in ("Verbs", "ExtraValue"):
        # A message with one list, which is a bare list in JSON.
        return "", "Texts"
    return resolve(package, named[name])


def fields(name):
    package = name.split(".")[0]
    rows = []
    for _, go, tags in FIELD.findall(structs[name]):
        json = re.search(r'json:"([^"]*)"', tags)
        number = re.search(r'protobuf:"\w+,(\d+)', tags)
        if not (json and number):
            continue
        json, *options = json[1].split(",")
        many, kind = resolve(package, go)
        if "." in kind:
            of, short = kind.split(".")
            kind = short if of == package else f"{full(of)}.{short}"
        flags = "~" if "inline" in options or not json else "*" if go.startswith("*") else ""
        # Go leaves out an empty value of most types, but a structure only with `omitzero`.
        structure = not many and (kind[0].isupper() or "." in kind) and kind != "Texts"
        if not flags and ("omitzero" not in options if structure else "omitempty" not in options):
            flags = "!"
        rows.append((int(number[1]), json or "-", flags + many + kind))
    return sorted(rows)


#: The roots: everything with metadata, and what is asked or answered without.
roots = [name for name, body in structs.items() if re.search(r"\bTypeMeta\b", body)]
done, needed = {}, list(roots)
while needed:
    name = needed.pop()
    if name not in done and not name.startswith("meta/v1.InternalEvent"):
        done[name] = None
        done[name] = fields(name)

print(f"""\
# The fields of Kubernetes' messages, made by `table.py` from the Go types of Kubernetes {REVISION} (k8s.io/api,
# k8s.io/apimachinery, k8s.io/apiextensions-apiserver) and from openapiv2/OpenAPIv2.proto of github.com/google/gnostic-models.
# Both are published under the Apache License 2.0.
#
# A line without indent names a message; one with an indent has number, name in JSON and type of a field.
# Before a type: `*` it is written if it is there, `!` it is there in JSON even if it is empty, `~` JSON has its fields
# in the place of the message; `[]` a list, `{{}}` a map from text. A message without a slash or dot is of the same package.""")
order = {package: index for index, (package, _, _) in enumerate(PACKAGES)}
for name, rows in sorted(done.items(), key=lambda item: (order[item[0].split(".")[0]], item[0])):
    package, short = name.split(".")
    print(f"{full(package)}.{short}")
    for row in rows:
        print("", *row)

proto = show("gnostic-models", "openapiv2/OpenAPIv2.proto", "HEAD")
TYPES = {"string": "text", "bool": "bool", "int64": "int", "double": "double"}
for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", proto, re.S | re.M):
    print(f"openapi.v2.{name}")
    for repeated, kind, field, number in re.findall(r"^ +(repeated )?([\w.]+) (\w+) = (\d+);", body, re.M):
        if kind != "google.protobuf.Any":
            print("", number, field, ("[]" if repeated else "*") + TYPES.get(kind, kind))
