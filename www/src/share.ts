// Documents in a link: packed into the part after `#`, which browsers do not send to any server.
import { copy } from './parts/copy';
import { files, textOf } from './state/files';
import { say } from './state/notice';
import { words } from './words';

export interface Shared {
  files: { name: string; text: string }[];
}

/** The longest packed text, in characters: what chat programs and browsers still carry. */
const MAX_LINK = 32_000;
/** The largest unpacked text, in bytes, so that a small link cannot fill the memory. */
const MAX_UNPACKED = 4 << 20;
const MAX_FILES = 50;
const PREFIX = '#s1=';

class TooLong extends Error {
  constructor(readonly length: number) {
    super(`${length} characters, at most ${MAX_LINK} fit a link`);
  }
}

/** The link to these documents. */
async function linkTo(shared: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(shared.files.map(({ name, text }) => [name, text])));
  const packed = await collect(stream(bytes).pipeThrough(new CompressionStream('deflate-raw')), Infinity);
  const text = toBase64(packed);
  if (text.length > MAX_LINK) throw new TooLong(text.length);
  return `${location.href.split('#')[0]}${PREFIX}${text}`;
}

/** Puts the link to the open documents on the clipboard, or in the address line. */
export async function share(): Promise<void> {
  const t = words.peek();
  try {
    const link = await linkTo({ files: files.peek().map(({ id, name }) => ({ name, text: textOf(id) })) });
    if (await copy(link)) return say('done', t.linkCopied(link.length));
    history.replaceState(null, '', link);
    say('done', t.linkInAddress);
  } catch (fault) {
    say('problem', fault instanceof TooLong ? t.linkTooLong(fault.length, MAX_LINK) : t.linkFailed);
  }
}

/** What a link holds; throws when it is broken. */
export async function readLink(hash: string): Promise<Shared> {
  if (!hash.startsWith(PREFIX)) throw new Error('made by another version of this page');
  const text = hash.slice(PREFIX.length);
  if (text.length > MAX_LINK) throw new TooLong(text.length);
  const bytes = await collect(stream(fromBase64(text)).pipeThrough(new DecompressionStream('deflate-raw')), MAX_UNPACKED);
  const files: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (!Array.isArray(files) || files.length === 0 || files.length > MAX_FILES) throw new Error('no documents in it');
  return {
    files: files.map((file: unknown) => {
      if (!Array.isArray(file) || typeof file[0] !== 'string' || typeof file[1] !== 'string') throw new Error('no document');
      return { name: file[0].slice(0, 200), text: file[1] };
    }),
  };
}

function stream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes]).stream();
}

async function collect(from: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const reader = from.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new Error('too large');
    }
    pieces.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
