// A modal dialog: the browser keeps the focus inside, closes it with Escape, and gives the focus back.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { words } from '../words';

interface Props {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = element.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  // A press beside the dialog closes it, too.
  const outside = (event: MouseEvent): void => {
    if (event.target === element.current) onClose();
  };
  return (
    <dialog ref={element} aria-labelledby={heading} onClose={onClose} onClick={outside}>
      <div class="dialog">
        <header>
          <h2 id={heading}>{title}</h2>
          <button type="button" class="plain" onClick={onClose}>
            {words.value.close}
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
