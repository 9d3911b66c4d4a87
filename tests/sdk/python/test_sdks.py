"""Both Python SDKs run the same script against the simulator."""
import time
import unittest
from datetime import datetime, timedelta

from clients import Legacy, New, Refused
from simulator import Simulator

NGINX = "registry.example.com/demo/nginx:1.27"
NODE = "registry.example.com/demo/node:22"
PRIVATE = "registry.example.com/private/app:1"


class Script:
    """What every SDK must be able to do."""

    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator("--speed", "300")
        cls.sdk = cls.client(cls.simulator.port)

    @classmethod
    def tearDownClass(cls):
        cls.simulator.close()

    def create(self, name, **more):
        made = self.sdk.call("CreateImageCache", ImageCacheName=name, **{"Image": [NGINX, NODE], **more})
        self.assertRegex(made["ImageCacheId"], "^imc-")
        self.assertRegex(made["ContainerGroupId"], "^eci-")
        self.assertRegex(made["RequestId"], "^[0-9A-F]{8}-")
        return made["ImageCacheId"]

    def describe(self, **filters):
        return self.sdk.call("DescribeImageCaches", **filters)

    def one(self, id):
        page = self.describe(ImageCacheId=id)
        self.assertEqual((page["TotalCount"], len(page["ImageCaches"])), (1, 1))
        return page["ImageCaches"][0]

    def settled(self, id):
        """The cache when it is built, and every status that it had on the way."""
        seen, end = [], time.monotonic() + 30
        while time.monotonic() < end:
            cache = self.one(id)
            if not seen or seen[-1] != cache["Status"]:
                seen.append(cache["Status"])
            if cache["Status"] in ("Ready", "Failed", "UpdateFailed"):
                return cache, seen
            time.sleep(0.005)
        self.fail(f"{id} is still {seen}")

    def refused(self, code, status, action, sdk=None, **parameters):
        with self.assertRaises(Refused) as caught:
            (sdk or self.sdk).call(action, **parameters)
        self.assertEqual((caught.exception.code, caught.exception.status), (code, status))
        return caught.exception

    def ids(self, **filters):
        return [cache["ImageCacheId"] for cache in self.describe(**filters)["ImageCaches"]]

    def test_a_cache_is_made_described_updated_and_deleted(self):
        id = self.create("life", ImageCacheSize=25, RetentionDays=7, SecurityGroupId="sg-x", VSwitchId="vsw-a,vsw-b",
                         Tag=[{"Key": "imc", "Value": "test ~*+/&="}], EliminationStrategy="LRU",
                         AcrRegistryInfo=[{"InstanceId": "cri-x", "Domain": ["a.example.com"]}],
                         ImageRegistryCredential=[{"Server": "registry.example.com", "UserName": "u&1",
                                                   "Password": "p=w ~*+/"}])
        cache, seen = self.settled(id)
        self.assertEqual(seen[-1], "Ready")
        self.assertLessEqual(set(seen), {"Preparing", "Creating", "Ready"})
        self.assertEqual((cache["Images"], cache["ImageCacheSize"], cache["Progress"]), ([NGINX, NODE], 25, "100%"))
        self.assertEqual(cache["Tags"], [{"Key": "imc", "Value": "test ~*+/&="}])
        self.assertEqual(cache["EliminationStrategy"], "LRU")
        self.assertRegex(cache["SnapshotId"], "^s-")
        created, ends = (datetime.fromisoformat(cache[key]) for key in ("CreationTime", "ExpireDateTime"))
        self.assertEqual(ends - created, timedelta(days=7))
        pulled = [event["Message"] for event in cache["Events"] if event["Reason"] == "Pulled"]
        self.assertEqual(len(pulled), 3, pulled)
        self.assertTrue(pulled[1].endswith(NGINX) and pulled[2].endswith(NODE) and "pause" in pulled[0], pulled)

        self.assertEqual(self.ids(SnapshotId=cache["SnapshotId"]), [id])
        self.assertEqual(list(self.sdk.call("UpdateImageCache", ImageCacheId=id, ImageCacheName="life",
                                            Image=[NGINX])), ["RequestId"])
        updated, seen = self.settled(id)
        self.assertEqual((seen[-1], updated["Images"], updated["ImageCacheSize"]), ("Ready", [NGINX], 25))
        self.assertNotEqual(updated["SnapshotId"], cache["SnapshotId"])
        self.refused("NoNeedUpdate", 400, "UpdateImageCache", ImageCacheId=id, Image=[NGINX])

        for _ in range(2):
            self.assertEqual(list(self.sdk.call("DeleteImageCache", ImageCacheId=id)), ["RequestId"])
        page = self.describe(ImageCacheId=id)
        self.assertEqual((page["TotalCount"], page["ImageCaches"]), (0, []))

    def test_filters_and_pages_show_each_cache_once(self):
        made = {self.create("page", Tag=[{"Key": "n", "Value": str(number)}]) for number in range(5)}
        other = self.create("another", Image=["busybox"], ResourceGroupId="rg-other")
        self.assertEqual(set(self.ids(ImageCacheName="page")), made)
        self.assertEqual(self.ids(Image="docker.io/library/busybox:latest"), [other])
        self.assertEqual(self.ids(ResourceGroupId="rg-other"), [other])
        self.assertEqual(len(self.ids(ImageCacheName="page", Tag=[{"Key": "n", "Value": "3"}])), 1)
        seen, token, pages = [], None, 0
        while pages == 0 or token:
            more = {"NextToken": token} if token else {}
            page = self.describe(ImageCacheName="page", Limit=2, **more)
            self.assertEqual(page["TotalCount"], 5)
            seen += [cache["ImageCacheId"] for cache in page["ImageCaches"]]
            token, pages = page["NextToken"], pages + 1
        self.assertEqual((pages, set(seen), len(seen)), (3, made, 5))
        self.refused("InvalidParameter.Format", 400, "DescribeImageCaches", Limit=101)

    def test_match_image_ranks_as_a_container_group_would_be_given(self):
        both = self.create("both", Image=["a.example.com/m/x:1", "a.example.com/m/y:1"])
        first = self.create("first", Image=["a.example.com/m/x:1"])
        old = self.create("old", Image=["a.example.com/m/x:0"])
        for id in (both, first, old):
            self.settled(id)
        images = ["a.example.com/m/x:1", "a.example.com/m/y:1"]
        self.assertEqual(self.ids(MatchImage=images), [both, first, old])
        self.assertEqual(self.ids(MatchImage=images, ImageFullMatch=True), [both])
        self.assertEqual(self.ids(MatchImage=images, ImageMatchCountRequest=1), [both, first])

        group = self.sdk.call("CreateContainerGroup", ContainerGroupName="web", AutoMatchImageCache=True,
                              Container=[{"Name": f"c{at}", "Image": image, "ImagePullPolicy": "IfNotPresent"}
                                         for at, image in enumerate(images)])
        told = self.events(group["ContainerGroupId"])
        self.assertIn(f"Successfully hit image cache {both}", told["SuccessfulHitImageCache"])
        self.assertIn("already present on machine", told["Pulled"])
        self.assertIn("LastMatchedTime", self.one(both))

    def test_a_group_that_misses_starts_an_automatic_cache(self):
        group = self.sdk.call("CreateContainerGroup", ContainerGroupName="miss", AutoMatchImageCache=True,
                              Container=[{"Name": "x", "Image": "a.example.com/never/seen:1"}])["ContainerGroupId"]
        told = self.events(group)
        self.assertIn("Missed image cache.", told["ImageCacheMissed"])
        self.assertIn("is auto created", told["ImageCacheAutoCreated"])
        page = self.describe(ImageCacheName=f"auto-create-for-{group}")
        self.assertEqual([cache["ImageCacheSize"] for cache in page["ImageCaches"]], [30])
        usage = self.sdk.call("ListUsage")["Attributes"]
        self.assertGreaterEqual(usage["UsedAutoImageCacheCount"], 1)
        self.assertEqual((usage["MaxImageCacheCount"], usage["MaxAutoImageCacheCount"]), (500, 25))

    def events(self, group):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            page = self.sdk.call("DescribeContainerGroups", ContainerGroupIds=f'["{group}"]')
            found = page["ContainerGroups"][0]
            if found["Status"] == "Running":
                return {event["Reason"]: event["Message"] for event in found["Events"]}
            time.sleep(0.005)
        self.fail(f"{group} does not run: {found}")

    def test_a_cache_whose_image_cannot_be_pulled_fails_and_says_why(self):
        cache, _ = self.settled(self.create("denied", Image=[PRIVATE]))
        self.assertEqual(cache["Status"], "Failed")
        warning = [event for event in cache["Events"] if event["Type"] == "Warning"]
        self.assertEqual([event["Reason"] for event in warning], ["Failed"])
        self.assertIn("pull access denied", warning[0]["Message"])
        failed, ends = (datetime.fromisoformat(text) for text in (warning[0]["LastTimestamp"], cache["ExpireDateTime"]))
        self.assertEqual(ends - failed, timedelta(hours=24))
        login = [{"Server": "registry.example.com", "UserName": "robot", "Password": "hunter2"}]
        cache, _ = self.settled(self.create("allowed", Image=[PRIVATE], ImageRegistryCredential=login))
        self.assertEqual(cache["Status"], "Ready")

    def test_a_client_token_makes_one_cache(self):
        token = "123e4567-e89b-12d3-a456-426655440000"
        first = self.create("token", ClientToken=token)
        self.assertEqual(self.create("token", ClientToken=token), first)
        self.refused("IdempotentParameterMismatch", 400, "CreateImageCache", ImageCacheName="other", Image=[NGINX],
                     ClientToken=token)
        self.assertEqual(self.ids(ImageCacheName="token"), [first])

    def test_errors_have_their_code_and_status(self):
        self.refused("MissingImageCacheName", 400, "CreateImageCache", Image=[NGINX])
        self.refused("MissingImage", 400, "CreateImageCache", ImageCacheName="x")
        self.refused("InvalidParameter.Format", 400, "CreateImageCache", ImageCacheName="x", Image=["Bad:Image"])
        self.refused("InvalidParameter.Format", 400, "CreateImageCache", ImageCacheName="x",
                     Image=[f"registry.example.com/demo/many:{number}" for number in range(21)])
        self.refused("InvalidParameter.Format", 400, "CreateImageCache", ImageCacheName="x", Image=[NGINX],
                     RetentionDays=0)
        self.refused("InvalidImageCache.NotFound", 404, "UpdateImageCache", ImageCacheId="imc-none", Image=[NGINX])
        self.assertEqual(self.ids(ImageCacheName="x"), [])

    def test_a_cache_that_is_being_built_is_neither_updated_nor_used(self):
        simulator = Simulator()
        try:
            sdk = self.client(simulator.port)
            building = sdk.call("CreateImageCache", ImageCacheName="building", Image=[NGINX])["ImageCacheId"]
            self.refused("ImageCache.IncorrectStatus", 400, "UpdateImageCache", sdk=sdk, ImageCacheId=building,
                         Image=[NODE])
            container = [{"Name": "x", "Image": NGINX}]
            self.refused("ImageSnapshot.IncorrectStatus", 400, "CreateContainerGroup", sdk=sdk,
                         ContainerGroupName="web", ImageSnapshotId=building, Container=container)
            self.refused("ImageSnapshot.NotFound", 404, "CreateContainerGroup", sdk=sdk, ContainerGroupName="web",
                         ImageSnapshotId="imc-none", Container=container)
        finally:
            simulator.close()

    def test_a_wrong_secret_and_an_unknown_key_are_refused(self):
        for sdk, code, status in ((self.client(self.simulator.port, secret="guessed"), self.client.wrong_secret, 400),
                                  (self.client(self.simulator.port, key="nobody"), "InvalidAccessKeyId.NotFound", 404)):
            with self.assertRaises(Refused) as caught:
                sdk.call("CreateImageCache", ImageCacheName="forged", Image=[NGINX])
            self.assertEqual((caught.exception.code, caught.exception.status), (code, status))
        self.assertEqual(self.ids(ImageCacheName="forged"), [])

    def test_throttling_is_seen_as_such(self):
        simulator = Simulator("--rate", "0.01", "--burst", "1")
        try:
            sdk = self.client(simulator.port)
            sdk.call("ListUsage")
            with self.assertRaises(Refused) as caught:
                sdk.call("ListUsage")
            error = caught.exception
            self.assertEqual((error.code, error.status, error.kind), ("Throttling.User", 400, sdk.throttled))
        finally:
            simulator.close()


class NewSdk(Script, unittest.TestCase):
    client = New

    def test_an_endpoint_with_a_scheme_sends_an_odd_host_and_is_understood(self):
        self.assertIn("Attributes", New(self.simulator.port, scheme=True).call("ListUsage"))


class LegacySdk(Script, unittest.TestCase):
    client = Legacy


if __name__ == "__main__":
    unittest.main()
