// The official JavaScript client. `node client.mjs objects` writes objects; `node client.mjs informer` prints what an
// informer sees, one line a change, until it is ended.
import { CoreV1Api, KubeConfig, KubernetesObjectApi, makeInformer, PatchStrategy } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromFile(process.env.KUBECONFIG);

if (process.argv[2] === "objects") {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const cache = {
    apiVersion: "eci.alibabacloud.com/v1",
    kind: "ImageCache",
    metadata: { name: "a" },
    spec: { images: ["nginx:1"] },
  };
  await objects.create(cache);
  const found = await objects.read(cache);
  found.spec.images = ["nginx:2"];
  const replaced = await objects.replace(found);
  console.log(replaced.spec.images[0]);
  const patch = { ...cache, spec: { images: ["nginx:3"] } };
  const none = undefined;
  const patched = await objects.patch(patch, none, none, none, none, PatchStrategy.MergePatch);
  console.log(patched.spec.images[0]);
  await objects.delete(cache);
  const core = config.makeApiClient(CoreV1Api);
  const made = await core.createNamespacedConfigMap({
    namespace: "default",
    body: { metadata: { name: "typed" }, data: { a: "b" } },
  });
  console.log(made.kind, made.data.a);
} else {
  const core = config.makeApiClient(CoreV1Api);
  const list = () => core.listNamespacedConfigMap({ namespace: "default" });
  const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", list);
  for (const what of ["add", "update", "delete"]) {
    informer.on(what, (object) => console.log(what, object.metadata.name));
  }
  informer.on("error", () => setTimeout(() => informer.start().catch(() => {}), 300));
  const start = () => informer.start().catch(() => setTimeout(start, 300));
  start();
}
