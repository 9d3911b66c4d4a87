"""`imagecache` against Debian's registry with a login, filled by skopeo."""
import base64
import gzip
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

PROGRAM = os.environ["IMAGECACHE"]
SKOPEO = ["skopeo", "--insecure-policy"]
USER, PASSWORD = "robot", "hunter2-hunter2"
# bcrypt of the password
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuM6LdIRFtSO2kPdsnQR8QqPt6tFqthsy\n"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DIGESTS = "imagecache.eci.alibabacloud.com/digests"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Layout:
    """An OCI layout with an image for each architecture, and an index of them under the tag `all`."""

    def __init__(self, folder, content, arches):
        self.folder = pathlib.Path(folder)
        (self.folder / "blobs/sha256").mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        layer = self.put(LAYER, gzip.compress(content, mtime=0))
        images = []
        for arch in arches:
            diff = {"type": "layers", "diff_ids": [digest(content)]}
            config = self.put(CONFIG, {"os": "linux", "architecture": arch, "rootfs": diff, "history": [{}]})
            image = self.put(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]})
            images.append({**image, "platform": {"os": "linux", "architecture": arch}})
        index = self.put(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": images})
        tags = [{**index, "annotations": {"org.opencontainers.image.ref.name": "all"}}]
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": tags}))
        self.digest = index["digest"]
        self.images = {image["platform"]["architecture"]: image["digest"] for image in images}

    def put(self, media_type, content):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        (self.folder / "blobs/sha256" / digest(content).split(":")[1]).write_bytes(content)
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


class Registry:
    """Debian's registry with htpasswd, on a free port of loopback."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{found.getsockname()[1]}"
        self.htpasswd = self.folder / "htpasswd"
        self.htpasswd.write_text(HTPASSWD)
        self.config = self.folder / "config.yml"
        storage = {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}}
        auth = {"htpasswd": {"realm": "test", "path": str(self.htpasswd)}}
        self.config.write_text(
            json.dumps({"version": 0.1, "storage": storage, "http": {"addr": self.address}, "auth": auth})
        )
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["docker-registry", "serve", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/")
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the registry does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def push(self, layout, name):
        done = subprocess.run(
            [*SKOPEO, "copy", "--all", "--preserve-digests", "--quiet", "--dest-tls-verify=false", f"--dest-creds={USER}:{PASSWORD}",
             f"oci:{layout.folder}:all", f"docker://{self.address}/{name}"],
            capture_output=True, text=True,
        )
        assert done.returncode == 0, done.stderr

    def send(self, method, path, body=None, headers=None):
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        url = path if path.startswith("http") else f"http://{self.address}/v2/{path}"
        headers = {"Authorization": f"Basic {login}", **(headers or {})}
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.headers

    def put_manifest(self, name, tag, config, layers, media_type=MANIFEST, config_type=CONFIG):
        """Pushes a manifest by hand: of a layer it says any size."""
        where = self.send("POST", f"{name}/blobs/uploads/", b"")["Location"]
        self.send("PUT", f"{where}&digest={digest(config)}", config, {"Content-Type": "application/octet-stream"})
        described = {"mediaType": config_type, "digest": digest(config), "size": len(config)}
        parts = [{"mediaType": LAYER, "digest": digest(config), "size": size} for size in layers]
        manifest = {"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": parts}
        self.send("PUT", f"{name}/manifests/{tag}", json.dumps(manifest).encode(), {"Content-Type": media_type})


class Impatient(http.server.BaseHTTPRequestHandler):
    """A proxy that answers the first request of each path with 429."""

    seen = []

    def do_GET(self):
        if self.path not in self.seen:
            self.seen.append(self.path)
            self.send_response(429)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(self.server.target)
        connection.request(self.command, self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.temporary.name)
        cls.one = Layout(folder / "one", b"one" * 500, ["amd64", "arm64"])
        cls.two = Layout(folder / "two", b"two" * 900, ["amd64"])
        cls.registry = Registry(folder)
        cls.registry.push(cls.one, "shop/web:1")
        cls.registry.push(cls.two, "shop/amd:1")
        amd64 = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}, "history": []}
        cls.registry.put_manifest("ml/cuda", "12", json.dumps(amd64).encode(), [15 << 30, 2 << 30])
        cls.registry.put_manifest("charts/shop", "1", b"{}", [9], config_type="application/vnd.cncf.helm.config.v1+json")

    @classmethod
    def tearDownClass(cls):
        cls.registry.stop()
        cls.temporary.cleanup()

    def setUp(self):
        # `.folder` is that of one test.
        self.own = tempfile.TemporaryDirectory()
        self.addCleanup(self.own.cleanup)
        self.folder = pathlib.Path(self.own.name)
        self.login()

    def login(self, address=None, password=PASSWORD):
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        self.write("config.json", {"auths": {address or self.registry.address: {"auth": auth}}})

    def write(self, name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (self.folder / name).write_text(text)

    def cache(self, *images, size=20, arch=None, **spec):
        annotations = {"k8s.aliyun.com/imc-cpu-arch": arch} if arch else {}
        images = [f"{self.registry.address}/{image}" if "/" in image else image for image in images]
        return {
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {"images": images, "imageCacheSize": size, "retentionDays": 1, **spec},
        }

    def run_it(self, *arguments, code=0):
        """Runs the program in the folder of the test; returns what it prints."""
        path = f"{self.folder}:{os.environ['PATH']}"
        environment = {**os.environ, "DOCKER_CONFIG": str(self.folder), "PATH": path, "NO_COLOR": "1"}
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, cwd=self.folder, env=environment, timeout=60
        )
        said = done.stdout + done.stderr
        secrets = [PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
        for secret in secrets:
            self.assertNotIn(secret, said)
        self.assertEqual(done.returncode, code, f"{arguments}: {said}")
        return done

    def codes(self, manifest, *arguments, code=0):
        self.write("in.json", manifest)
        # Off: a hint that a registry by its address may want a login.
        found = self.run_it("validate", "-f", "in.json", "--registry", "--off", "IC033", "-o", "json", *arguments, code=code)
        return [(one["code"], one["path"], one["message"]) for one in json.loads(found.stdout)]

    def test_an_image_for_each_platform_is_valid(self):
        for arch in [None, "amd64", "arm64"]:
            self.assertEqual(self.codes(self.cache("shop/web:1", arch=arch)), [])
        self.assertEqual(self.codes(self.cache(f"shop/web@{self.one.digest}")), [])

    def test_a_missing_image_is_an_error(self):
        found = self.codes(self.cache("shop/web:1", "shop/web:2", "shop/nothing:1"), code=1)
        self.assertEqual([one[:2] for one in found], [("IC090", "spec.images[1]"), ("IC090", "spec.images[2]")])

    def test_another_platform_is_an_error(self):
        found = self.codes(self.cache("shop/amd:1", arch="arm64"), code=1)
        self.assertEqual([one[0] for one in found], ["IC092"])
        self.assertIn("is not made for linux/arm64, only for linux/amd64", found[0][2])
        pod = {"spec": {"nodeSelector": {"kubernetes.io/arch": "arm64"},
                        "containers": [{"name": "a", "image": f"{self.registry.address}/shop/amd:1"}]}}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                      "spec": {"selector": {}, "template": pod}}
        found = self.codes(deployment, code=1)
        self.assertEqual([one[:2] for one in found], [("IC092", "spec.template.spec.containers[0].image")])

    def test_a_small_cache_is_a_warning_with_the_numbers(self):
        found = self.codes(self.cache("ml/cuda:12"))
        self.assertEqual([one[:2] for one in found], [("IC093", "spec.imageCacheSize")])
        self.assertIn("20 GiB, but twice the compressed size of the images is 35 GiB", found[0][2])
        self.assertEqual(self.codes(self.cache("ml/cuda:12", size=35)), [])

    def test_a_chart_is_not_an_image(self):
        found = self.codes(self.cache("charts/shop:1"), code=1)
        self.assertEqual([one[0] for one in found], ["IC095"])

    def test_a_wrong_login_is_refused(self):
        for config in [{}, {"auths": {"registry.example.com": {"auth": base64.b64encode(b"a:b").decode()}}}]:
            self.write("config.json", config)
            found = self.codes(self.cache("shop/web:1"), code=1)
            self.assertEqual([one[0] for one in found], ["IC091"])
            self.assertIn("none is known", found[0][2])
        self.login(password="wrong")
        self.assertIn("refuses the login", self.codes(self.cache("shop/web:1"), code=1)[0][2])

    def test_the_secret_that_a_cache_names_is_tried(self):
        def secret(password):
            config = {"auths": {self.registry.address: {"username": USER, "password": password}}}
            return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
                    "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": json.dumps(config)}}

        cache = self.cache("shop/web:1", imagePullSecrets=["shop:login"])
        items = lambda password: {"apiVersion": "v1", "kind": "List", "items": [secret(password), cache]}
        # The login of the user would do; the cluster has only this one.
        found = self.codes(items("wrong"), code=1)
        self.assertEqual([one[0] for one in found], ["IC091"])
        self.write("config.json", {})
        self.assertEqual(self.codes(items(PASSWORD)), [])

    def test_a_credential_helper_is_asked(self):
        self.write("config.json", {"credHelpers": {self.registry.address: "test"}})
        found = self.codes(self.cache("shop/web:1"), code=1)
        self.assertIn("`docker-credential-test` is not installed", found[0][2])
        reply = json.dumps({"ServerURL": "x", "Username": USER, "Secret": PASSWORD})
        helper = self.folder / "docker-credential-test"
        self.write(helper.name, f"#!/bin/sh\nread host\n[ \"$1 $host\" = 'get {self.registry.address}' ] && echo '{reply}'\n")
        helper.chmod(stat.S_IRWXU)
        self.assertEqual(self.codes(self.cache("shop/web:1")), [])
        self.write(helper.name, "#!/bin/sh\necho credentials not found in native keychain; exit 1\n")
        self.assertIn("none is known", self.codes(self.cache("shop/web:1"), code=1)[0][2])

    def test_too_many_requests_are_waited_for(self):
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impatient)
        proxy.target = self.registry.address
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        address = f"127.0.0.1:{proxy.server_address[1]}"
        self.login(address)
        cache = self.cache(f"shop/web:1")
        cache["spec"]["images"] = [f"{address}/shop/web:1", f"{address}/shop/amd:1"]
        self.assertEqual(self.codes(cache), [])
        self.assertGreater(len(Impatient.seen), 3)

    def test_answers_are_kept_in_a_file(self):
        cache = self.cache("shop/web:1", "shop/web:2")
        first = self.codes(cache, "--registry-cache", "facts.json", code=1)
        kept = (self.folder / "facts.json").read_text()
        self.assertIn(self.one.digest, kept)
        # Nothing is asked again: the address of the proxy leads nowhere.
        elsewhere = f"{self.registry.address}=127.0.0.1:9"
        again = self.codes(cache, "--registry-cache", "facts.json", "--registry-mirror", elsewhere, code=1)
        self.assertEqual(first, again)
        self.assertEqual((self.folder / "facts.json").read_text(), kept)
        self.write("facts.json", "{}")
        self.run_it("validate", "-f", "in.json", "--registry", "--registry-cache", "facts.json", code=3)

    def test_plan_and_match_take_sizes(self):
        image = f"{self.registry.address}/ml/cuda:12"
        pod = {"containers": [{"name": "a", "image": image}]}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ml"},
                      "spec": {"replicas": 2, "selector": {}, "template": {"spec": pod}}}
        self.write("in.json", {"apiVersion": "v1", "kind": "List", "items": [deployment]})
        plan = json.loads(self.run_it("plan", "-f", "in.json", "--registry", "-o", "json", code=1).stdout)
        planned = plan["caches"][0]
        self.assertEqual(planned["images"][0]["source"], "the registry (linux/amd64)")
        self.assertGreaterEqual(planned["sizeGib"], 35)
        ready = {**self.cache("ml/cuda:12", size=40), "status": {"phase": "Ready", "imageCacheId": "imc-1"}}
        self.write("in.json", {"apiVersion": "v1", "kind": "List", "items": [deployment, ready]})
        said = self.run_it("match", "-f", "in.json", "--registry", "--explain").stdout
        self.assertIn("saves pulling 17.00 GiB", said)
        self.write("config.json", {})
        for verb, arguments in [("plan", []), ("match", [])]:
            refused = self.run_it(verb, "-f", "in.json", "--registry", *arguments, code=3)
            self.assertIn("none is known", refused.stderr)

    def test_freshness_sees_a_tag_move_and_go(self):
        name = "shop/fresh"
        self.registry.push(self.one, f"{name}:1")
        cache = self.cache(f"{name}:1", f"{name}@{self.one.digest}")
        cache["status"] = {"phase": "Ready", "imageCacheId": "imc-1", "lastUpdatedTime": "2026-01-01T00:00:00Z"}

        def states(code, *arguments):
            self.write("in.json", {"apiVersion": "v1", "kind": "List", "items": [cache, *pods]})
            found = self.run_it("freshness", "-f", "in.json", "-o", "json", *arguments, code=code)
            return json.loads(found.stdout)

        pods = []
        first = states(3)
        self.assertEqual([one["state"] for one in first], ["unknown", "pinned"])
        self.assertIn(f"no annotation {DIGESTS}", first[0]["reason"])
        recorded = self.run_it("freshness", "-f", "in.json", "--record").stdout
        line = [line for line in recorded.splitlines() if DIGESTS in line][0]
        digests = json.loads(line.split(": ", 1)[1].strip().strip("'").replace('\\"', '"').strip('"'))
        self.assertEqual(digests[f"{self.registry.address}/{name}:1"], self.one.digest)
        cache["metadata"]["annotations"][DIGESTS] = json.dumps(digests)

        def pod(number, digest):
            image = f"{self.registry.address}/{name}:1"
            status = {"containerStatuses": [{"name": "a", "image": image, "imageID": f"{image}@{digest}"}]}
            return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"},
                    "spec": {"containers": [{"name": "a", "image": image}]}, "status": status}

        # A node reports the index or the manifest of its platform.
        pods = [pod(1, self.one.digest), pod(2, self.one.images["arm64"]), pod(3, "sha256:" + "0" * 64)]
        fresh = states(0)[0]
        self.assertEqual(fresh["state"], "fresh")
        running = {one["is"]: one["pods"] for one in fresh["running"] if one["is"] == "other"}
        self.assertEqual(running, {"other": ["default/pod-3"]})
        self.assertEqual(sum(one["is"] == "now" for one in fresh["running"]), 2)

        self.registry.push(self.two, f"{name}:1")
        moved = states(1)[0]
        self.assertEqual((moved["state"], moved["now"], moved["cached"]), ("moved", self.two.digest, self.one.digest))
        self.assertEqual(moved["after"], "2026-01-01T00:00:00Z")
        self.assertIn("cached", [one["is"] for one in moved["running"]])
        self.assertEqual(self.run_it("freshness", "-f", "in.json", "-o", "name", code=1).stdout, "web\n")
        said = self.run_it("freshness", "-f", "in.json", code=1).stdout
        self.assertIn("1 pinned, 1 moved", said)
        cache["status"]["conditions"] = [{"type": "Fresh", "status": "False", "lastTransitionTime": "2026-02-01T00:00:00Z"}]
        self.assertEqual(states(1)[0]["since"], "2026-02-01T00:00:00Z")

        self.registry.send("DELETE", f"{name}/manifests/{self.two.digest}")
        self.assertEqual(states(1)[0]["state"], "gone")
        self.write("config.json", {})
        unknown = states(3)[0]
        self.assertEqual(unknown["state"], "unknown")
        self.assertIn("none is known", unknown["reason"])

    def test_a_revoked_login_is_refused(self):
        self.assertEqual(self.codes(self.cache("shop/web:1")), [])
        self.registry.htpasswd.write_text("")
        self.addCleanup(self.registry.start)
        self.addCleanup(self.registry.htpasswd.write_text, HTPASSWD)
        self.registry.stop()
        self.registry.start()
        self.addCleanup(self.registry.stop)
        self.assertEqual([one[0] for one in self.codes(self.cache("shop/web:1"), code=1)], ["IC091"])

    def test_a_registry_that_is_down_is_an_error(self):
        found = self.codes({**self.cache(), "spec": {"images": ["127.0.0.1:9/a:1"], "retentionDays": 1}}, code=1)
        self.assertEqual([one[0] for one in found], ["IC094"])
        self.assertIn("127.0.0.1:9: ", found[0][2])
