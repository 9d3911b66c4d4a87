// Browsers, workers and bundlers: the module is fetched from the file beside this one, by `init()`.
import { provide } from './api.js';

provide({ place: () => new URL('./imagecache.wasm', import.meta.url) });

export { init, initSync, validate, objects, expiry, parseReference, review, crd, schema, podAnnotations, explain, version, CacheIndex } from './api.js';
