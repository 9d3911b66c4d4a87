// One short message at a time, read out by screen readers.
import { signal } from '@preact/signals';

export interface Notice {
  kind: 'done' | 'problem';
  text: string;
}

export const notice = signal<Notice | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(kind: Notice['kind'], text: string): void {
  clearTimeout(timer);
  notice.value = { kind, text };
  // A problem stays until it is read and closed.
  if (kind === 'done') timer = setTimeout(() => (notice.value = null), 6_000);
}

export function dismiss(): void {
  clearTimeout(timer);
  notice.value = null;
}
