"""The project's own client runs the same script; every request that it sends is verified by code that is not ours."""
import json
import os
import subprocess
import tempfile
import unittest

import signatures
from recorder import Recorder
from simulator import BINARY, KEY, REGION, SECRET, Simulator

ENVIRONMENT = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
               "ALIBABA_CLOUD_REGION_ID": REGION, "PATH": os.environ["PATH"]}

SECRET_MANIFEST = """
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: default}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{"auths": {"registry.example.com": {"username": "robot", "password": "hunter2"}}}'
---
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: private
  annotations:
    k8s.aliyun.com/vswitch-ids: "vsw-a,vsw-b"
    k8s.aliyun.com/plain-http-registry: "a.example.com:5000,b.example.com"
spec:
  images: [registry.example.com/private/app:1]
  imagePullSecrets: ["default:login"]
  retentionDays: 7
"""


class OwnClient(unittest.TestCase):
    def setUp(self):
        self.simulator = Simulator("--speed", "300")
        self.recorder = Recorder(self.simulator.port)

    def tearDown(self):
        self.recorder.close()
        self.simulator.close()

    def run_verb(self, signature, *arguments, code=0):
        command = [BINARY, "eci", *arguments, "--endpoint", self.recorder.url, "--signature", signature]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"{command}: {done.stderr}")
        return done.stdout

    def script(self, signature):
        watch = ("--watch", "--poll", "0.02", "-o", "name")
        odd = "base ~*+/&=% 镜"
        id = self.run_verb(signature, "create", "--name", odd, "--image", "busybox", *watch).strip()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as manifest:
            manifest.write(SECRET_MANIFEST)
            manifest.flush()
            private = self.run_verb(signature, "create", "-f", manifest.name, *watch).strip()
        denied = self.run_verb(signature, "create", "--name", "denied", "--image", "registry.example.com/private/app:2",
                               *watch, code=1).strip()
        everything = json.loads(self.run_verb(signature, "list", "--page-size", "2", "-o", "json"))
        self.assertEqual({cache["ImageCacheId"]: (cache["ImageCacheName"], cache["Status"]) for cache in everything},
                         {id: (odd, "Ready"), private: ("private", "Ready"), denied: ("denied", "Failed")})
        self.assertEqual(self.run_verb(signature, "list", "--match-image", "busybox", "--full-match", "-o", "name").strip(), id)
        self.run_verb(signature, "update", "--cache", odd, "--image", "nginx:1.27", *watch)
        self.run_verb(signature, "update", "--cache", odd, "--image", "nginx:1.27", code=3)
        self.assertIn("nginx:1.27", self.run_verb(signature, "get", id))
        self.assertIn("image caches", self.run_verb(signature, "usage"))
        for one in (id, private, denied):
            self.run_verb(signature, "delete", one)
        self.assertEqual(json.loads(self.run_verb(signature, "list", "-o", "json")), [])

    def verify(self, scheme, signature):
        self.script(signature)
        recorded = self.recorder.recorded
        for request in recorded:
            given, derived = scheme(request, SECRET)
            self.assertEqual(given, derived, request)
            self.assertTrue(signature == "v3" or b"SignatureVersion=1.0" in request["body"])
        self.assertEqual({signatures.action(request) for request in recorded},
                         {"CreateImageCache", "UpdateImageCache", "DeleteImageCache", "DescribeImageCaches", "ListUsage"})
        nonces = [signatures.nonce(request) for request in recorded]
        self.assertNotIn(None, nonces)
        self.assertEqual(len(set(nonces)), len(nonces))

    def test_every_request_in_v3_is_signed_as_the_documents_say(self):
        self.verify(signatures.v3, "v3")

    def test_every_request_in_v1_is_signed_as_the_documents_say(self):
        self.verify(signatures.v1, "v1")


class Recordings(unittest.TestCase):
    """The verifier itself, on what the vendor's SDKs were recorded to send."""

    def test_the_verifier_agrees_with_the_official_sdks_and_sees_a_changed_byte(self):
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data/eci/recordings")
        verified = 0
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name)) as lines:
                for line in lines:
                    recorded = json.loads(line)
                    request = {"method": recorded["method"], "target": recorded["path"],
                               "headers": recorded["headers"], "body": recorded["body"].encode()}
                    is_v3 = any(name.lower() == "authorization" for name, _ in request["headers"])
                    scheme = signatures.v3 if is_v3 else signatures.v1
                    given, derived = scheme(request, SECRET)
                    self.assertEqual(given, derived, name)
                    changed = dict(request, target=request["target"].replace("cn-hangzhou", "cn-shanghai"),
                                   body=request["body"].replace(b"cn-hangzhou", b"cn-shanghai"))
                    self.assertNotEqual(changed, request)
                    self.assertNotEqual(scheme(changed, SECRET)[1], given)
                    verified += 1
        self.assertEqual(verified, 17)
