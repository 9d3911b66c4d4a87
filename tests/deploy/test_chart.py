"""The chart and the Kustomize folders: by Helm, by the schemas of Kubernetes, and on `imagecache serve`."""
import json
import pathlib
import sys
import tempfile
import unittest

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "engines"))

import schemas  # noqa: E402
from server import Server  # noqa: E402
from project_files import (  # noqa: E402
    CHART, HELM, IMAGECACHE, KUSTOMIZE, ROOT, documents, kinds, printed, run, template, values_files,
)

REGION = ("--set", "controller.region=cn-hangzhou")
# Kinds of other projects: `foreign_faults` checks them.
FOREIGN = {"cert-manager.io", "monitoring.coreos.com"}
OVERLAYS = sorted(path.parent for path in KUSTOMIZE.glob("overlays/*/kustomization.yaml"))


def faults(objects):
    """Returns what is wrong in objects by the schemas of the oldest and the newest Kubernetes."""
    found = []
    for one in objects:
        if one["apiVersion"].partition("/")[0] in FOREIGN:
            continue
        for version in (schemas.OLDEST, schemas.NEWEST):
            if fault := schemas.fault(one, version):
                found.append(f"{version}: {one['kind']} {one['metadata']['name']}: {fault}")
    return found


def foreign_faults(objects):
    """Returns what is wrong in objects for cert-manager and the Prometheus operator, by their schemas."""
    objects = [one for one in objects if one["apiVersion"].partition("/")[0] in FOREIGN]
    return run("node", ROOT / "tests/deploy/node/validate.mjs", text=json.dumps(objects)).splitlines()


def rules(objects, resource):
    """Returns the rules about a resource: kind of the role, namespace, verbs."""
    return [
        (role["kind"], role["metadata"].get("namespace"), rule["verbs"])
        for role in objects
        for rule in role.get("rules", [])
        if resource in rule.get("resources", [])
    ]


class Rendering(unittest.TestCase):
    def test_helm_finds_nothing_in_the_chart(self):
        for values in values_files():
            run(HELM, "lint", "--strict", CHART, "--values", values)

    def test_objects_fit_kubernetes(self):
        for values in values_files():
            objects = template("--values", values)
            self.assertFalse(faults(objects), values.name)
            self.assertFalse(foreign_faults(objects), values.name)
            self.assertGreater(len(objects), 15)
            names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
            self.assertEqual(len(names), len(set(names)), values.name)

    def test_unfit_objects_of_others_are_reported(self):
        objects = template("--values", CHART / "ci/all-values.yaml")
        found = {one["kind"]: one for one in objects if one["apiVersion"].partition("/")[0] in FOREIGN}
        self.assertEqual(set(found), {"Certificate", "ServiceMonitor", "PrometheusRule"})
        found["Certificate"]["spec"].pop("secretName")
        found["ServiceMonitor"]["spec"].pop("selector")
        found["PrometheusRule"]["spec"]["groups"][0]["rules"] = 1
        self.assertEqual(len(foreign_faults(found.values())), 3)

    def test_values_and_schema_have_the_same_keys(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())

        def compare(path, schema, value):
            properties = schema.get("properties")
            if properties is None:
                return
            wanted = set(properties) - {"global"}
            self.assertEqual(set(value), wanted, path)
            for key in wanted:
                compare(f"{path}.{key}", properties[key], value[key])

        compare("values", schema, values)

    def test_every_value_has_a_meaning(self):
        from generated import rows

        text = (CHART / "values.yaml").read_text()
        values = yaml.safe_load(text)
        documented = [path for path, _, _ in rows(values, text)]

        def leaves(path, value):
            if path in documented or not isinstance(value, dict):
                yield path
                return
            for key, item in value.items():
                yield from leaves(f"{path}.{key}" if path else key, item)

        self.assertEqual(sorted(set(leaves("", values))), sorted(documented))

    def test_wrong_values_are_refused(self):
        for wrong, message in (
            (["--set", "controller.regions=a"], "regions"),
            ([*REGION, "--set", "controller.replicas=two"], "replicas"),
            ([*REGION, "--set", "webhook.failurePolicy=fail"], "failurePolicy"),
            ([*REGION, "--set", "webhook.certificate.source=existing"], "caBundle is required"),
            ([*REGION, "--set", "controller.secretNamespaces={a b}"], "secretNamespaces"),
            ([], "controller.region is required"),
        ):
            self.assertIn(message, run(HELM, "template", "a", CHART, "--kube-version", "1.36.0", *wrong, code=1))

    def test_old_kubernetes_is_refused(self):
        self.assertIn("incompatible", run(HELM, "template", "a", CHART, "--kube-version", "1.29.0", *REGION, code=1))

    def test_parts_can_be_left_out(self):
        off = ["--set", "controller.enabled=false", "--set", "crds.install=false"]
        components = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in template(*off)}
        self.assertEqual(components, {"webhook"})
        off = [*REGION, "--set", "webhook.enabled=false"]
        components = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in template(*off)}
        self.assertEqual(components, {"controller", "definition"})

    def test_the_certificate_is_signed_by_the_bundle(self):
        objects = template(*REGION)
        secret, = kinds(objects, "Secret")
        bundles = {
            webhook["clientConfig"]["caBundle"]
            for one in objects
            for webhook in one.get("webhooks", [])
        }
        self.assertEqual(bundles, {secret["data"]["ca.crt"]})
        with tempfile.TemporaryDirectory() as folder:
            files = {name: pathlib.Path(folder, name) for name in secret["data"]}
            for name, data in secret["data"].items():
                files[name].write_text(run("base64", "--decode", text=data))
            host = "imagecache-webhook.imagecache-system.svc"
            run("openssl", "verify", "-CAfile", files["ca.crt"], "-verify_hostname", host, files["tls.crt"])

    def test_webhooks_are_those_that_the_command_prints(self):
        ours = template(*REGION, "--set", "webhook.certificate.source=certManager")
        theirs = printed("webhook", "manifests", "--cert-manager")["items"]
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
            (our,), (their,) = kinds(ours, kind), kinds(theirs, kind)
            self.assertEqual(our["webhooks"], their["webhooks"])


# What the controller asks of a cluster.
NEEDS = {
    ("eci.alibabacloud.com", "imagecaches"): {"get", "list", "patch", "watch"},
    ("eci.alibabacloud.com", "imagecaches/status"): {"patch"},
    ("", "pods"): {"list", "watch"},
    ("events.k8s.io", "events"): {"create"},
    ("coordination.k8s.io", "leases"): {"create", "get", "update"},
}


class Trust(unittest.TestCase):
    def test_the_controller_gets_what_it_asks_and_no_more(self):
        for secrets in (False, True):
            more = ["--set", "controller.secretNamespaces={a}"] if secrets else []
            granted = {}
            for role in template(*REGION, "--set", "webhook.enabled=false", *more):
                for rule in role.get("rules", []):
                    for group, resource in zip(rule["apiGroups"], rule["resources"]):
                        granted.setdefault((group, resource), set()).update(rule["verbs"])
            self.assertEqual(granted, NEEDS | ({("", "secrets"): {"get"}} if secrets else {}))

    def test_nothing_is_allowed_by_default(self):
        objects = template(*REGION)
        self.assertEqual(rules(objects, "secrets"), [])
        controller = next(one for one in kinds(objects, "Deployment") if one["metadata"]["name"].endswith("controller"))
        args = controller["spec"]["template"]["spec"]["containers"][0]["args"]
        for flag in ("--secret-namespaces", "--plain-http", "--allow-network", "--allow-adoption", "--on-drift", "--ask"):
            self.assertFalse([arg for arg in args if arg.startswith(flag)])
        written = {verb for role in objects for rule in role.get("rules", []) for verb in rule.get("verbs", [])}
        self.assertLessEqual(written, {"get", "list", "watch", "patch", "create", "update"})

    def test_registries_are_asked_only_by_name(self):
        drift = (*REGION, "--set", "controller.freshness.onDrift=report")
        objects = template(*drift, "--set", "controller.freshness.registries={docker.io,registry.example.com}")
        controller = next(one for one in kinds(objects, "Deployment") if one["metadata"]["name"].endswith("controller"))
        args = controller["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertIn("--on-drift=report", args)
        self.assertIn("--ask-registries=docker.io,registry.example.com", args)
        with self.assertRaisesRegex(AssertionError, "needs controller.freshness.registries"):
            template(*drift)

    def test_named_namespaces_get_a_role_each(self):
        objects = template(*REGION, "--set", "controller.secretNamespaces={team-a,team-b}")
        self.assertEqual(rules(objects, "secrets"), [("Role", "team-a", ["get"]), ("Role", "team-b", ["get"])])

    def test_a_star_gets_a_cluster_role(self):
        objects = template(*REGION, "--set", "controller.secretNamespaces={*}")
        self.assertEqual(rules(objects, "secrets"), [("ClusterRole", None, ["get"])])

    def test_the_command_takes_the_arguments(self):
        for values in values_files():
            for one in kinds(template("--values", values), "Deployment"):
                args = one["spec"]["template"]["spec"]["containers"][0]["args"]
                if args[0] == "sync":
                    args.append("--kubeconfig=/nothing")
                # 3: a file is missing, as it must be here; 2 would be a usage error
                reported = run(IMAGECACHE, *args, code=3, env={"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"})
                self.assertRegex(reported, "/nothing|/etc/imagecache")


class Pods(unittest.TestCase):
    def test_pods_are_restricted_and_limited(self):
        for values in values_files():
            for one in kinds(template("--values", values), "Deployment"):
                spec = one["spec"]["template"]["spec"]
                self.assertEqual(one["spec"]["replicas"], 2)
                self.assertTrue(spec["securityContext"]["runAsNonRoot"])
                self.assertEqual(spec["securityContext"]["runAsUser"], 65532)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                for container in spec["containers"]:
                    wanted = {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    }
                    self.assertEqual(container["securityContext"], wanted)
                    self.assertIn("memory", container["resources"]["limits"])
                self.assertFalse(any("hostPath" in volume for volume in spec.get("volumes", [])))


class Kustomize(unittest.TestCase):
    def test_base_and_overlays_fit_kubernetes(self):
        self.assertEqual(len(OVERLAYS), 2)
        for folder in [KUSTOMIZE / "base", *OVERLAYS]:
            objects = documents(run("kubectl", "kustomize", folder))
            self.assertFalse(faults(objects), folder.name)
            self.assertGreater(len(objects), 8)

    def test_production_has_its_region_and_secrets(self):
        objects = documents(run("kubectl", "kustomize", KUSTOMIZE / "overlays/production"))
        text = json.dumps(objects)
        self.assertIn("--region=cn-shanghai", text)
        self.assertNotIn("--region=cn-hangzhou", text)
        self.assertEqual(rules(objects, "secrets"), [("Role", "team-a", ["get"])])

    def test_webhook_only_has_no_controller(self):
        objects = documents(run("kubectl", "kustomize", KUSTOMIZE / "overlays/webhook-only"))
        self.assertEqual([one["metadata"]["name"] for one in kinds(objects, "Deployment")], ["imagecache-webhook"])
        self.assertEqual(rules(objects, "pods"), [])


class Install(unittest.TestCase):
    """A release on `imagecache serve`, which serves every kind of it."""

    def test_install_upgrade_rollback_uninstall(self):
        with Server() as server:
            def helm(*arguments):
                return run(HELM, "--kubeconfig", server.kubeconfig, "--namespace", "imagecache-system", *arguments)

            def replicas():
                found = json.loads(server.kubectl("get", "deployments", "-A", "-o", "json"))["items"]
                return {one["metadata"]["name"]: one["spec"]["replicas"] for one in found}

            # The server has brought the definition itself, as ACK does; Helm takes it over, as the README says.
            name = "imagecaches.eci.alibabacloud.com"
            server.kubectl("label", "crd", name, "app.kubernetes.io/managed-by=Helm")
            server.kubectl("annotate", "crd", name, "meta.helm.sh/release-name=ic",
                           "meta.helm.sh/release-namespace=imagecache-system")
            server.kubectl("create", "namespace", "imagecache-system")
            # Helm 3.10 reads OpenAPI v2 to validate objects; the server has v3 only.
            chart = ["ic", CHART, *REGION, "--disable-openapi-validation"]
            notes = helm("install", *chart)
            self.assertIn("kubectl wait --for=condition=Ready imagecache/first", notes)
            self.assertEqual(replicas(), {"ic-imagecache-controller": 2, "ic-imagecache-webhook": 2})
            key = json.loads(server.kubectl("get", "secret", "-A", "-o", "json"))
            secret = [one["data"] for one in key["items"] if one["type"] == "kubernetes.io/tls"]

            helm("upgrade", *chart, "--set", "webhook.replicas=3")
            self.assertEqual(replicas()["ic-imagecache-webhook"], 3)
            key = json.loads(server.kubectl("get", "secret", "-A", "-o", "json"))
            kept = [one["data"] for one in key["items"] if one["type"] == "kubernetes.io/tls"]
            self.assertEqual(kept, secret, "an upgrade keeps a certificate that is valid for long")

            helm("rollback", "ic", "1")
            self.assertEqual(replicas()["ic-imagecache-webhook"], 2)
            self.assertEqual([one["revision"] for one in json.loads(helm("history", "ic", "-o", "json"))], [1, 2, 3])
            # No pod of the webhook runs here, and its failure policy for image caches is Fail.
            refused = server.kubectl("apply", "-f", "-", text=CACHE, code=1)
            self.assertIn('no endpoints available for service "ic-imagecache-webhook"', refused)
            helm("upgrade", *chart, "--set", "webhook.enabled=false")
            server.kubectl("apply", "-f", "-", text=CACHE)
            helm("uninstall", "ic")
            self.assertEqual(replicas(), {})
            self.assertIn("first", server.kubectl("get", "imagecaches", "-o", "name"))
            left = server.kubectl("get", KINDS, "-A", "-l", "app.kubernetes.io/instance=ic", "-o", "name").split()
            self.assertEqual(left, [])

    def test_kustomize_folders_are_applied_whole(self):
        with Server() as server:
            server.kubectl("apply", "-f", "-", text=CERT_MANAGER)
            server.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
            for name in ("imagecache-system", "team-a"):
                server.kubectl("create", "namespace", name)
            for folder in [KUSTOMIZE / "base", *OVERLAYS]:
                wanted = documents(run("kubectl", "kustomize", folder))
                applied = server.kubectl("apply", "-k", folder).splitlines()
                self.assertEqual(len(applied), len(wanted), applied)
                again = server.kubectl("apply", "-k", folder).splitlines()
                # kubectl patches budgets each time: their selector is replaced as a whole
                changed = [line for line in again if not line.endswith(" unchanged") and "poddisruptionbudget" not in line]
                self.assertEqual(changed, [])

    def test_manifests_of_the_webhook_are_applied_whole(self):
        with Server() as server:
            text = run(IMAGECACHE, "webhook", "manifests", "--make-certificate")
            applied = server.kubectl("apply", "-f", "-", text=text).splitlines()
            self.assertEqual(len(applied), len(documents(text)))
            for kind, name in (("svc", "443/TCP"), ("pdb", "N/A"), ("netpol", "app.kubernetes.io"), ("sa", "imagecache")):
                self.assertIn(name, server.kubectl("get", kind, "-A"), kind)
            server.kubectl("delete", "--ignore-not-found", "-f", "-", text=text)


# Kinds of the chart's objects.
KINDS = ",".join((
    "serviceaccounts", "services", "secrets", "configmaps", "deployments", "roles", "rolebindings", "clusterroles",
    "clusterrolebindings", "poddisruptionbudgets", "networkpolicies", "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
))

# The kinds of cert-manager that the Kustomize folders have.
CERT_MANAGER = "---".join(f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.cert-manager.io}}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
""" for kind, plural in (("Certificate", "certificates"), ("Issuer", "issuers")))

CACHE = """\
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: first}
spec: {images: ["registry-vpc.cn-hangzhou.aliyuncs.com/a/b:1"], retentionDays: 7}
"""
