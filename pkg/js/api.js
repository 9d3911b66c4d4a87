// What every entry of this package exports. The module is loaded once, at the latest with the first call.
import load, * as glue from './glue.js';
import { rules } from './texts.js';

export { crd, podAnnotations, schema } from './texts.js';

let ready = false;
let pending;
let bytes;
let place;

/** Where an entry has the module from: `bytes()` gives it at once, `place()` says where to fetch it. */
export function provide(from) {
  ({ bytes, place } = from);
}

export function init(module) {
  if (ready) return Promise.resolve();
  pending ??= start(module).then(
    () => void (ready = true),
    (fault) => {
      pending = undefined;
      throw fault;
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
  const known = core().explain(code);
  return known && { ...rules[known] };
}

export function review(review, settings, caches, now) {
  if (caches === undefined || caches === null) return core().review(review, settings, now);
  if (caches instanceof CacheIndex) return caches.review(review, settings, now);
  const index = new CacheIndex(caches);
  try {
    return index.review(review, settings, now);
  } finally {
    index.free();
  }
}

export class CacheIndex extends glue.CacheIndex {
  constructor(caches, sizes) {
    core();
    super(caches, sizes);
  }
}
