"""The official Python client."""
import threading
import unittest
from importlib.metadata import version

from kubernetes import client, config, dynamic, watch
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from matrix import tried
from server import Server

CACHE = {"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache"}


def meta(name):
    return client.V1ObjectMeta(name=name)


class Python(unittest.TestCase):
    client, version = "kubernetes (Python)", version("kubernetes")

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        config.load_kube_config(str(cls.server.kubeconfig))
        cls.core, cls.apps = client.CoreV1Api(), client.AppsV1Api()

    @tried("typed create without kind and apiVersion, replace, patch, delete")
    def test_typed_objects_are_created_and_changed(self):
        self.core.create_namespace(client.V1Namespace(metadata=meta("typed")))
        made = self.core.create_namespaced_secret("typed", client.V1Secret(metadata=meta("s"), string_data={"a": "b"}))
        self.assertEqual((made.kind, made.api_version, made.data), ("Secret", "v1", {"a": "Yg=="}))
        containers = client.V1PodSpec(containers=[client.V1Container(name="c", image="nginx")])
        self.core.create_namespaced_pod("typed", client.V1Pod(metadata=meta("p"), spec=containers))
        template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"a": "b"}), spec=containers)
        selector = client.V1LabelSelector(match_labels={"a": "b"})
        spec = client.V1DeploymentSpec(selector=selector, template=template)
        made = self.apps.create_namespaced_deployment("typed", client.V1Deployment(metadata=meta("d"), spec=spec))
        made.spec.replicas = 3
        made.kind = made.api_version = None
        self.assertEqual(self.apps.replace_namespaced_deployment("d", "typed", made).spec.replicas, 3)
        patched = self.apps.patch_namespaced_deployment("d", "typed", {"spec": {"replicas": 2}})
        self.assertEqual(patched.spec.replicas, 2)
        self.core.delete_namespaced_secret("s", "typed")
        with self.assertRaises(client.ApiException) as caught:
            self.core.read_namespaced_secret("s", "typed")
        self.assertEqual(caught.exception.status, 404)

    @tried("typed create of another kind is refused")
    def test_another_kind_is_refused(self):
        with self.assertRaises(client.ApiException) as caught:
            self.core.create_namespaced_config_map("default", {"kind": "Secret", "metadata": {"name": "s"}})
        self.assertEqual(caught.exception.status, 400)
        self.assertIn("converting (v1.Secret) to (core.ConfigMap): unknown conversion", caught.exception.body)

    @tried("dynamic client, server-side apply")
    def test_dynamic_objects_are_applied(self):
        caches = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version=CACHE["apiVersion"], kind="ImageCache")
        caches.create(body={**CACHE, "metadata": {"name": "a"}, "spec": {"images": ["nginx:1"]}})
        body = {**CACHE, "metadata": {"name": "a"}, "spec": {"images": ["nginx:2"]}}
        applied = caches.server_side_apply(body=body, name="a", field_manager="test", force_conflicts=True)
        self.assertEqual(applied.spec.images, ["nginx:2"])

    @tried("watch")
    def test_a_watch_sees_what_is_written(self):
        self.core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=meta("watched")))
        seen = []
        watching = watch.Watch()
        for event in watching.stream(self.core.list_namespaced_config_map, "default", timeout_seconds=10):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                watching.stop()
            else:
                self.core.delete_namespaced_config_map("watched", "default")
        self.assertEqual(seen, [("ADDED", "watched"), ("DELETED", "watched")])

    @tried("leader election by a Lease")
    def test_leader_election_finds_a_leader(self):
        leading = threading.Event()
        settings = electionconfig.Config(
            LeaseLock("lock", "default", "me"), lease_duration=5, renew_deadline=4, retry_period=1,
            onstarted_leading=leading.set, onstopped_leading=lambda: None,
        )
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()
        self.assertTrue(leading.wait(20))
        lease = client.CoordinationV1Api().read_namespaced_lease("lock", "default")
        self.assertEqual(lease.spec.holder_identity, "me")


if __name__ == "__main__":
    unittest.main()
