// What a first visit loads before the page is of use, and what comes later, in bytes after gzip, held against `sizes.json`.
//
// The first load is what `index.html` names, and what that imports, starts or fetches, without waiting for anybody:
// `import()` comes later. That the page is of use with these files alone is tested in `offline.test.mjs`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { dist } from './site.mjs';

const limits = JSON.parse(readFileSync(new URL('../sizes.json', import.meta.url)));
const size = (names) => names.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);

/** Files that a page names by `src` and `href`, a script by `import … from` and `new URL`. */
const NAMES = { html: /(?:src|href)="\.\/([^"]+)"/g, js: /(?:\bfrom|\bimport)\s*["'`]\.\/([^"'`]+)["'`]|\bnew URL\(["'`]([^"'`]+)["'`]/g };

function namedBy(file) {
  const names = NAMES[file.split('.').at(-1)];
  if (!names) return [];
  const folder = file.includes('/') ? `${file.split('/').slice(0, -1).join('/')}/` : '';
  const found = [...readFileSync(join(dist, file), 'utf8').matchAll(names)].map(([, one, other]) => folder + (one ?? other));
  return found.filter((name) => existsSync(join(dist, name)));
}

/** The files of the first load; the page itself is the first. */
export const first = ['index.html'];
for (const file of first) first.push(...namedBy(file).filter((name) => !first.includes(name)));

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'sw.js')
  .map((entry) => join(entry.parentPath, entry.name).slice(dist.length));
/** What the words of the other language add, for users of it. */
const chinese = files.filter((name) => name.startsWith('assets/zh-'));
/** What comes once the page is of use, or is asked for. */
export const later = files.filter((name) => !first.includes(name));

const isModule = (name) => name.endsWith('.wasm');
export const sizes = {
  page: size(first.filter((name) => !isModule(name))),
  wasm: size(first.filter(isModule)),
  later: size(later.filter((name) => !isModule(name))),
  /** The module for plans. */
  plan: size(later.filter(isModule)),
};
sizes.firstLoad = sizes.page + sizes.wasm;
sizes.firstLoadInChinese = sizes.firstLoad + size(chinese);

export const faults = Object.entries(limits)
  .filter(([part, limit]) => !(sizes[part] <= limit))
  .map(([part, limit]) => `${part}: ${sizes[part]} bytes after gzip, at most ${limit} allowed (www/sizes.json)`);

if (process.argv[1] === import.meta.filename) {
  for (const [part, bytes] of Object.entries(sizes)) console.log(`${part.padEnd(18)} ${(bytes / 1000).toFixed(1).padStart(6)} kB gzip, at most ${(limits[part] / 1000).toFixed(1)}`);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
