import { useState } from 'preact/hooks';
import { say } from '../state/notice';
import { words } from '../words';

/** Puts a text on the clipboard, and says so. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function CopyButton({ text, name }: { text: string; name: string }) {
  const t = words.value;
  const [done, setDone] = useState(false);
  const act = async (): Promise<void> => {
    if (!(await copy(text))) return say('problem', t.copyRefused);
    setDone(true);
    say('done', t.copied);
    setTimeout(() => setDone(false), 2_000);
  };
  return (
    <button type="button" class="small" aria-label={name} onClick={() => void act()}>
      {done ? t.copiedShort : t.copy}
    </button>
  );
}
