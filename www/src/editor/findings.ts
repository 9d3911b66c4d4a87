// Findings of the core, as the editor shows them.
import { setDiagnostics, type Diagnostic as Mark } from '@codemirror/lint';
import { EditorSelection, type EditorState, type Text, type TransactionSpec } from '@codemirror/state';
import { EditorView, type Command } from '@codemirror/view';
import type { Diagnostic, Nullable, Span } from 'imagecache';
import { quoted } from '../parts/markdown';
import { shownRule } from '../state/shown';
import { words } from '../words';

/** Lines and columns of the core count from 1, columns in UTF-16 code units, as the editor's do. */
function offsetOf(doc: Text, line: number, column: number): number {
  if (line > doc.lines) return doc.length;
  const { from, to } = doc.line(Math.max(line, 1));
  return Math.min(from + column - 1, to);
}

export function rangeOf(doc: Text, { line, column, endLine, endColumn }: Nullable<Span>): { from: number; to: number } {
  if (line === null || column === null || endLine === null || endColumn === null) return { from: 0, to: 0 };
  const from = offsetOf(doc, line, column);
  return { from, to: Math.max(from, offsetOf(doc, endLine, endColumn)) };
}

/** At most this many findings are underlined; the list beside the editor has all of them. */
const MAX_MARKS = 2_000;

export function showFindings(state: EditorState, found: readonly Diagnostic[]): TransactionSpec {
  const marks = found.slice(0, MAX_MARKS).map((diagnostic): Mark => ({
    ...rangeOf(state.doc, diagnostic),
    severity: diagnostic.severity,
    message: sentence(diagnostic),
    renderMessage: () => card(diagnostic),
  }));
  return setDiagnostics(state, marks);
}

export const sentence = ({ path, message }: Diagnostic): string => (path ? `${path}: ${message}` : message);

function card(diagnostic: Diagnostic): HTMLElement {
  const element = document.createElement('div');
  element.className = 'finding-card';
  element.lang = 'en';
  element.append(paragraph(sentence(diagnostic)));
  const inOtherWords = words.peek().rules[diagnostic.code];
  if (inOtherWords) element.appendChild(paragraph(inOtherWords, 'help')).lang = 'zh-Hans';
  if (diagnostic.help) element.append(paragraph(diagnostic.help, 'help'));
  const rule = element.appendChild(document.createElement('button'));
  rule.type = 'button';
  rule.textContent = words.peek().ruleOf(diagnostic.code);
  rule.onclick = () => (shownRule.value = diagnostic.code);
  return element;
}

/** A paragraph in which back-ticks mark what was written by somebody. */
export function paragraph(text: string, name = ''): HTMLElement {
  const element = document.createElement('p');
  element.className = name;
  for (const { code, words } of quoted(text)) {
    if (code) element.appendChild(document.createElement('code')).textContent = words;
    else element.append(words);
  }
  return element;
}

/** Selects the next finding, or the one before, and has it read out. */
export const step =
  (found: () => readonly Diagnostic[], direction: 1 | -1): Command =>
  (view) => {
    const { doc, selection } = view.state;
    const places = found().map((diagnostic) => ({ diagnostic, ...rangeOf(doc, diagnostic) }));
    if (places.length === 0) return false;
    const { from, to } = selection.main;
    const after = (at: (typeof places)[number]): boolean => at.from > from || (at.from === from && at.to > to);
    const before = (at: (typeof places)[number]): boolean => at.from < from || (at.from === from && at.to < to);
    const next = direction === 1 ? (places.find(after) ?? places[0]!) : (places.findLast(before) ?? places.at(-1)!);
    view.dispatch({
      selection: EditorSelection.single(next.from, next.to),
      effects: [EditorView.scrollIntoView(next.from, { y: 'center' }), EditorView.announce.of(`${next.diagnostic.severity}: ${sentence(next.diagnostic)}`)],
    });
    return true;
  };
