// The editor, in a shadow tree: there its styles are adopted sheets, which a strict Content-Security-Policy allows.
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { effect, untracked } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Diagnostic } from 'imagecache';
import { checked, usable } from '../state/analysis';
import { active, activeFile, changed, files } from '../state/files';
import { goal, view as shown } from '../state/shown';
import { words } from '../words';
import { rangeOf, showFindings } from './findings';
import { beginWriting, makeReady, setup, speak, spoken, type Hooks } from './setup';

const NONE: readonly Diagnostic[] = [];

export function Pane() {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => mount(host.current!), []);
  return <div class="editor" ref={host} />;
}

/** Builds the editor, and keeps it in step with what is open; answers how to take it down. */
function mount(host: HTMLElement): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const states = new Map<string, EditorState>();
  let current = '';
  const hooks: Hooks = {
    changed: (state) => changed(current, state.doc),
    found: () => checked.peek().get(current)?.diagnostics ?? NONE,
  };
  const fresh = (text: string): EditorState =>
    EditorState.create({ doc: text, extensions: [setup(hooks, text.length, () => document.documentElement), spoken.of([])] });
  const editor = new EditorView({ parent: root, root, state: fresh('') });

  const follow = [
    // The shown document.
    effect(() => {
      const open = files.value;
      const next = active.value;
      untracked(() => {
        if (current) states.set(current, editor.state);
        for (const id of states.keys()) if (!open.some((file) => file.id === id)) states.delete(id);
        const file = open.find(({ id }) => id === next);
        if (!file || next === current) return;
        current = next;
        editor.setState(states.get(next) ?? fresh(file.text));
        // A document that was shown before these were loaded lacks them.
        if (editor.hasFocus) beginWriting(editor);
        else if (usable.peek()) makeReady(editor);
        editor.dispatch(showFindings(editor.state, checked.peek().get(next)?.diagnostics ?? NONE));
        changed(next, editor.state.doc);
      });
    }),
    effect(() => {
      const name = activeFile.value?.name ?? '';
      editor.dispatch({ effects: spoken.reconfigure(speak(words.value, name)) });
    }),
    effect(() => {
      const found = checked.value.get(active.value)?.diagnostics ?? NONE;
      editor.dispatch(showFindings(editor.state, found));
    }),
    effect(() => {
      const to = goal.value;
      if (!to || to.file !== active.value) return;
      const { from: anchor, to: head } = rangeOf(editor.state.doc, to.span);
      editor.dispatch({ selection: { anchor, head }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      editor.focus();
      goal.value = null;
    }),
    effect(() => {
      if (usable.value) makeReady(editor);
    }),
    // On narrow screens the editor was hidden until now.
    effect(() => {
      if (shown.value === 'manifests') requestAnimationFrame(() => editor.requestMeasure());
    }),
  ];
  return () => {
    for (const stop of follow) stop();
    editor.destroy();
  };
}
