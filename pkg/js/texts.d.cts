import type { Rule } from './index.cjs';

/** Every rule by its code, as `explain` gives it. */
export const rules: Readonly<Record<string, Rule>>;

export { crd, podAnnotations, schema } from './index.cjs';
