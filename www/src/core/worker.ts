// The core, off the page's thread. Nothing is decided here: texts in, answers of the module out.
import * as core from 'imagecache';
import {
  MAX_PODS,
  type Answer,
  type Ask,
  type Checked,
  type Origin,
  type Questions,
  type Source,
  type SurveyedCache,
  type SurveyedPod,
} from './protocol';

const ready = core.init();

type Value = Record<string, unknown>;

interface Held {
  text: string;
  checked: Checked;
  objects: core.TextObject[];
}

const texts = new Map<string, Held>();
let live: Value[] | null = null;

const member = (value: unknown, name: string): unknown => (value !== null && typeof value === 'object' ? (value as Value)[name] : undefined);
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

function nameOf(value: unknown): string {
  const metadata = member(value, 'metadata');
  return text(member(metadata, 'name')) ?? text(member(metadata, 'generateName')) ?? text(member(value, 'ImageCacheName')) ?? '';
}

function check({ id, text: source }: Source): Checked {
  const held = texts.get(id);
  if (held?.text === source) return held.checked;
  const { objects } = core.objects(source);
  const checked = {
    diagnostics: core.validate(source),
    objects: objects.map(({ value, ...place }) => ({ ...place, kind: text(value.kind) ?? '', name: nameOf(value) })),
  };
  texts.set(id, { text: source, checked, objects });
  return checked;
}

function* held(ids: string[], role: core.ObjectRole): Generator<[string, Origin, Value]> {
  for (const id of ids) {
    for (const [at, object] of (texts.get(id)?.objects ?? []).entries()) {
      if (object.role !== role) continue;
      const { value, ...place } = object;
      yield [`${id}/${at}`, { file: id, ...place }, value];
    }
  }
}

function* caches(ids: string[]): Generator<[string, Origin, Value]> {
  yield* held(ids, 'cache');
  for (const value of live ?? []) yield [`cluster/${nameOf(value)}`, { cluster: true }, value];
}

function surveyed(key: string, origin: Origin, value: Value, now: string): SurveyedCache {
  const expiry = core.expiry(value, now);
  const status = member(value, 'status');
  const images = member(member(value, 'spec'), 'images') ?? value.Images;
  return {
    key,
    name: nameOf(value),
    id: expiry.imageCacheId,
    phase: text(member(status, 'phase')) ?? text(status),
    created: text(member(member(value, 'metadata'), 'creationTimestamp')) ?? text(value.CreationTime),
    images: Array.isArray(images) ? images.length : 0,
    origin,
    expiry,
  };
}

const questions: { [Name in keyof Questions]: (...args: Parameters<Questions[Name]>) => ReturnType<Questions[Name]> } = {
  version: () => core.version(),
  check,
  forget: (id) => void texts.delete(id),
  cluster: (values) => void (live = values),
  survey(ids, now, rules, sizes) {
    const found = [...caches(ids)];
    const index = new core.CacheIndex(found.map(([, , value]) => value), sizes);
    const pods: SurveyedPod[] = [];
    let podsLeft = 0;
    try {
      for (const [key, origin, value] of held(ids, 'pod')) {
        if (pods.length === MAX_PODS) podsLeft += 1;
        else pods.push({ key, name: nameOf(value), origin, answer: index.explain(value, { ...rules, now } as core.MatchRules) });
      }
    } finally {
      index.free();
    }
    return { now, caches: found.map(([key, origin, value]) => surveyed(key, origin, value, now)), pods, podsLeft };
  },
  // A reply of another API has no kind, and is not an object to send.
  sendable: (ids) => [...held(ids, 'cache')].filter(([, , value]) => text(value.kind)).map(([key, origin, value]) => ({ key, name: nameOf(value), origin, value, diagnostics: core.validate(value) })),
};

self.onmessage = async ({ data: { id, name, args } }: MessageEvent<Ask>) => {
  let answer: Answer;
  try {
    await ready;
    const question = questions[name] as (...args: unknown[]) => unknown;
    answer = { id, value: question(...args) };
  } catch (fault) {
    answer = { id, fault: fault instanceof Error ? fault.message : String(fault) };
  }
  self.postMessage(answer);
};
