// The parts of CodeMirror that this page needs, and no others.
import { lintGutter } from '@codemirror/lint';
import { Compartment, EditorState, type Extension, type Transaction, type TransactionSpec } from '@codemirror/state';
import { EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, placeholder, tooltips } from '@codemirror/view';
import type { Diagnostic } from 'imagecache';
import { takeFiles } from '../intake';
import type { Words } from '../words';
import { Arriving } from './arriving';
import { step } from './findings';
import { theme } from './theme';

export interface Hooks {
  /** The document changed. */
  changed(state: EditorState): void;
  /** Findings of the shown document. */
  found(): readonly Diagnostic[];
}

/** What changes with the language of the page. */
export const spoken = new Compartment();

/** Keys, undoing, colours. */
const writing = new Arriving(() => import('./writing').then((part) => part.writing));
/** Completion and search. */
const rest = new Arriving(() => import('./later').then(({ later }) => later));

/** The grammar that colours are read from. Beyond this many characters a text has none: it would take longer than it is worth. */
const MAX_COLOURED = 1 << 20;
const colours = new Arriving(() => import('./writing').then(({ grammar }) => grammar()), MAX_COLOURED);

/** Readies an editor for somebody who is about to write in it. */
export function makeReady(view: EditorView): void {
  writing.reach(view);
  colours.reach(view);
}

/** Readies an editor that somebody writes in. */
export function beginWriting(view: EditorView): void {
  makeReady(view);
  rest.reach(view);
}

function withoutColours({ startState, newDoc }: Transaction): Pick<TransactionSpec, 'effects'> | null {
  return newDoc.length > MAX_COLOURED && startState.doc.length <= MAX_COLOURED ? { effects: colours.without() } : null;
}

export function speak(words: Words, name: string): Extension {
  return [
    placeholder(words.editorEmpty),
    EditorState.phrases.of(words.editorPhrases),
    EditorView.contentAttributes.of({ 'aria-label': words.editorName(name), 'aria-description': words.editorHelp, spellcheck: 'false', tabindex: '0' }),
  ];
}

export function setup(hooks: Hooks, length: number, space: () => HTMLElement): Extension {
  return [
    lineNumbers(),
    lintGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSpecialChars(),
    colours.of(length),
    EditorState.transactionExtender.of(withoutColours),
    writing.of(length),
    rest.of(length),
    theme,
    // Beside the text, tips may be wider than a narrow editor.
    tooltips({ tooltipSpace: () => space().getBoundingClientRect() }),
    EditorView.lineWrapping,
    EditorState.tabSize.of(2),
    keymap.of([
      { key: 'F8', run: step(hooks.found, 1) },
      { key: 'Shift-F8', run: step(hooks.found, -1) },
    ]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) hooks.changed(update.state);
      if (update.view.hasFocus) beginWriting(update.view);
    }),
    EditorView.domEventHandlers({
      drop(event) {
        const list = event.dataTransfer?.files;
        if (!list || list.length === 0) return false;
        event.preventDefault();
        event.stopPropagation();
        document.documentElement.classList.remove('dropping');
        void takeFiles(list);
        return true;
      },
    }),
  ];
}
