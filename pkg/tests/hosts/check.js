// The same few questions in every host; the answer is compared with Node's.
export function check({ validate, CacheIndex, parseReference, version }) {
  const index = new CacheIndex({ kind: 'ImageCache', metadata: { name: 'a' }, spec: { images: ['nginx:1'] }, status: { phase: 'Ready', imageCacheId: 'imc-1' } });
  return JSON.stringify([
    validate('{"kind": "ImageCache", "apiVersion": "eci.alibabacloud.com/v1", "spec": {"images": []}}'),
    index.match({ kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ image: 'nginx:1' }] } }),
    parseReference('nginx'),
    version(),
  ]);
}
