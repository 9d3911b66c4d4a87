// Both Node SDKs, one of them in two ways, run the same script against the simulator.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newSdk, popCore, Refused } from "./clients.mjs";
import { simulator } from "./simulator.mjs";

const NGINX = "registry.example.com/demo/nginx:1.27";
const NODE = "registry.example.com/demo/node:22";
const PRIVATE = "registry.example.com/private/app:1";

for (const [name, client] of [
  ["@alicloud/eci20180808", newSdk],
  ["@alicloud/pop-core by GET", popCore("GET")],
  ["@alicloud/pop-core by POST", popCore("POST")],
]) {
  describe(name, () => {
    let server, call;
    before(async () => {
      server = await simulator("--speed", "300");
      call = client(server.port);
    });
    after(() => server.close());

    const create = async (ImageCacheName, more = {}) => {
      const made = await call("CreateImageCache", { ImageCacheName, Image: [NGINX, NODE], ...more });
      assert.match(made.ImageCacheId, /^imc-/);
      assert.match(made.ContainerGroupId, /^eci-/);
      return made.ImageCacheId;
    };
    const one = async (ImageCacheId) => {
      const page = await call("DescribeImageCaches", { ImageCacheId });
      assert.deepEqual([page.TotalCount, page.ImageCaches.length], [1, 1]);
      return page.ImageCaches[0];
    };
    const settled = async (id) => {
      for (const end = Date.now() + 30_000; Date.now() < end; await sleep(5)) {
        const cache = await one(id);
        if (["Ready", "Failed", "UpdateFailed"].includes(cache.Status)) return cache;
        assert.ok(["Preparing", "Creating", "Updating"].includes(cache.Status), cache.Status);
      }
      assert.fail(`${id} is still being built`);
    };
    const ids = async (filters) =>
      (await call("DescribeImageCaches", filters)).ImageCaches.map((cache) => cache.ImageCacheId);
    const refused = async (code, status, action, parameters, by = call) => {
      const error = await by(action, parameters).then(() => assert.fail(`${action} went through`), (error) => error);
      assert.ok(error instanceof Refused, error.stack);
      assert.equal(error.code, code);
      if (error.status !== undefined) assert.equal(error.status, status);
    };

    test("a cache is made, described, updated and deleted", async () => {
      const id = await create("life", {
        ImageCacheSize: 25, RetentionDays: 7, SecurityGroupId: "sg-x", VSwitchId: "vsw-a,vsw-b", Flash: false,
        Tag: [{ Key: "imc", Value: "test ~*+/&=镜" }],
        AcrRegistryInfo: [{ InstanceId: "cri-x", Domain: ["a.example.com", "b.example.com"] }],
        ImageRegistryCredential: [{ Server: "registry.example.com", UserName: "u&1", Password: "p=w ~*+/" }],
      });
      const cache = await settled(id);
      assert.deepEqual([cache.Status, cache.Progress, cache.ImageCacheSize], ["Ready", "100%", 25]);
      assert.deepEqual([cache.Images, cache.Tags], [[NGINX, NODE], [{ Key: "imc", Value: "test ~*+/&=镜" }]]);
      const kept = Date.parse(cache.ExpireDateTime) - Date.parse(cache.CreationTime);
      assert.equal(kept, 7 * 86_400_000);
      assert.equal(cache.Events.filter((event) => event.Reason === "Pulled").length, 3);
      await call("UpdateImageCache", { ImageCacheId: id, Image: [NGINX] });
      const updated = await settled(id);
      assert.deepEqual([updated.Status, updated.Images, updated.ImageCacheSize], ["Ready", [NGINX], 25]);
      await refused("NoNeedUpdate", 400, "UpdateImageCache", { ImageCacheId: id, Image: [NGINX] });
      await call("DeleteImageCache", { ImageCacheId: id });
      await call("DeleteImageCache", { ImageCacheId: id });
      assert.deepEqual(await ids({ ImageCacheId: id }), []);
    });

    test("filters and pages show each cache once", async () => {
      const made = new Set();
      for (const number of ["0", "1", "2", "3", "4"]) {
        made.add(await create("page", { Tag: [{ Key: "n", Value: number }] }));
      }
      const other = await create("another", { Image: ["busybox"], ResourceGroupId: "rg-other" });
      assert.deepEqual(await ids({ Image: "docker.io/library/busybox:latest" }), [other]);
      assert.deepEqual(await ids({ ResourceGroupId: "rg-other" }), [other]);
      assert.equal((await ids({ ImageCacheName: "page", Tag: [{ Key: "n", Value: "3" }] })).length, 1);
      const seen = [];
      for (let NextToken, pages = 0; pages === 0 || NextToken; pages += 1) {
        const page = await call("DescribeImageCaches", { ImageCacheName: "page", Limit: 2, ...(NextToken && { NextToken }) });
        assert.equal(page.TotalCount, 5);
        seen.push(...page.ImageCaches.map((cache) => cache.ImageCacheId));
        NextToken = page.NextToken;
      }
      assert.deepEqual([new Set(seen), seen.length], [made, 5]);
    });

    test("MatchImage ranks as a container group would be given", async () => {
      const [x, y] = ["a.example.com/m/x:1", "a.example.com/m/y:1"];
      const both = await create("both", { Image: [x, y] });
      const first = await create("first", { Image: [x] });
      const old = await create("old", { Image: ["a.example.com/m/x:0"] });
      await Promise.all([both, first, old].map(settled));
      const MatchImage = [x, y];
      assert.deepEqual(await ids({ MatchImage }), [both, first, old]);
      assert.deepEqual(await ids({ MatchImage, ImageFullMatch: true }), [both]);
      assert.deepEqual(await ids({ MatchImage, ImageMatchCountRequest: 1 }), [both, first]);
      const Container = [x, y].map((Image, at) => ({
        Name: `c${at}`, Image, ImagePullPolicy: "IfNotPresent", Cpu: 0.5, Memory: 1,
      }));
      const group = await call("CreateContainerGroup", { ContainerGroupName: "web", AutoMatchImageCache: true, Container });
      const events = await groupEvents(group.ContainerGroupId);
      assert.ok(events.SuccessfulHitImageCache.includes(both), JSON.stringify(events));
    });

    const groupEvents = async (id) => {
      for (const end = Date.now() + 30_000; Date.now() < end; await sleep(5)) {
        const page = await call("DescribeContainerGroups", { ContainerGroupIds: JSON.stringify([id]) });
        const [group] = page.ContainerGroups;
        if (group.Status !== "Running") continue;
        return Object.fromEntries(group.Events.map((event) => [event.Reason, event.Message]));
      }
      assert.fail(`${id} does not run`);
    };

    test("a group that misses starts an automatic cache", async () => {
      const Container = [{ Name: "x", Image: "a.example.com/never/seen:1" }];
      const group = await call("CreateContainerGroup", { ContainerGroupName: "miss", AutoMatchImageCache: true, Container });
      const events = await groupEvents(group.ContainerGroupId);
      assert.ok("ImageCacheMissed" in events && "ImageCacheAutoCreated" in events, JSON.stringify(events));
      assert.equal((await ids({ ImageCacheName: `auto-create-for-${group.ContainerGroupId}` })).length, 1);
      const { Attributes } = await call("ListUsage");
      assert.ok(Attributes.UsedAutoImageCacheCount >= 1);
      assert.equal(Attributes.MaxImageCacheCount, 500);
    });

    test("a cache whose image cannot be pulled fails and says why", async () => {
      const cache = await settled(await create("denied", { Image: [PRIVATE] }));
      assert.equal(cache.Status, "Failed");
      const warnings = cache.Events.filter((event) => event.Type === "Warning");
      assert.match(warnings[0].Message, /pull access denied/);
    });

    test("a client token makes one cache", async () => {
      const ClientToken = "123e4567-e89b-12d3-a456-426655440000";
      const first = await create("token", { ClientToken });
      assert.equal(await create("token", { ClientToken }), first);
      await refused("IdempotentParameterMismatch", 400, "CreateImageCache", { ImageCacheName: "other", Image: [NGINX], ClientToken });
    });

    test("errors have their code and status", async () => {
      await refused("MissingImageCacheName", 400, "CreateImageCache", { Image: [NGINX] });
      await refused("InvalidParameter.Format", 400, "CreateImageCache", { ImageCacheName: "x", Image: ["Bad:Image"] });
      await refused("InvalidImageCache.NotFound", 404, "UpdateImageCache", { ImageCacheId: "imc-none", Image: [NGINX] });
      const Container = [{ Name: "x", Image: NGINX }];
      await refused("ImageSnapshot.NotFound", 404, "CreateContainerGroup", { ContainerGroupName: "web", ImageSnapshotId: "imc-none", Container });
      const forged = { ImageCacheName: "forged", Image: [NGINX] };
      await refused("SignatureDoesNotMatch", 400, "CreateImageCache", forged, client(server.port, { secret: "guessed" }));
      await refused("InvalidAccessKeyId.NotFound", 404, "CreateImageCache", forged, client(server.port, { key: "nobody" }));
      assert.deepEqual(await ids({ ImageCacheName: "forged" }), []);
    });
  });
}
