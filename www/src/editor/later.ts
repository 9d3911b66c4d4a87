// What an editor needs once somebody works in it: completion and search. Loaded with the first focus, so that reading
// a page does not wait for it.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Prec, type Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import { complete } from './completion';

export const later: Extension = [
  closeBrackets(),
  autocompletion({ override: [complete], icons: false }),
  search({ top: false }),
  highlightSelectionMatches({ minSelectionLength: 3 }),
  Prec.high(keymap.of([...closeBracketsKeymap, ...searchKeymap, ...completionKeymap])),
];
