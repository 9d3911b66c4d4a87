// What was typed, kept in the browser: IndexedDB, because a text may be larger than other storage takes. Where storage
// is switched off the page works on, and says so once.
import { signal } from '@preact/signals';

export interface KeptFile {
  id: string;
  name: string;
  text: string;
}

export interface Kept {
  files: KeptFile[];
  active: string;
}

/** Which of the kept states: what is open, and what was open before a link was followed. */
export type Slot = 'open' | 'before';

/** Nothing is kept: the browser refuses storage. */
export const storageOff = signal(false);

let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  return (opened ??= new Promise((done, fail) => {
    const request = indexedDB.open('imagecache', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('kept');
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  }));
}

async function within<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  try {
    const transaction = (await database()).transaction('kept', mode);
    return await new Promise<T>((done, fail) => {
      const request = act(transaction.objectStore('kept'));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = () => fail(transaction.error);
    });
  } catch {
    storageOff.value = true;
    return undefined;
  }
}

export const load = (slot: Slot): Promise<Kept | undefined> => within('readonly', (store) => store.get(slot) as IDBRequest<Kept | undefined>);

/** A page that goes does not wait for IndexedDB. What is not in there yet lies here, where it fits, until it is. */
const LAST = 'imagecache.last';

export function saveAtOnce(kept: Kept): void {
  try {
    localStorage.setItem(LAST, JSON.stringify(kept));
  } catch {
    // Too large, or switched off; then IndexedDB may still make it.
  }
}

export function loadLast(): Kept | undefined {
  try {
    const last = JSON.parse(localStorage.getItem(LAST) ?? 'null') as Kept | null;
    return last && Array.isArray(last.files) ? last : undefined;
  } catch {
    return undefined;
  }
}

export function removeLast(): void {
  try {
    localStorage.removeItem(LAST);
  } catch {
    // Then there is none.
  }
}

export const save = (slot: Slot, kept: Kept): Promise<unknown> => within('readwrite', (store) => store.put(kept, slot));

export const remove = (slot: Slot): Promise<unknown> => within('readwrite', (store) => store.delete(slot));
