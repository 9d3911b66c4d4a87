// Keyboard users keep their place when the element that had the focus is replaced by another.
import { useRef } from 'preact/hooks';

export interface Handover {
  /** What has the focus is about to give way. */
  give(): void;
  /** The `ref` of what takes its place. */
  take(element: HTMLElement | null): void;
}

export function useHandover(): Handover {
  const due = useRef(false);
  const give = (): void => void (due.current = true);
  const take = (element: HTMLElement | null): void => {
    if (!element || !due.current) return;
    due.current = false;
    element.focus();
  };
  return { give, take };
}
