"""Alerts, dashboard and kube-state-metrics: by promtool, and by the metrics that the command exports."""
import functools
import json
import os
import re
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import yaml

from project_files import CHART, IMAGECACHE, ROOT, printed, run
from server import Server

ALERTS = CHART / "files/alerts.yaml"
NAME = re.compile(r"\b(imagecache_\w+)")


TLS = ssl._create_unverified_context()
CACHE = """\
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: base}
spec: {images: ["nginx:1.27"], retentionDays: 7}
"""


def scrape(command, address, wanted, provoke=lambda url: None):
    """Returns the text of `/metrics` of a process, started for it, as soon as it has these metrics. `address` finds the place
    of the process in what it prints."""
    process = subprocess.Popen([IMAGECACHE, *command], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(address, line):
                break
        else:
            raise AssertionError(f"{command} did not start")
        for _ in range(300):
            provoke(found[1])
            with urllib.request.urlopen(f"{found[1]}/metrics", context=TLS, timeout=10) as answer:
                text = answer.read().decode()
            if all(re.search(rf"^{name}[ {{]", text, re.M) for name in wanted):
                return text
            time.sleep(0.1)
        raise AssertionError(f"{command}: no {wanted} in {text}")
    finally:
        process.terminate()
        process.communicate()


def review(url):
    """Sends what is no review: it is counted, too."""
    try:
        urllib.request.urlopen(f"{url}/validate", data=b"{}", context=TLS, timeout=10)
    except urllib.error.HTTPError:
        pass


ENVIRONMENT = {**os.environ, "ALIBABA_CLOUD_ACCESS_KEY_ID": "testid", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "testsecret"}


@functools.cache
def exported():
    """Returns the names of the series that the controller and the webhook export."""
    with Server() as server:
        server.kubectl("apply", "-f", "-", text=CACHE)
        there = ("--listen", "127.0.0.1:0", "--kubeconfig", str(server.kubeconfig))
        simulate = [IMAGECACHE, "eci", "simulate", "--listen", "127.0.0.1:0", "--speed", "1000", "--quiet"]
        cloud = subprocess.Popen(simulate, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            endpoint = next(found[0] for line in cloud.stdout if (found := re.search(r"http://127.0.0.1:\d+", line)))
            sync = ("sync", *there, "--region", "cn-hangzhou", "--poll", "0.1", "--endpoint")
            place = r"listening on (http://\S+?);"
            texts = [scrape((*sync, endpoint), place, ["imagecache_sync_acts_total"])]
            texts += [
                scrape(("webhook", *there, "--self-signed"), r"(https://127.0.0.1:\d+)",
                       ["imagecache_webhook_reviews_total"], review),
            ]
        finally:
            cloud.terminate()
            cloud.communicate()
    # These exist while there is an end of a cache or of a certificate, or tags are compared: the controller's own tests and code have the names.
    folder = ROOT / "native/controller"
    code = "".join(path.read_text() for path in folder.rglob("*.rs"))
    assert "imagecache_cache_expires_timestamp_seconds{" in code and "certificate_end_timestamp" in code
    assert "imagecache_cache_stale{" in code
    names = {"imagecache_cache_stale", "imagecache_cache_expires_timestamp_seconds",
             "imagecache_webhook_certificate_end_timestamp_seconds"}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", "\n".join(texts), re.M):
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, [""])
        names |= {name + end for end in ends}
    return names


def queries():
    """Returns the queries of the dashboard."""
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


class Prometheus(unittest.TestCase):
    def test_alerts_fire_when_they_should(self):
        run("promtool", "check", "rules", ALERTS)
        run("promtool", "test", "rules", ROOT / "tests/deploy/alerts.test.yaml")

    def test_every_alert_is_tested_both_ways_and_documented(self):
        groups = yaml.safe_load(ALERTS.read_text())["groups"]
        alerts = {rule["alert"] for group in groups for rule in group["rules"]}
        tests = yaml.safe_load((ROOT / "tests/deploy/alerts.test.yaml").read_text())["tests"]
        cases = [case for test in tests for case in test["alert_rule_test"]]
        self.assertEqual({case["alertname"] for case in cases if case.get("exp_alerts")}, alerts)
        self.assertEqual({case["alertname"] for case in cases if not case.get("exp_alerts")}, alerts)
        headings = re.findall(r"^### (\w+)$", (ROOT / "docs/monitoring.md").read_text(), re.M)
        self.assertEqual(set(headings), alerts)
        for group in groups:
            for rule in group["rules"]:
                self.assertTrue(rule["annotations"]["runbook_url"].endswith("#" + rule["alert"].lower()))

    def test_alerts_use_exported_metrics(self):
        used = {name for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
                for name in NAME.findall(rule["expr"])}
        self.assertLessEqual(used, exported())

    def test_the_dashboard_uses_exported_metrics_in_valid_queries(self):
        used = {name for query in queries() for name in NAME.findall(query)}
        self.assertLessEqual(used, exported())
        # promtool checks the queries as recording rules.
        rules = [{"record": f"panel:query:number{number}", "expr": query.replace("$__rate_interval", "5m")}
                 for number, query in enumerate(queries())]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            run("promtool", "check", "rules", file.name)

    def test_every_metric_is_documented(self):
        text = (ROOT / "docs/monitoring.md").read_text()
        for name in exported():
            if not name.endswith(("_bucket", "_sum", "_count")):
                self.assertIn(f"`{name}", text)


class KubeStateMetrics(unittest.TestCase):
    """No package has kube-state-metrics: the paths are looked up in the schema of the definition."""

    def setUp(self):
        config = yaml.safe_load((ROOT / "deploy/kube-state-metrics/imagecaches.yaml").read_text())
        self.resource, = config["spec"]["resources"]
        definition = printed("crd")
        version, = [one for one in definition["spec"]["versions"] if one["name"] == "v1"]
        self.schema = version["schema"]["openAPIV3Schema"]
        self.schema["properties"]["metadata"] = {
            "properties": {name: {} for name in ("name", "creationTimestamp", "deletionTimestamp")}
        }

    def at(self, path, schema=None):
        schema = schema or self.schema
        for step in path:
            schema = schema.get("items", schema)
            self.assertIn(step, schema["properties"], path)
            schema = schema["properties"][step]
        return schema

    def test_paths_are_fields_of_an_image_cache(self):
        self.assertEqual(self.resource["groupVersionKind"]["kind"], "ImageCache")
        for path in self.resource["labelsFromPath"].values():
            self.at(path)
        for metric in self.resource["metrics"]:
            each = metric["each"]
            value = each[each["type"][0].lower() + each["type"][1:]]
            found = self.at(value.get("path", []))
            for path in [*value.get("labelsFromPath", {}).values(), value.get("valueFrom", [])]:
                self.at(path, found.get("items", found))

    def test_phases_are_those_of_the_core(self):
        phases = next(metric for metric in self.resource["metrics"] if metric["name"] == "status_phase")
        code = (ROOT / "src/resource/phase.rs").read_text()
        known = re.search(r"KNOWN: \[Phase; \d+\] = \[(.*?)\];", code, re.S)[1]
        self.assertEqual(phases["each"]["stateSet"]["list"], re.findall(r"Phase::(\w+)", known))
