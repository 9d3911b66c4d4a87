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
  podPaths: string;
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

function check({ id, text: source }: Source, podPaths: readonly string[]): Checked {
  const held = texts.get(id);
  const paths = podPaths.join();
  if (held?.text === source && held.podPaths === paths) return held.checked;
  const { objects } = core.objects(source);
  const checked = {
    diagnostics: core.validate(source, { podPaths: [...podPaths] }),
    objects: objects.map(({ value, ...place }) => ({ ...place, kind: text(value.kind) ?? '', name: nameOf(value) })),
  };
  texts.set(id, { text: source, podPaths: paths, checked, objects });
  return checked;
}

function* held(ids: string[], role?: core.ObjectRole): Generator<[string, Origin, Value]> {
  for (const id of ids) {
    for (const [at, object] of (texts.get(id)?.objects ?? []).entries()) {
      if (role && object.role !== role) continue;
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

type Planner = Pick<typeof import('imagecache/plan'), 'plan' | 'samplePrices'>;

let planning: Promise<Planner> | undefined;

/** The module for plans, which is loaded with the first question that needs it. */
function planner(): Promise<Planner> {
  planning ??= import('imagecache/plan').then(async ({ init, plan, samplePrices }) => {
    await init();
    return { plan, samplePrices };
  });
  planning.catch(() => (planning = undefined));
  return planning;
}

type Answered<T> = T | Promise<T>;

const questions: { [Name in keyof Questions]: (...args: Parameters<Questions[Name]>) => Answered<ReturnType<Questions[Name]>> } = {
  version: () => core.version(),
  check,
  forget: (id) => void texts.delete(id),
  cluster: (values) => void (live = values),
  survey(ids, now, rules, sizes) {
    const found = [...caches(ids)];
    const defaults = [...held(ids, 'defaults')].map(([, , value]) => value);
    const index = new core.CacheIndex(undefined, sizes);
    const pods: SurveyedPod[] = [];
    let podsLeft = 0;
    try {
      // What is about an object is a finding of its document; the rest has no path.
      const diagnostics = index.insert([...found.map(([, , value]) => value), ...defaults]).filter(({ path }) => path === '');
      const explain = (value: Value) => index.explain(value, { ...rules, now } as core.MatchRules);
      for (const [key, origin, value] of held(ids, 'pod')) {
        if (pods.length === MAX_PODS) podsLeft += 1;
        else pods.push({ key, name: nameOf(value), origin, answer: explain(value) });
      }
      // Paths of pods find pods in objects of kinds that are not known.
      for (const [key, origin, value] of rules.podPaths?.length ? held(ids, 'other') : []) {
        const answer = explain(value);
        if (answer.decision === 'Unreadable') continue;
        if (pods.length === MAX_PODS) podsLeft += 1;
        else pods.push({ key, name: nameOf(value), origin, answer });
      }
      return { now, documents: ids, caches: found.map(([key, origin, value]) => surveyed(key, origin, value, now)), pods, podsLeft, diagnostics };
    } finally {
      index.free();
    }
  },
  // A reply of another API has no kind, and is not an object to send.
  sendable: (ids) => [...held(ids, 'cache')].filter(([, , value]) => text(value.kind)).map(([key, origin, value]) => ({ key, name: nameOf(value), origin, value, diagnostics: core.validate(value) })),
  podPathsFault(podPaths) {
    try {
      core.validate({}, { podPaths: [...podPaths] });
      return null;
    } catch (fault) {
      return messageOf(fault);
    }
  },
  async plan(ids, facts, options) {
    const { plan } = await planner();
    return plan([...[...held(ids)].map(([, , value]) => value), ...(live ?? [])], facts, options);
  },
  samplePrices: async () => (await planner()).samplePrices(),
};

const messageOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));

self.onmessage = async ({ data: { id, name, args } }: MessageEvent<Ask>) => {
  let answer: Answer;
  try {
    await ready;
    const question = questions[name] as (...args: unknown[]) => unknown;
    answer = { id, value: await question(...args) };
  } catch (fault) {
    answer = { id, fault: messageOf(fault) };
  }
  self.postMessage(answer);
};
