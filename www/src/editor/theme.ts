// The editor in the colours of the page. Tokens reach into its shadow tree, rules of the page do not.
import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export const highlight = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: 'var(--code-key)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-value)' },
  { tag: [tags.comment, tags.meta], color: 'var(--ink-3)' },
  { tag: [tags.labelName, tags.typeName], color: 'var(--code-value)' },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--ink-3)' },
]);

const underline = (colour: string): Record<string, string> => ({
  backgroundImage: 'none',
  textDecoration: `underline wavy ${colour} 1.25px`,
  textUnderlineOffset: '4px',
  textDecorationSkipInk: 'none',
  paddingBottom: '0',
});

const sign = (colour: string, shape: string): Record<string, string> => ({
  content: 'normal',
  width: '9px',
  height: '9px',
  margin: '7px 0 0 3px',
  background: colour,
  clipPath: shape,
});

export const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'transparent', fontSize: 'var(--text-code)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.65', overflow: 'auto' },
  '.cm-content': { padding: 'var(--s3) 0 40vh', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0 var(--s4) 0 var(--s2)' },
  '.cm-gutters': { backgroundColor: 'var(--paper)', color: 'var(--ink-3)', border: 'none', paddingLeft: 'var(--s1)' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '2.4em', padding: '0 6px 0 0', fontVariantNumeric: 'tabular-nums' },
  '.cm-activeLine': { backgroundColor: 'var(--line-here)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--accent-soft)' },
  '.cm-placeholder': { color: 'var(--ink-3)', fontFamily: 'var(--sans)' },
  '.cm-lintRange-error': underline('var(--error)'),
  '.cm-lintRange-warning': underline('var(--warning)'),
  '.cm-lintRange-hint': underline('var(--hint)'),
  '.cm-lintRange-active': { backgroundColor: 'var(--accent-soft)' },
  '.cm-gutter-lint': { width: '16px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-lint-marker-error': sign('var(--error)', 'circle()'),
  '.cm-lint-marker-warning': sign('var(--warning)', 'polygon(50% 4%, 100% 96%, 0 96%)'),
  '.cm-lint-marker-hint, .cm-lint-marker-info': sign('var(--hint)', 'polygon(50% 0, 100% 50%, 50% 100%, 0 50%)'),
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    border: '1px solid var(--rule-strong)',
    borderRadius: 'var(--round)',
    boxShadow: 'var(--shadow)',
    fontFamily: 'var(--sans)',
    fontSize: 'var(--text-small)',
    lineHeight: '1.5',
    maxWidth: 'min(30rem, 90vw)',
    overflow: 'hidden',
  },
  '.cm-diagnostic': { padding: 'var(--s2) var(--s3)', borderLeft: '3px solid', marginLeft: '0', whiteSpace: 'normal' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--error)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warning)' },
  '.cm-diagnostic-hint': { borderLeftColor: 'var(--hint)' },
  '.finding-card p, .field-hover p': { margin: '0 0 2px', overflowWrap: 'anywhere' },
  '.finding-card code': { fontFamily: 'var(--mono)', fontSize: '0.94em' },
  '.field-hover': { padding: 'var(--s2) var(--s3)' },
  '.finding-card .help': { color: 'var(--ink-2)' },
  '.finding-card button': { font: 'inherit', color: 'var(--accent)', background: 'none', border: 'none', padding: '4px 0', cursor: 'pointer', textDecoration: 'underline', textUnderlineOffset: '3px' },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: 'var(--text-small)', maxHeight: '16em' },
  '.cm-tooltip-autocomplete > ul > li': { padding: '4px 10px !important', lineHeight: '1.4' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent) !important', color: 'var(--on-accent) !important' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '650' },
  '.cm-completionInfo': { padding: 'var(--s2) var(--s3)', maxWidth: '22rem', whiteSpace: 'pre-line' },
  '.cm-panels': { backgroundColor: 'var(--sunk)', color: 'var(--ink)', borderTop: '1px solid var(--rule)', fontFamily: 'var(--sans)' },
  '.cm-panel.cm-search': { padding: 'var(--s2) var(--s3)', fontSize: 'var(--text-small)' },
  '.cm-panel.cm-search input, .cm-panel.cm-search button': { font: 'inherit' },
  '.cm-panel.cm-search [name=close]': { fontSize: '18px', color: 'var(--ink)', width: '28px', height: '28px' },
  '.cm-textfield, .cm-button': { color: 'inherit', background: 'var(--paper)', border: '1px solid var(--rule-strong)', borderRadius: 'var(--round)', backgroundImage: 'none' },
  '.cm-searchMatch': { backgroundColor: 'var(--warning-soft)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
});
