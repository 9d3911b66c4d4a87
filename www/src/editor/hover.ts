// What a field or an annotation means, beside the pointer.
import { hoverTooltip } from '@codemirror/view';
import { define } from '../core/texts';
import { paragraph } from './findings';
import { placeAt } from './place';
import { schemaAt } from './schema';

export const fieldHover = hoverTooltip(async (view, pos) => {
  const { doc } = view.state;
  const line = doc.lineAt(pos);
  const key = /^[\s-]*(["']?)([\w./-]+)\1\s*:/.exec(line.text);
  if (!key) return null;
  const to = line.from + key[0].lastIndexOf(':');
  const from = to - key[2]!.length - key[1]!.length;
  if (pos < from || pos > to) return null;
  const place = placeAt(doc, from);
  const known = place && (await define().catch(() => null));
  const schema = known && schemaAt(known, { kind: place.kind, path: [...place.path, key[2]!] });
  if (!schema?.description) return null;
  return {
    pos: from,
    end: to,
    above: true,
    create() {
      const dom = document.createElement('div');
      dom.className = 'field-hover';
      dom.lang = 'en';
      for (const text of [schema.description, schema.deprecationMessage]) {
        if (!text) continue;
        dom.append(paragraph(text));
      }
      return { dom };
    },
  };
});
