"""Finds the CEL in Kubernetes objects and checks it, with the variables that its place gives it.

Every expression is checked as an API server does when the object is applied: `object` and `params` may hold anything.
Where their schema is known it is checked once more for each kind of object, as the API server does afterwards to warn
in `status.typeChecking`.
"""
import functools
import re
from dataclasses import dataclass

from cel_expr_python import cel

from checker import Environment, Refused
from schema_types import Types

# The type that an expression must have, by where it is. Variables may have any.
PLACES = {
    "matchConditions[].expression": "bool",
    "variables[].expression": None,
    "validations[].expression": "bool",
    "validations[].messageExpression": "string",
    "mutations[].applyConfiguration.expression": "Object",
    "x-kubernetes-validations[].rule": "bool",
    "x-kubernetes-validations[].messageExpression": "string",
}
# A field of one of these names holds an expression. One that is in none of the places above is an error.
NAMES = {"expression", "messageExpression", "valueExpression", "rule"}

# The kinds of the resources that the policies are for.
KINDS = {
    "imagecaches": "ImageCache", "pods": "Pod", "podtemplates": "PodTemplate", "namespaces": "Namespace",
    "replicationcontrollers": "ReplicationController", "deployments": "Deployment", "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet", "replicasets": "ReplicaSet", "jobs": "Job", "cronjobs": "CronJob",
}  # fmt: skip

STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING}


def _object(**properties):
    return {"type": "object", "properties": properties}


# `request`, as Kubernetes declares it.
REQUEST = _object(
    kind=_object(group=STRING, version=STRING, kind=STRING),
    resource=_object(group=STRING, version=STRING, resource=STRING),
    subResource=STRING,
    requestKind=_object(group=STRING, version=STRING, kind=STRING),
    requestResource=_object(group=STRING, version=STRING, resource=STRING),
    requestSubResource=STRING,
    name=STRING,
    namespace=STRING,
    operation=STRING,
    userInfo=_object(
        username=STRING, uid=STRING, groups=STRINGS, extra={"type": "object", "additionalProperties": STRINGS}
    ),
    dryRun={"type": "boolean"},
)


@dataclass
class Expression:
    """An expression and where it is."""

    path: str
    text: str
    name: str

    @property
    def place(self):
        """The end of the path, as in `PLACES`; None where no expression is expected."""
        place = re.sub(r"\[\d+\]", "[]", self.path[len(self.scope) + 1 :])
        return place if place in PLACES else None

    @property
    def scope(self):
        """The path of what holds the variables and the rules: all before the last list."""
        return re.sub(r"\.[\w-]+\[\d+\][^\[]*$", "", self.path)


def expressions(value, path="", name=""):
    """Returns every expression in an object, in order."""
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in expressions(item, f"{path}[{at}]")]
    if not isinstance(value, dict):
        return []
    found = []
    for key, item in value.items():
        if key in NAMES and isinstance(item, str):
            found.append(Expression(f"{path}.{key}", item, value.get("name", name)))
        else:
            found += expressions(item, f"{path}.{key}", value.get("name", name))
    return found


class Documents:
    """Checks the expressions of objects. What is refused is in `problems`, with where it is."""

    def __init__(self, definitions, schemas):
        """`schemas` holds the schemas of objects by kind; Namespace, Pod and ImageCache must be among them. They refer to
        `definitions`."""
        self.definitions = definitions
        self.schemas = schemas
        self.problems = []
        self.checked = 0

    def check(self, source, document):
        """Checks every expression of an object; returns how many there are."""
        found = expressions(document)
        for one in found:
            if one.place is None:
                self.problems.append(f"{source}: {one.path}: an expression in an unknown place")
        found = [one for one in found if one.place is not None]
        if document["kind"] == "CustomResourceDefinition":
            for version in document["spec"].get("versions", []):
                self._rules(source, document["spec"]["names"]["kind"], version["schema"]["openAPIV3Schema"])
        else:
            for scope in dict.fromkeys(one.scope for one in found):
                self._policy(source, document.get("spec", {}), [one for one in found if one.scope == scope])
        return len(found)

    @functools.cache
    def variables(self, kind=None, params=None):
        """Returns the variables that every policy has, and the messages among their types. The kind of the object and of
        the parameters may be unknown."""
        types = Types(self.definitions)
        # What a mutation makes of a pod.
        types.declare("Object", {"type": "object", "properties": self.schemas["Pod"]["properties"]})
        object_type, params_type = [
            types.declare(kind, self.schemas[kind]) if kind else cel.Type.DYN for kind in (kind, params)
        ]
        variables = {
            "object": object_type,
            "oldObject": object_type,
            "params": params_type,
            "request": types.declare("Request", REQUEST),
            "namespaceObject": types.declare("Namespace", self.schemas["Namespace"]),
            # No expression asks it anything, so it has no functions here.
            "authorizer": cel.Type.AbstractType("kubernetes.authorization.Authorizer"),
        }
        return types.pool(), variables

    def _policy(self, source, spec, found):
        self._scope(source, found)
        params = spec.get("paramKind", {}).get("kind")
        rules = spec.get("matchConstraints", {}).get("resourceRules", [])
        for resource in (resource for rule in rules for resource in rule["resources"]):
            self._scope(f"{source} for {resource}", found, KINDS[resource], params)

    def _scope(self, source, found, kind=None, params=None):
        pool, variables = self.variables(kind, params)
        variables = dict(variables)
        of = {place: [one for one in found if one.place == place] for place in PLACES}
        environment = Environment(pool, variables)
        for one in of.pop("matchConditions[].expression"):
            self._one(source, one, environment)
        for one in of.pop("variables[].expression"):
            # Each variable sees those that are before it. One that is refused is `dyn` for the others.
            variables["variables." + one.name] = self._one(source, one, environment) or cel.Type.DYN
            environment = Environment(pool, variables)
        for one in (one for rest in of.values() for one in rest):
            self._one(source, one, environment)

    def _rules(self, source, name, schema, path=""):
        """Checks the rules at each node of the schema of a CustomResourceDefinition."""
        if schema.get("x-kubernetes-validations"):
            types = Types(self.definitions)
            own = types.declare(name, schema)
            environment = Environment(types.pool(), {"self": own, "oldSelf": own})
            for one in expressions({"x-kubernetes-validations": schema["x-kubernetes-validations"]}, path):
                self._one(source, one, environment)
        for field, inner in schema.get("properties", {}).items():
            self._rules(source, name, inner, f"{path}.{field}")
        for inner in (schema.get("items"), schema.get("additionalProperties")):
            if isinstance(inner, dict):
                self._rules(source, name, inner, f"{path}[]")

    def _one(self, source, one, environment):
        self.checked += 1
        try:
            return environment.check(one_name_each(one.text), PLACES[one.place])
        except Refused as refused:
            self.problems.append(f"{source}: {one.path} {one.name}: {refused}")
            return None


def one_name_each(text):
    """Returns an expression with the types of an object that is made, as in `Object.metadata{…}`, called as they are
    declared here: a message cannot have a field and a message of one name."""
    return re.sub(r"\bObject(\.\w+)+(?=\s*\{)", lambda found: found[0].replace(".", "__"), text)
