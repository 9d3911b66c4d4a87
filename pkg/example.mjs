// `cargo xtask pkg && node pkg/example.mjs [manifest.yaml]`
import { readFileSync } from 'node:fs';
import { CacheIndex, expiry, validate, version } from 'imagecache';

const sample = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: web
  creationTimestamp: "2026-01-18T13:40:56Z"
spec:
  images: [nginx:1.27, Redis:7]
  imageCacheSize: 10
  retentionDays: 7
`;
const file = process.argv[2];
const manifest = file ? readFileSync(file, 'utf8') : sample;

console.log(`imagecache ${version()} on ${file ?? 'a sample'}`);
for (const { severity, code, path, message, help, line, column } of validate(manifest)) {
  console.log(`${line}:${column} ${severity} ${code} ${path}: ${message}`);
  if (help) console.log(`    ${help}`);
}

const cache = {
  kind: 'ImageCache',
  metadata: { name: 'web', creationTimestamp: '2026-01-18T13:40:56Z' },
  spec: { images: ['nginx:1.27'], retentionDays: 7 },
  status: { phase: 'Ready', imageCacheId: 'imc-web' },
};
const pod = { kind: 'Pod', metadata: { name: 'shop' }, spec: { containers: [{ image: 'nginx:1.27' }] } };
const { decision, winner } = new CacheIndex(cache).match(pod);
console.log(`pod shop: ${decision} ${winner.imageCacheId}`);
console.log(`cache web ends at ${expiry(cache, '2026-01-19T00:00:00Z').at}`);
