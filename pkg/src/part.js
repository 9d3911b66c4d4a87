// The part of a pod that matching reads, as JSON. It is one call, where the module would need one for each member.
//
// A shape is `ffi::Part` as JSON: `'whole'`, `{ items }` (a shape for each item of a list) or `{ members }` (pairs of a name
// and a shape). A value of another form than its shape says is written whole, as is a value with `toJSON`.

const TOO_MANY = {};

// Texts that are their own JSON, in quotes. `JSON.stringify` of a short text takes longer than this.
const PLAIN = /^[ !#-[\]-~]*$/;

// Returns undefined where JSON leaves the value out.
function part(value, shape, size) {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  if (shape === 'whole' || typeof value !== 'object' || value === null || value.toJSON !== undefined) return JSON.stringify(value);
  const { items, members } = shape;
  let text = '';
  if (Array.isArray(value)) {
    if (items === undefined) return JSON.stringify(value);
    // As JSON, each item has at least a character and a comma.
    size.bytes += value.length * 2;
    if (size.bytes > size.most) throw TOO_MANY;
    for (let at = 0; at < value.length; at += 1) text += `${at ? ',' : ''}${part(value[at], items, size) ?? 'null'}`;
    return `[${text}]`;
  }
  if (members === undefined) return JSON.stringify(value);
  for (let at = 0; at < members.length; at += 1) {
    const [name, inner] = members[at];
    const member = value[name];
    const found = member === undefined ? undefined : part(member, inner, size);
    if (found !== undefined) text += `${text ? ',' : ''}"${name}":${found}`;
  }
  return `{${text}}`;
}

// Returns the JSON; undefined if the object is not a pod; a number if its lists have more than `most` bytes.
export function podPart(pod, shape, most) {
  const size = { bytes: 0, most };
  try {
    const { kind, apiVersion } = pod;
    if (kind !== 'Pod' || (apiVersion !== undefined && apiVersion !== 'v1') || pod.toJSON !== undefined) return undefined;
    return part(pod, shape, size);
  } catch (exception) {
    if (exception === TOO_MANY) return Math.min(size.bytes, 0xffffffff);
    throw exception;
  }
}
