// Node, Bun and Deno: the module is read from the file beside this one, with the first call.
import { readFileSync } from 'node:fs';
import { provide } from './api.js';

provide({ bytes: () => readFileSync(new URL('./imagecache.wasm', import.meta.url)) });

export { init, initSync, validate, objects, expiry, parseReference, review, crd, schema, podAnnotations, explain, version, CacheIndex } from './api.js';
