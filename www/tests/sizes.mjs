// What a first visit loads before the page is of use, and what comes later, in bytes after gzip, held against `sizes.json`.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { dist } from './site.mjs';

const limits = JSON.parse(readFileSync(new URL('../sizes.json', import.meta.url)));
const names = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'sw.js')
  .map((entry) => join(entry.parentPath, entry.name));
const size = (wanted) => names.filter(wanted).reduce((sum, name) => sum + gzipSync(readFileSync(name), { level: 9 }).length, 0);
const isModule = (name) => name.endsWith('.wasm');
/** Completion and search come once somebody works in the editor. */
const isLater = (name) => basename(name).startsWith('later-');

export const sizes = { page: size((name) => !isModule(name) && !isLater(name)), wasm: size(isModule), later: size(isLater) };
sizes.firstLoad = sizes.page + sizes.wasm;

export const faults = Object.entries(limits)
  .filter(([part, limit]) => sizes[part] > limit)
  .map(([part, limit]) => `${part}: ${sizes[part]} bytes after gzip, at most ${limit} allowed (www/sizes.json)`);

if (process.argv[1] === import.meta.filename) {
  for (const [part, bytes] of Object.entries(sizes)) console.log(`${part.padEnd(10)} ${(bytes / 1000).toFixed(1).padStart(6)} kB gzip, at most ${(limits[part] / 1000).toFixed(1)}`);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
