// The place of a position in a document of block YAML: the path of keys above it, read off the indentation. An editor
// must know this of texts that are not finished, which no parser can read. It only serves completion and hover.
import type { Text } from '@codemirror/state';

export interface Place {
  /** Keys from the top down; `[]` for an item of a list. The last key is the one that the cursor is in or after. */
  path: string[];
  /** The cursor is where a key goes, or where a value goes. */
  at: 'key' | 'value';
  /** Where the word under the cursor begins and ends. */
  from: number;
  to: number;
  /** The `kind` that the document says. */
  kind: string | undefined;
  /** Keys of the same mapping. */
  siblings: Set<string>;
}

/** This many lines above and below are looked at; no manifest written by hand has a longer mapping. */
const REACH = 2_000;

interface Line {
  dashes: number[];
  indent: number;
  key: string | undefined;
  /** Where the value begins, in the line. */
  value: number;
}

const KEY = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'{}[\],&*!|>%@`-][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+|$)/;

function read(text: string): Line | null {
  const line: Line = { dashes: [], indent: 0, key: undefined, value: 0 };
  let at = /^ */.exec(text)![0].length;
  for (let dash = /^-(?: +|$)/.exec(text.slice(at)); dash; dash = /^-(?: +|$)/.exec(text.slice(at))) {
    line.dashes.push(at);
    at += Math.max(dash[0].length, 2);
  }
  line.indent = at;
  const rest = text.slice(at);
  if (line.dashes.length === 0 && (rest.trim() === '' || rest.startsWith('#'))) return null;
  const key = KEY.exec(rest);
  line.key = key?.[1]!.replace(/^["']|["']$/g, '');
  line.value = at + (key?.[0].length ?? 0);
  return line;
}

const isMark = (text: string): boolean => /^(---|\.\.\.)(\s|$)/.test(text);

export function placeAt(doc: Text, pos: number): Place | null {
  const here = doc.lineAt(pos);
  if (isMark(here.text) || /^\s*#/.test(here.text)) return null;
  // Flow style says nothing by its indentation.
  if (/[{[]/.test(here.text.slice(0, pos - here.from))) return null;
  const line = read(here.text) ?? { dashes: [], indent: pos - here.from, key: undefined, value: pos - here.from };
  const column = pos - here.from;
  const inValue = line.key !== undefined && column >= line.value && /:\s+/.test(here.text.slice(line.indent, column));
  const path = inValue ? [line.key!] : [];
  for (const _ of line.dashes) path.unshift('[]');
  let want = line.dashes[0] ?? line.indent;
  let inList = line.dashes.length > 0;
  const siblings = new Set<string>();
  let direct = !inValue && line.dashes.length === 0;
  for (let number = here.number - 1; number > 0 && here.number - number < REACH && (want > 0 || inList || direct); number -= 1) {
    const text = doc.line(number).text;
    if (isMark(text)) break;
    const above = read(text);
    if (!above) continue;
    const first = above.dashes[0];
    if (direct && above.key !== undefined && above.indent === line.indent) siblings.add(above.key);
    if (above.key !== undefined && (inList ? above.indent <= want : above.indent < want)) {
      path.unshift(above.key);
      direct = false;
      for (const _ of above.dashes) path.unshift('[]');
      want = first ?? above.indent;
      inList = first !== undefined;
    } else if (!inList && first !== undefined && first < want && above.indent <= want) {
      direct = false;
      for (const _ of above.dashes) path.unshift('[]');
      want = first;
      inList = true;
    }
  }
  if (!inValue) addBelow(doc, here.number, line.indent, siblings);
  const [from, to] = wordAt(here.text, column, inValue ? line.value : line.indent);
  return { path, at: inValue ? 'value' : 'key', from: here.from + from, to: here.from + to, kind: kindOf(doc, here.number), siblings };
}

function addBelow(doc: Text, from: number, indent: number, siblings: Set<string>): void {
  for (let number = from + 1; number <= doc.lines && number - from < REACH; number += 1) {
    const text = doc.line(number).text;
    if (isMark(text)) return;
    const below = read(text);
    if (!below) continue;
    if (below.indent < indent || (below.dashes.length > 0 && below.dashes[0]! < indent)) return;
    if (below.indent === indent && below.key !== undefined && below.dashes.length === 0) siblings.add(below.key);
  }
}

function wordAt(text: string, column: number, start: number): [number, number] {
  let to = column;
  while (to < text.length && !/[\s:#]/.test(text[to]!)) to += 1;
  return [Math.min(start, column), to];
}

function kindOf(doc: Text, number: number): string | undefined {
  const says = (text: string): string | undefined => /^kind:\s*["']?([A-Za-z]+)/.exec(text)?.[1];
  for (let n = number; n > 0 && number - n < REACH; n -= 1) {
    const { text } = doc.line(n);
    if (n !== number && isMark(text)) break;
    if (says(text)) return says(text);
  }
  for (let n = number + 1; n <= doc.lines && n - number < REACH; n += 1) {
    const { text } = doc.line(n);
    if (isMark(text)) break;
    if (says(text)) return says(text);
  }
  return undefined;
}
