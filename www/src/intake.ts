// Files from outside: dropped, or chosen. A file that is not text is refused with a message.
import { MAX_FILE_BYTES, open } from './state/files';
import { say } from './state/notice';
import { words } from './words';

export async function takeFiles(list: Iterable<globalThis.File>): Promise<void> {
  for (const file of list) {
    const t = words.peek();
    if (file.size > MAX_FILE_BYTES) {
      say('problem', t.fileTooLarge(file.name, file.size, MAX_FILE_BYTES));
      continue;
    }
    let text: string | null = null;
    try {
      text = decode(new Uint8Array(await file.arrayBuffer()));
    } catch {
      say('problem', t.fileUnreadable(file.name));
      continue;
    }
    if (text === null) say('problem', t.fileNotText(file.name));
    else if (!open(file.name, text)) say('problem', t.tooManyFiles);
  }
}

/** Text in UTF-8, or in UTF-16 with a byte order mark; `null` for anything else. */
export function decode(bytes: Uint8Array): string | null {
  const [first, second] = bytes;
  const wide = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : null;
  try {
    const text = new TextDecoder(wide ?? 'utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
