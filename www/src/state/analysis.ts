// What the core says about the open documents. Asked a moment after the last key, never while one is handled; what was
// overtaken by a newer text is dropped.
import { effect, signal, untracked } from '@preact/signals';
import { ask } from '../core/client';
import type { Checked, MatchRulesInput, Survey } from '../core/protocol';
import { clusterCaches, withCluster } from './cluster';
import { changes, files, lengthOf, textOf } from './files';
import { now } from './now';
import { podPaths, sizes, strict, textual } from './settings';

/** The version of the core. */
export const version = signal('');
export const checked = signal<ReadonlyMap<string, Checked>>(new Map());
export const survey = signal<Survey | null>(null);
/** The core does not run: why. */
export const coreFault = signal<string | null>(null);
/** The newest texts were checked, and the answers are shown. */
export const settled = signal(false);
/** The first answers are shown, or there will be none: what else the page has may be loaded. */
export const usable = signal(false);

/** The text is validated after a pause of this many milliseconds in typing: longer for long texts. */
const pause = (characters: number): number => 90 + characters / 8000;

let timer: ReturnType<typeof setTimeout> | undefined;
let running = false;
let again = false;

async function look(): Promise<void> {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    do {
      again = false;
      await lookOnce();
    } while (again);
    coreFault.value = null;
  } catch (fault) {
    coreFault.value = fault instanceof Error ? fault.message : String(fault);
    // The next worker has nothing.
    sent.clear();
    sentLive = null;
  } finally {
    running = false;
  }
}

/** What the worker has. */
const sent = new Map<string, string>();
let sentPaths: readonly string[] = [];
let sentLive: typeof clusterCaches.value | null = null;

async function lookOnce(): Promise<void> {
  const at = changes.peek();
  const ids = files.peek().map(({ id }) => id);
  const found = new Map(checked.peek());
  const paths = podPaths.peek();
  if (paths !== sentPaths) sent.clear();
  sentPaths = paths;
  for (const id of [...found.keys(), ...sent.keys()]) {
    if (ids.includes(id)) continue;
    found.delete(id);
    sent.delete(id);
    void ask('forget', id);
  }
  for (const id of ids) {
    const text = textOf(id);
    if (sent.get(id) === text && found.has(id)) continue;
    const answer = await ask('check', { id, text }, paths);
    sent.set(id, text);
    // Places in a text that was changed meanwhile would be those of another text.
    if (textOf(id) !== text) continue;
    found.set(id, answer);
    checked.value = new Map(found);
  }
  const live = withCluster.peek() ? clusterCaches.peek() : null;
  if (live !== sentLive) {
    await ask('cluster', live && [...live.values()]);
    sentLive = live;
  }
  const rules: MatchRulesInput = { strict: strict.peek(), names: textual.peek() ? 'textual' : 'normalised', podPaths: [...paths] };
  survey.value = await ask('survey', ids, now.peek().toISOString(), rules, sizes.peek());
  settled.value = changes.peek() === at && !again;
}

/** Begins to look at whatever changes. */
export function watch(): void {
  ask('version').then(
    (known) => (version.value = known),
    (fault: Error) => (coreFault.value = fault.message),
  );
  effect(() => {
    if (settled.value || coreFault.value !== null) usable.value = true;
  });
  effect(() => {
    void changes.value;
    const length = files.value.reduce((sum, { id }) => sum + lengthOf(id), 0);
    settled.value = false;
    clearTimeout(timer);
    timer = setTimeout(() => void look(), pause(length));
  });
  effect(() => {
    void [now.value, strict.value, textual.value, podPaths.value, sizes.value, clusterCaches.value, withCluster.value];
    untracked(() => {
      settled.value = false;
      void look();
    });
  });
}
