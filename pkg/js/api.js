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

export const validate = (manifest, options) => {
  const module = core();
  const chosen = given('options', options);
  const found = typeof manifest === 'string'
    ? told(() => module.validateText(string('manifest', manifest), chosen))
    : told(() => module.validateObject(json('manifest', manifest), chosen));
  return found ? JSON.parse(found) : [];
};

export const objects = (text) => JSON.parse(core().objects(string('text', text)));
export const expiry = (cache, now) => answer((module) => module.expiry(json('cache', cache), time('now', now)));
export const parseReference = (text) => JSON.parse(core().parseReference(string('text', text)));
export const version = () => core().version();

export function explain(code) {
  const known = core().explain(string('code', code));
  return known && { ...rules[known] };
}

export function review(review, settings, caches, now) {
  if (caches === undefined || caches === null) return answer((module) => module.review(...reviewed(review, settings, now)));
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
    super();
    const known = given('sizes', sizes);
    if (known !== undefined) told(() => super.learn(known));
    if (caches !== undefined) this.insert(caches);
  }

  insert(caches) {
    // Reading runs JavaScript (a getter, `toJSON`), which may come back to this very index: all is read before it changes.
    const read = new glue.GivenCaches();
    if (quietly(() => Array.isArray(caches))) {
      Array.from(caches).forEach((cache, at) => told(() => read.add(json(`caches[${at}]`, cache), at)));
    } else {
      told(() => read.add(json('caches', caches)));
    }
    return JSON.parse(super.insert(read));
  }

  remove(id) {
    return super.remove(string('id', id));
  }

  match(pod, rules) {
    const chosen = given('rules', rules);
    const text = json('pod', pod);
    return JSON.parse(told(() => super.match(text, chosen)));
  }

  explain(pod, rules) {
    const chosen = given('rules', rules);
    const text = json('pod', pod);
    return JSON.parse(told(() => super.explain(text, chosen)));
  }

  review(review, settings, now) {
    const asked = reviewed(review, settings, now);
    return JSON.parse(told(() => super.review(...asked)));
  }
}

const reviewed = (review, settings, now) => [json('review', review), given('settings', settings), now === undefined ? undefined : time('now', now)];

/** What the module throws is text that begins with the name of the argument that is wrong. */
function told(ask) {
  try {
    return ask();
  } catch (fault) {
    throw typeof fault === 'string' ? new TypeError(fault) : fault;
  }
}

const answer = (ask) => JSON.parse(told(() => ask(core())));

/** Memory of a module grows and never shrinks, and running out of it would stop the module for good. */
const MAX_CHARACTERS = 32 << 20;

function measured(name, length) {
  if (length > MAX_CHARACTERS) throw new RangeError(`${name}: ${length} characters, at most ${MAX_CHARACTERS} are taken`);
}

const wrong = (name, wanted, value) => new TypeError(`${name}: ${wanted} expected, not ${value === null ? 'null' : typeof value}`);

/** Of a revoked proxy nothing can be told; `undefined` then. */
function quietly(ask) {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

function string(name, value) {
  if (typeof value !== 'string') throw wrong(name, 'a string', value);
  measured(name, value.length);
  return value;
}

/** An object or an array, as the JSON that a client would send; or JSON as bytes. */
function json(name, value) {
  if (ArrayBuffer.isView(value) && value instanceof Uint8Array) {
    measured(name, value.length);
    const text = quietly(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value));
    if (text === undefined) throw new TypeError(`${name}: the bytes are no UTF-8`);
    return text;
  }
  if (typeof value !== 'object' || value === null) throw wrong(name, 'an object', value);
  let text;
  try {
    text = JSON.stringify(value);
  } catch (fault) {
    const why = quietly(() => (fault instanceof Error ? `${fault.message}` : undefined)) ?? 'it throws when it is read';
    throw new TypeError(`${name}: no JSON: ${why}`);
  }
  // `toJSON` may make nothing of an object.
  return string(name, text);
}

const given = (name, value) => (value === undefined || value === null ? undefined : json(name, value));

/** A time: RFC 3339 text, or a `Date`. */
function time(name, value) {
  // A date that is none has no text.
  const text = quietly(() => (value instanceof Date ? value.toJSON() : value));
  if (typeof text !== 'string') throw wrong(name, 'a time in RFC 3339 or a valid Date', value);
  return string(name, text);
}
