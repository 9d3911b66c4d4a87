// The sizes of the package as it travels: modules with their glue; apart from them the texts that `explain`, `crd` and
// `schema` give, which bundlers leave out where they are not asked for; gzip level 9. `sizes.json` holds what they were; more
// than 5 % above it fails. `node sizes.mjs --write` takes today's sizes.
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const record = new URL('../sizes.json', import.meta.url);
const dist = new URL('../dist/', import.meta.url);

const gzip = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
const js = (folder) => ['glue.js', 'part.js', 'api.js', 'web.js'].reduce((sum, file) => sum + gzip(`${folder}/${file}`), 0);

export const MARGIN = 1.05;
export const TARGETS = { full: 267_000, json: 244_000, plan: 375_000 };

export function measure() {
  const sizes = {};
  for (const folder of Object.keys(TARGETS)) {
    sizes[folder] = { wasm: gzip(`${folder}/imagecache.wasm`), js: js(folder) };
  }
  sizes.texts = { js: gzip('full/texts.js') };
  sizes.inline = { js: gzip('full/inline.js') };
  return sizes;
}

export const recorded = () => JSON.parse(readFileSync(record, 'utf8'));

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const sizes = measure();
  if (process.argv.includes('--write')) writeFileSync(record, `${JSON.stringify(sizes, null, 2)}\n`);
  const before = recorded();
  console.log('bytes, gzip -9    wasm      js  recorded  target');
  for (const [name, { wasm = 0, js }] of Object.entries(sizes)) {
    const was = (before[name].wasm ?? 0) + before[name].js;
    const cells = [wasm, js, was, TARGETS[name] ?? '-'].map((cell, at) => String(cell).padStart([9, 8, 10, 8][at]));
    console.log(name.padEnd(13) + cells.join(''));
    if (wasm + js > (TARGETS[name] ?? Infinity)) {
      console.log(`${name} is larger than its budget`);
      process.exitCode = 1;
    }
    if (wasm + js > was * MARGIN) {
      console.log(`${name} grew past its record by more than 5 %`);
      process.exitCode = 1;
    }
  }
}
