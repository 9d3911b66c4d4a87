// What the schemas of the core say about a place in a text.
import type { Definitions, JsonSchema } from '../core/protocol';
import type { Place } from './place';

/** The schema of the value at a place; for a key that is being written, that of the mapping around it. */
export function schemaAt({ schema, podAnnotations, resource }: Definitions, { path, kind }: Pick<Place, 'path' | 'kind'>): JsonSchema | undefined {
  if (kind === undefined || kind === resource.kind) return path.reduce(step, schema as JsonSchema | undefined);
  const annotations = path.lastIndexOf('annotations');
  if (annotations < 1 || path[annotations - 1] !== 'metadata') return undefined;
  return path.slice(annotations + 1).reduce(step, podAnnotations as JsonSchema | undefined);
}

function step(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  return name === '[]' ? schema?.items : schema?.properties?.[name];
}

/** The values that a schema names, as YAML writes them. */
export function valuesOf(schema: JsonSchema): string[] {
  const named = [...('const' in schema ? [schema.const] : []), ...(schema.enum ?? []), ...(schema.anyOf ?? []).flatMap((one) => one.enum ?? [])];
  const texts = named.filter((value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean');
  const isText = schema.type === 'string';
  return [...new Set(texts.map((value) => (isText && /^(true|false|yes|no|on|off|~|null|[\d.+-]+)$/i.test(String(value)) ? `"${value}"` : String(value))))];
}

export const isType = (schema: JsonSchema, type: string): boolean => [schema.type ?? []].flat().includes(type);
