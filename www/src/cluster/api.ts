// The Kubernetes API as far as the page speaks it: list, watch, create, delete, over `fetch`.
import type { Resource } from '../core/protocol';

export type Value = Record<string, unknown>;

export interface Metadata {
  name: string;
  uid?: string;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
}

export interface ImageCache extends Value {
  metadata: Metadata;
  spec?: { images?: string[]; imageCacheSize?: number; retentionDays?: number };
  status?: { phase?: string; progress?: string; imageCacheId?: string; events?: Event[] };
}

export interface Event {
  type?: string;
  reason?: string;
  message?: string;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  count?: number;
}

/** A field that a server refuses, and why. */
export interface Cause {
  field?: string;
  message?: string;
}

/** The server answered, and not with what was asked for. Without a message it does not speak as Kubernetes does. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message = '',
    readonly causes: readonly Cause[] = [],
  ) {
    super(message);
  }
}

/** How long an answer may take; watches have none. */
const PATIENCE = 15_000;
const PAGE = 500;
/** The longest line of a watch, in characters: an object is at most 1.5 MiB. */
const LONGEST_LINE = 8 << 20;

export class Api {
  readonly #base: string;
  readonly #resource: Resource;

  /** @param address where the API begins: `http://127.0.0.1:8001`, or the page's own origin. */
  constructor(address: string, resource: Resource) {
    this.#base = address;
    this.#resource = resource;
  }

  #url(path: string, query: Record<string, string> = {}): string {
    const { group, version, plural } = this.#resource;
    const search = new URLSearchParams(query).toString();
    return `${this.#base}/apis/${group}/${version}/${plural}${path}${search && '?'}${search}`;
  }

  /** Every cache, and the version from which to watch on. */
  async list(): Promise<{ items: ImageCache[]; resourceVersion: string }> {
    const items: ImageCache[] = [];
    let next = '';
    for (;;) {
      const query: Record<string, string> = { limit: String(PAGE) };
      if (next) query.continue = next;
      const page = (await json(this.#url('', query))) as { kind?: string; items?: ImageCache[]; metadata?: { continue?: string; resourceVersion?: string } };
      if (page?.kind !== `${this.#resource.kind}List`) throw new Refused(200);
      items.push(...(page.items ?? []));
      next = page.metadata?.continue ?? '';
      if (!next) return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }

  /** Changes from a version on, until the server ends the watch or `signal` does. */
  async *watch(resourceVersion: string, signal: AbortSignal): AsyncGenerator<{ type: string; object: ImageCache }> {
    const url = this.#url('', { watch: 'true', resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '300' });
    const answer = await fetch(url, { signal });
    if (!answer.ok || !answer.body) throw await refused(answer);
    let rest = '';
    for await (const piece of pieces(answer.body.pipeThrough(new TextDecoderStream()))) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) throw new Error('a line of the watch is too long');
      for (const line of lines) {
        if (line.trim() !== '') yield JSON.parse(line) as { type: string; object: ImageCache };
      }
    }
  }

  create(value: Value): Promise<unknown> {
    return json(this.#url('', { fieldValidation: 'Strict' }), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  }

  delete(name: string): Promise<unknown> {
    return json(this.#url(`/${encodeURIComponent(name)}`), { method: 'DELETE' });
  }

  /** What was recorded about a cache beside its status. */
  async events(name: string): Promise<Event[]> {
    const query = new URLSearchParams({ fieldSelector: `involvedObject.kind=${this.#resource.kind},involvedObject.name=${name}` });
    const list = (await json(`${this.#base}/api/v1/events?${query}`)) as { items?: Event[] };
    return list.items ?? [];
  }
}

async function* pieces(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

async function json(url: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw await refused(answer);
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(answer.status);
  }
}

/** The words of a Status object, where the server sends one. */
async function refused(answer: Response): Promise<Refused> {
  const text = await answer.text().catch(() => '');
  try {
    const { kind, message, details } = JSON.parse(text) as { kind?: string; message?: string; details?: { causes?: Cause[] } };
    if (kind === 'Status') return new Refused(answer.status, message, details?.causes);
  } catch {
    // Not every server in between speaks JSON.
  }
  return new Refused(answer.status);
}
