// A cluster as it is now: listed once, watched from then on. When the server goes away what is shown stays, and the
// page asks again, at growing intervals.
import type { Resource } from '../core/protocol';
import { clusterCaches, state } from '../state/cluster';
import { Api, Refused, type ImageCache, type Value } from './api';

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;
/** The status with which a server says that it does not remember a version. */
const GONE = 410;

let stop: AbortController | undefined;
let api: Api | undefined;


/** The page's own server, where it was not opened from a file. */
export const ownAddress = (): string => (location.protocol.startsWith('http') ? location.origin : '');

/** An address as it was typed, in full; `null` where the policy of the page does not let it speak to that server: it speaks
 * to its own and to this machine, and to no other. */
export function allowed(typed: string): string | null {
  const text = typed.trim();
  const full = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(full)) return null;
  const url = new URL(full);
  const isHere = url.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(url.hostname);
  return isHere || url.origin === location.origin ? url.origin + url.pathname.replace(/\/+$/, '') : null;
}

export function connect(address: string, resource: Resource): void {
  disconnect();
  stop = new AbortController();
  api = new Api(address, resource);
  state.value = { is: 'connecting', address };
  void follow(api, address, stop.signal);
}

export function disconnect(): void {
  stop?.abort();
  stop = undefined;
  api = undefined;
  state.value = { is: 'off' };
  clusterCaches.value = new Map();
}

/** Is there a server at the page's own origin? Asked only on this machine, and it may say no in silence. */
export async function connectIfServed(resource: Resource): Promise<void> {
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(location.hostname)) return;
  try {
    await new Api(location.origin, resource).list();
    if (state.peek().is === 'off') connect(location.origin, resource);
  } catch {
    // The page comes from a server of files.
  }
}

async function follow(api: Api, address: string, signal: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT;
  let known = false;
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await api.list();
      if (signal.aborted) return;
      clusterCaches.value = new Map(items.map((item) => [item.metadata.name, item]));
      state.value = { is: 'live', address };
      known = true;
      wait = FIRST_WAIT;
      await watch(api, resourceVersion, signal);
    } catch (fault) {
      if (signal.aborted) return;
      const answered = fault instanceof Refused;
      state.value = { is: 'lost', address, answered, why: answered ? fault.message : '', known };
      // A server that answers with a refusal will do so again.
      if (!known && answered) return;
      await pause(wait, signal);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }
}

/** Watches until the server forgets the version, and everything must be listed anew. */
async function watch(api: Api, from: string, signal: AbortSignal): Promise<void> {
  let version = from;
  for (;;) {
    const begun = Date.now();
    try {
      for await (const { type, object } of api.watch(version, signal)) {
        if (type === 'ERROR') return;
        version = object.metadata.resourceVersion ?? version;
        if (type !== 'BOOKMARK') take(type, object);
      }
    } catch (fault) {
      if (fault instanceof Refused && fault.status === GONE) return;
      throw fault;
    }
    // Servers end watches now and then; one that does so at once is on its way out.
    if (Date.now() - begun < FIRST_WAIT) await pause(FIRST_WAIT, signal);
  }
}

function take(type: string, object: ImageCache): void {
  const caches = new Map(clusterCaches.peek());
  if (type === 'DELETED') caches.delete(object.metadata.name);
  else caches.set(object.metadata.name, object);
  clusterCaches.value = caches;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
  });
}

export const create = (value: Value): Promise<unknown> => theApi().create(value);
export const destroy = (name: string): Promise<unknown> => theApi().delete(name);
export const eventsOf = (name: string): Promise<import('./api').Event[]> => theApi().events(name);

function theApi(): Api {
  if (!api) throw new Refused(0, 'not connected');
  return api;
}
