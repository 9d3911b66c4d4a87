// What is on the screen.
import { signal } from '@preact/signals';
import type { Nullable, Span } from 'imagecache';

export const VIEWS = ['manifests', 'findings', 'match', 'expiry', 'plan', 'cluster'] as const;
export type View = (typeof VIEWS)[number];

/** The view beside the editor; on narrow screens the editor is one of them. */
export const view = signal<View>('findings');
/** The rule whose page is shown. */
export const shownRule = signal<string | null>(null);
export const samplesShown = signal(false);

/** A place that the editor should go to. */
export const goal = signal<{ file: string; span: Nullable<Span> } | null>(null);

/** Shows a stretch of a document in the editor, and puts the cursor there. */
export function goTo(file: string, span: Nullable<Span>): void {
  goal.value = { file, span };
}
