// The open documents: their texts, which one is shown, and that none is lost.
import { batch, computed, signal } from '@preact/signals';
import type { Text } from '@codemirror/state';
import { load, loadLast, remove, removeLast, save, saveAtOnce, type Kept, type KeptFile } from './storage';

export interface File {
  id: string;
  name: string;
  /** Where the text starts from; the editor has the text from then on. */
  text: string;
}

/** At most this many documents are open at once. */
export const MAX_FILES = 50;
/** The largest file that is opened, in bytes. */
export const MAX_FILE_BYTES = 8 << 20;

export const files = signal<readonly File[]>([]);
export const active = signal('');
/** Counts changes of texts; texts themselves stay in the editor. */
export const changes = signal(0);
/** The documents of before a shared link was followed are there to go back to. */
export const hasBefore = signal(false);
export const activeFile = computed(() => files.value.find(({ id }) => id === active.value));

const texts = new Map<string, Text | string>();
let saving: ReturnType<typeof setTimeout> | undefined;

/** The text of a document, as it is now. */
export const textOf = (id: string): string => texts.get(id)?.toString() ?? '';

/** The number of characters, without putting the text together. */
export const lengthOf = (id: string): number => texts.get(id)?.length ?? 0;

/** The editor has a new text. */
export function changed(id: string, text: Text | string): void {
  texts.set(id, text);
  changes.value += 1;
  clearTimeout(saving);
  saving = setTimeout(() => void keep(), 300);
}

const snapshot = (): Kept => ({ files: files.value.map(({ id, name }) => ({ id, name, text: textOf(id) })), active: active.value });

let begun = 0;
let written = 0;

/** Writes down what is open. */
export async function keep(): Promise<void> {
  clearTimeout(saving);
  saving = undefined;
  const mine = (begun += 1);
  await save('open', snapshot());
  written = mine;
  if (mine === begun) removeLast();
}

/** The page may be gone in a moment: what is not written down yet is, at once. */
export function keepAtOnce(): void {
  if (saving === undefined && written === begun) return;
  saveAtOnce(snapshot());
  void keep();
}

const fresh = (name: string, text: string): File => ({ id: crypto.randomUUID(), name, text });

/** A name that no open document has. */
function free(name: string): string {
  const taken = new Set(files.value.map((file) => file.name));
  if (!taken.has(name)) return name;
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name)!;
  let count = 2;
  while (taken.has(`${stem}-${count}${ending ?? ''}`)) count += 1;
  return `${stem}-${count}${ending ?? ''}`;
}

const isBlank = (id: string): boolean => lengthOf(id) < 1000 && textOf(id).trim() === '';

/** Opens a text beside the others and shows it; an empty document gives way to it. Returns false when too many are open. */
export function open(name: string, text: string): boolean {
  const blank = files.value.filter(({ id }) => isBlank(id)).map(({ id }) => id);
  const others = files.value.filter(({ id }) => text === '' || !blank.includes(id));
  if (others.length >= MAX_FILES) return false;
  batch(() => {
    files.value = others;
    const file = fresh(free(name), text);
    files.value = [...others, file];
    active.value = file.id;
    changed(file.id, text);
  });
  return true;
}

export function rename(id: string, name: string): void {
  files.value = files.value.map((file) => (file.id === id ? { ...file, name } : file));
  changed(id, texts.get(id) ?? '');
}

export function close(id: string): void {
  batch(() => {
    const at = files.value.findIndex((file) => file.id === id);
    const others = files.value.filter((file) => file.id !== id);
    if (active.value === id) active.value = (others[at] ?? others[at - 1])?.id ?? '';
    files.value = others;
    texts.delete(id);
    if (others.length === 0) open('manifest.yaml', '');
    else changed(active.value, texts.get(active.value) ?? '');
  });
}

function show(kept: readonly KeptFile[], shown: string): void {
  batch(() => {
    texts.clear();
    for (const { id, text } of kept) texts.set(id, text);
    files.value = kept.map((file) => ({ ...file }));
    active.value = kept.some(({ id }) => id === shown) ? shown : (kept[0]?.id ?? '');
    changes.value += 1;
  });
}

/** Shows what was open when the page was last left; answers whether there was anything. */
export async function restore(): Promise<boolean> {
  const last = loadLast();
  const isShown = showKept(last ?? (await load('open')));
  if (last && isShown) void keep();
  return isShown;
}

function showKept(kept: Kept | undefined): boolean {
  if (!kept || kept.files.length === 0) return false;
  show(kept.files, kept.active);
  return true;
}

/** Puts other documents in the place of the open ones, which stay to go back to. */
export async function replace(others: readonly { name: string; text: string }[]): Promise<void> {
  const own = snapshot();
  if (own.files.some(({ text }) => text.trim() !== '')) {
    await save('before', own);
    hasBefore.value = true;
  }
  const kept = others.map(({ name, text }) => ({ ...fresh(name, text) }));
  show(kept, '');
  await keep();
}

export async function goBack(): Promise<void> {
  if (showKept(await load('before'))) await keep();
  await dropBefore();
}

export async function dropBefore(): Promise<void> {
  hasBefore.value = false;
  await remove('before');
}
