"""All CEL of the project, and expressions that must be refused."""
import collections
import functools
import pathlib
import unittest

import yaml

import schemas
import sources
from checker import Environment, Refused
from documents import KINDS, Documents, one_name_each

ILL_TYPED = yaml.safe_load(pathlib.Path(__file__).with_name("ill-typed.yaml").read_text())

# What holds expressions, and how many at least.
HOLDERS = {
    "policy-bundles/kubernetes/imagecaches.yaml": 60,
    "policy-bundles/kubernetes/workloads.yaml": 60,
    "policy-bundles/kubernetes/pods.yaml": 8,
    "policy-bundles/kyverno/policies.yaml": 120,
    "policy-bundles/gatekeeper/template.yaml": 40,
    "imagecache crd": 3,
}


@functools.cache
def image_cache():
    """Returns the schema of ImageCache, with the metadata that every object has."""
    crd = yaml.safe_load(sources.printed()["imagecache crd"])
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    metadata = schemas.of_kind("Namespace")["properties"]["metadata"]
    return schema | {"properties": schema["properties"] | {"metadata": metadata}}


def known_schemas():
    """Returns the schemas of all objects that the policies are for."""
    return {kind: image_cache() if kind == "ImageCache" else schemas.of_kind(kind) for kind in KINDS.values()}


class Expressions(unittest.TestCase):
    def test_every_expression_is_well_typed(self):
        documents = Documents(schemas.definitions(), known_schemas())
        found = collections.Counter()
        for source, document in sources.documents():
            found[source] += documents.check(source, document)
        self.assertFalse(documents.problems, "\n" + "\n".join(documents.problems))
        for source, least in HOLDERS.items():
            self.assertGreaterEqual(found[source], least, source)
        print(f"{sum(found.values())} expressions, {documents.checked} checks", end=" ", flush=True)

    def test_expression_in_unknown_place_is_reported(self):
        documents = Documents(schemas.definitions(), known_schemas())
        policy = {"kind": "ValidatingAdmissionPolicy", "spec": {"somewhere": [{"expression": "true"}]}}
        documents.check("here", policy)
        self.assertEqual(documents.problems, ["here: .spec.somewhere[0].expression: an expression in an unknown place"])

    def test_expression_is_checked_in_every_place(self):
        wrong = {"name": "a", "expression": "['a', 1] == ['a']"}
        validation = {"expression": wrong["expression"], "messageExpression": "1"}
        parts = {"variables": [wrong], "matchConditions": [wrong], "validations": [validation]}
        mutation = [{"applyConfiguration": {"expression": "'a'"}}]
        rules = [{"rule": "self == 1", "messageExpression": "self"}]
        schema = {"type": "object", "properties": {"a": {"type": "string", "x-kubernetes-validations": rules}}}
        versions = [{"schema": {"openAPIV3Schema": schema}}]
        for wanted, kind, spec in (
            (4, "ValidatingAdmissionPolicy", parts),
            (4, "ConstraintTemplate", {"targets": [{"code": [{"source": parts}]}]}),
            (1, "ValidatingWebhookConfiguration", {"webhooks": [{"matchConditions": [wrong]}]}),
            (1, "MutatingAdmissionPolicy", {"mutations": mutation}),
            (1, "CustomResourceDefinition", {"names": {"kind": "A"}, "versions": versions}),
        ):
            with self.subTest(kind):
                documents = Documents(schemas.definitions(), known_schemas())
                documents.check("here", {"kind": kind, "spec": spec})
                self.assertEqual(len(documents.problems), wanted, documents.problems)

    def test_schema_beside_a_policy_finds_misspelt_fields(self):
        documents = Documents(schemas.definitions(), known_schemas())
        constraints = {"resourceRules": [{"resources": ["imagecaches", "pods"]}]}
        variables = [{"name": "a", "expression": "object.spec.images"}]
        documents.check("here", {"kind": "A", "spec": {"matchConstraints": constraints, "variables": variables}})
        self.assertEqual(len(documents.problems), 1, documents.problems)
        self.assertIn("here for pods: .spec.variables[0].expression a: ", documents.problems[0])
        self.assertIn("undefined field 'images'", documents.problems[0])


def refusal(case):
    """Returns the test of an expression of `ill-typed.yaml`."""

    def test(self):
        documents = Documents(schemas.definitions(), known_schemas())
        pool, variables = documents.variables("ImageCache" if case.get("typed") else None)
        for name, text in case.get("variables", {}).items():
            variables[f"variables.{name}"] = Environment(pool, variables).check(text)
        with self.assertRaises(Refused) as caught:
            Environment(pool, variables).check(one_name_each(case["expression"]), case.get("result"))
        self.assertIn(case["refused"], str(caught.exception))

    return test


Refusals = type(
    "Refusals",
    (unittest.TestCase,),
    {f"test_{case['title'].replace(' ', '_')}_is_refused": refusal(case) for case in ILL_TYPED},
)
