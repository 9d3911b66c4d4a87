// Texts of the package that no call needs: the pages of the rules, the names of the resource, the schemas. A good part of the package,
// loaded when it is asked for.
import type { Rule } from 'imagecache';
import type { Definitions, JsonSchema } from './protocol';

const texts = (): Promise<typeof import('imagecache/texts')> => import('imagecache/texts');

export const ruleOf = async (code: string): Promise<Rule | undefined> => (await texts()).rules[code];

let defined: Definitions | undefined;

export async function define(): Promise<Definitions> {
  const { crd, schema, podAnnotations } = await texts();
  const spec = crd().spec as { group: string; names: { plural: string; kind: string }; versions: { name: string }[] };
  return (defined ??= {
    resource: { group: spec.group, version: spec.versions[0]?.name ?? '', plural: spec.names.plural, kind: spec.names.kind },
    schema: schema() as JsonSchema,
    podAnnotations: podAnnotations() as JsonSchema,
  });
}
