// The module as text inside this file, for where no second file can be had. Ready with the first call.
import { provide } from './api.js';

const text = '@BASE64@';

provide({ bytes: () => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) });

export { init, initSync, validate, objects, expiry, parseReference, review, crd, schema, podAnnotations, explain, version, CacheIndex } from './api.js';
