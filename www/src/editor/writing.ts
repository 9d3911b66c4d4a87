// What an editor needs once the page is of use: keys, undoing, brackets, indentation, colours, what a field means. A text
// can be read, and a pasted one validated, without.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import { highlight } from './colours';
import { fieldHover } from './hover';

export { yaml as grammar } from '@codemirror/lang-yaml';

export const writing: Extension = [
  history(),
  indentOnInput(),
  indentUnit.of('  '),
  bracketMatching(),
  fieldHover,
  syntaxHighlighting(highlight),
  keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
];
