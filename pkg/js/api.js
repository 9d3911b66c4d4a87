// Every entry of the package exports these functions. The module is loaded once, at the latest by the first call.
import load, * as glue from './glue.js';
import { rules } from './texts.js';

export { crd, podAnnotations, schema } from './texts.js';

let ready = false;
let pending;
let bytes;
let place;

/** Says where an entry has the module: `bytes()` returns it at once, `place()` returns its URL. */
export function provide(from) {
  ({ bytes, place } = from);
}

export function init(module) {
  if (ready) return Promise.resolve();
  pending ??= start(module).then(
    () => void (ready = true),
    (error) => {
      pending = undefined;
      throw error;
    },
  );
  return pending;
}

async function start(module) {
  if (module === undefined && bytes) return initSync(bytes());
  return load({ module_or_path: (await module) ?? place() });
}

export function initSync(module) {
  if (ready) return;
  glue.initSync({ module });
  ready = true;
}

function core() {
  if (!ready) {
    if (!bytes) throw new Error('imagecache: call `await init()` once before anything else');
    initSync(bytes());
  }
  return glue;
}

export const validate = (manifest, options) => core().validate(manifest, options);
export const objects = (text) => core().objects(text);
export const expiry = (cache, now) => core().expiry(cache, now);
export const parseReference = (text) => core().parseReference(text);
export const version = () => core().version();

export function explain(code) {
  const known = core().code(code);
  return known && { ...rules[known] };
}

export function review(review, settings, caches, now) {
  return caches instanceof CacheIndex ? caches.review(review, settings, now) : core().review(review, settings, caches, now);
}

export class CacheIndex extends glue.CacheIndex {
  constructor(caches, sizes) {
    core();
    super(caches, sizes);
  }
}
