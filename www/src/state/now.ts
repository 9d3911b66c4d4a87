// The present, which can be moved. Until somebody moves it, it follows the clock.
import { signal } from '@preact/signals';

export const now = signal(minute(new Date()));
/** The clock is followed. */
export const isPresent = signal(true);

function minute(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 60_000) * 60_000);
}

export function moveTo(date: Date): void {
  if (Number.isNaN(date.getTime())) return;
  isPresent.value = false;
  now.value = minute(date);
}

export function moveBy(days: number): void {
  moveTo(new Date(now.peek().getTime() + days * 86_400_000));
}

export function backToPresent(): void {
  isPresent.value = true;
  now.value = minute(new Date());
}

/** Follows the clock, once a minute. */
export function tick(): void {
  setInterval(() => {
    if (isPresent.value && document.visibilityState === 'visible') backToPresent();
  }, 60_000);
}
