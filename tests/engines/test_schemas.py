"""Everything that is shipped or printed, by the schemas of the oldest and of the newest Kubernetes."""
import unittest

import schemas
import sources


class Schemas(unittest.TestCase):
    def test_objects_fit_the_oldest_kubernetes(self):
        self.objects_fit(schemas.OLDEST)

    def test_objects_fit_the_newest_kubernetes(self):
        self.objects_fit(schemas.NEWEST)

    def objects_fit(self, version):
        problems, uncovered, fitting = [], {}, 0
        for source, document in sources.documents():
            kind = f"{document['apiVersion']} {document['kind']}"
            known = schemas.as_kubernetes(document)
            if schemas.owner(known):
                uncovered[kind] = schemas.owner(known)
            elif not schemas.served(known, version):
                uncovered[kind] = f"Kubernetes {version} does not have it"
                if schemas.fault(known, version) != schemas.NO_SUCH_KIND:
                    problems.append(f"{source}: {kind}: Kubernetes {version} has it")
            elif fault := schemas.fault(known, version):
                problems.append(f"{source}: {kind}: {fault}")
            else:
                fitting += 1
                if known is not document:
                    uncovered[kind] = f"{schemas.owner(document)}; it fits as {known['apiVersion']} {known['kind']}"
        self.assertFalse(problems, "\n" + "\n".join(problems))
        self.assertGreater(fitting, 30)
        print(f"\n  Kubernetes {version}: {fitting} objects fit")
        for kind, why in uncovered.items():
            print(f"  not covered: {kind}: {why}")
        for path in sources.others():
            print(f"  not a Kubernetes object: {path}")

    def test_every_command_prints_objects(self):
        found = {source for source, _ in sources.documents()}
        self.assertLessEqual({f"imagecache {command}" for command in sources.COMMANDS}, found)

    def test_unfit_objects_are_refused(self):
        service = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 443}]}}
        port = service | {"spec": {"ports": [{"port": "https"}]}}
        kyverno = {"apiVersion": "policies.kyverno.io/v1", "kind": "ValidatingPolicy"}
        rule = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": "*"}]}
        for version in (schemas.OLDEST, schemas.NEWEST):
            self.assertIsNone(schemas.fault(service, version))
            for wanted, document in (
                ("'hosts' was unexpected", service | {"hosts": []}),
                ("spec.ports.0.port: 'https' is not of type 'integer'", port),
                (schemas.NO_SUCH_KIND, service | {"apiVersion": "v2"}),
                ("spec.matchConstraints.resourceRules.0.operations", kyverno | {"spec": {"matchConstraints": rule}}),
                ("'matchRules' was unexpected", kyverno | {"spec": {"validationActions": ["Deny"], "matchRules": []}}),
            ):
                self.assertIn(wanted, schemas.fault(schemas.as_kubernetes(document), version))
