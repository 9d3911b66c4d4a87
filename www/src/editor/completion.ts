// Fields, annotations, phases: whatever the schemas name.
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { indentUnit } from '@codemirror/language';
import type { JsonSchema } from '../core/protocol';
import { define } from '../core/texts';
import { paragraph } from './findings';
import { placeAt } from './place';
import { isType, schemaAt, valuesOf } from './schema';

export async function complete({ state, pos, explicit }: CompletionContext): Promise<CompletionResult | null> {
  const place = placeAt(state.doc, pos);
  if (!place) return null;
  const typed = state.sliceDoc(place.from, pos);
  if (!explicit && typed === '' && place.at === 'key') return null;
  const known = await define().catch(() => null);
  const schema = known && schemaAt(known, place);
  if (!schema) return null;
  const options = place.at === 'key' ? keys(schema, place.siblings, state.facet(indentUnit)) : values(schema);
  // An item of a list is written where a key would go.
  if (place.at === 'key' && options.length === 0) options.push(...values(schema));
  return options.length === 0 ? null : { from: place.from, options, validFor: /^[\w./"-]*$/ };
}

function keys(schema: JsonSchema, taken: Set<string>, unit: string): Completion[] {
  return Object.entries(schema.properties ?? {})
    .filter(([name, { doNotSuggest }]) => !doNotSuggest && !taken.has(name))
    .map(([label, inner]) => ({
      label,
      type: inner.deprecationMessage ? 'old' : 'property',
      info: () => about(inner),
      boost: inner.deprecationMessage ? -50 : schema.required?.includes(label) ? 50 : 0,
      apply: (view, _, from, to) => {
        const base = view.state.doc.lineAt(from);
        const deeper = ' '.repeat(from - base.from) + unit;
        const after = view.state.sliceDoc(to, base.to);
        const tail = /^\s*:/.test(after) ? '' : isType(inner, 'object') ? `:\n${deeper}` : isType(inner, 'array') ? `:\n${deeper.slice(unit.length)}- ` : ': ';
        const insert = label + tail;
        view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, userEvent: 'input.complete' });
      },
    }));
}

/** What a field means, beside the list. */
function about({ description, deprecationMessage }: JsonSchema): Node | null {
  const texts = [description, deprecationMessage].filter((text) => text !== undefined);
  if (texts.length === 0) return null;
  const node = document.createElement('div');
  node.lang = 'en';
  node.append(...texts.map((text) => paragraph(text)));
  return node;
}

const values = (schema: JsonSchema): Completion[] => valuesOf(schema).map((label) => ({ label, type: 'constant' }));
