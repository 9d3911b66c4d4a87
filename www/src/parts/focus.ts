// Whoever works with the keyboard stays where he was when what had the focus gives way to something else.
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
