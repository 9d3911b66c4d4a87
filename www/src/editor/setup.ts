// The parts of CodeMirror that this page needs, and no others.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter } from '@codemirror/lint';
import { Compartment, EditorState, type Extension, type Transaction, type TransactionSpec } from '@codemirror/state';
import { EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, placeholder, tooltips } from '@codemirror/view';
import type { Diagnostic } from 'imagecache';
import { takeFiles } from '../intake';
import type { Words } from '../words';
import { step } from './findings';
import { fieldHover } from './hover';
import { highlight, theme } from './theme';

export interface Hooks {
  /** The document changed. */
  changed(state: EditorState): void;
  /** Findings of the shown document. */
  found(): readonly Diagnostic[];
}

/** What changes with the language of the page. */
export const spoken = new Compartment();

/** Completion and search, once they are loaded. */
let rest: Extension[] = [];
const loaded = new Compartment();
let loading: Promise<Extension> | undefined;

/** Loads them, and gives them to an editor that was made without. */
export async function loadRest(view: EditorView): Promise<void> {
  loading ??= import('./later').then(
    ({ later }) => later,
    (fault) => {
      // Without a network they come with the next focus.
      loading = undefined;
      throw fault;
    },
  );
  try {
    rest = [await loading];
  } catch {
    return;
  }
  const has = loaded.get(view.state) as Extension[];
  if (has.length === 0) view.dispatch({ effects: loaded.reconfigure(rest) });
}

/** The grammar that colours are read from. Beyond so many characters a text has none: it would take longer than it is worth. */
const colours = new Compartment();
const MAX_COLOURED = 1 << 20;

function withoutColours({ startState, newDoc }: Transaction): Pick<TransactionSpec, 'effects'> | null {
  return newDoc.length > MAX_COLOURED && startState.doc.length <= MAX_COLOURED ? { effects: colours.reconfigure([]) } : null;
}

export function speak(words: Words, name: string): Extension {
  return [
    placeholder(words.editorEmpty),
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
    history(),
    indentOnInput(),
    indentUnit.of('  '),
    bracketMatching(),
    colours.of(length > MAX_COLOURED ? [] : yaml()),
    EditorState.transactionExtender.of(withoutColours),
    loaded.of(rest),
    fieldHover,
    syntaxHighlighting(highlight),
    theme,
    // Beside the text, tips may be wider than a narrow editor.
    tooltips({ tooltipSpace: () => space().getBoundingClientRect() }),
    EditorView.lineWrapping,
    EditorState.tabSize.of(2),
    keymap.of([
      { key: 'F8', run: step(hooks.found, 1) },
      { key: 'Shift-F8', run: step(hooks.found, -1) },
      ...defaultKeymap,
      ...historyKeymap,
      indentWithTab,
    ]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) hooks.changed(update.state);
      if (update.view.hasFocus && rest.length === 0) void loadRest(update.view);
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
