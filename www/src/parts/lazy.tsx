// Parts of the page that are loaded when somebody asks for them, or a moment before.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { say } from '../state/notice';
import { words } from '../words';

export interface Lazy {
  (): JSX.Element;
  /** Loads the part, so that it is there when it is opened. */
  fetch(): void;
}

/**
 * A part that stands in a module of its own. Until it is there, and where it cannot be had, the page says so.
 *
 * @param giveUp for a dialog, which has no place in the page to say so: called where it cannot be had.
 */
export function lazy(load: () => Promise<() => JSX.Element | null>, giveUp?: () => void): Lazy {
  const part = signal<{ Shown: () => JSX.Element | null } | 'missing' | null>(null);
  let asked = false;
  const fetch = (): void => {
    if (asked) return;
    asked = true;
    if (part.peek() === 'missing') part.value = null;
    load().then(
      (Shown) => (part.value = { Shown }),
      () => {
        part.value = 'missing';
        asked = false;
      },
    );
  };
  const Part = (): JSX.Element => {
    useEffect(fetch, []);
    const isMissing = part.value === 'missing';
    useEffect(() => {
      if (part.peek() !== 'missing' || !giveUp) return;
      part.value = null;
      giveUp();
      say('problem', words.peek().partMissing);
    }, [isMissing]);
    if (part.value && part.value !== 'missing') return <part.value.Shown />;
    if (giveUp) return <span hidden data-part="waiting" />;
    return isMissing ? <Missing /> : <p class="empty" data-part="waiting">{words.value.reading}</p>;
  };
  return Object.assign(Part, { fetch });
}

export function Missing() {
  const t = words.value;
  return (
    <p class="empty problem" role="alert">
      {t.partMissing} <button type="button" class="small" onClick={() => location.reload()}>{t.reload}</button>
    </p>
  );
}
