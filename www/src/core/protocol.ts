// What the page and its worker say to each other.
import type { Diagnostic, Expiry, Explanation, MatchRules, ObjectRole, Span, Unreadable } from 'imagecache';
import type { PlanAnswer, PlanFacts, PlanOptions, PriceFile } from 'imagecache/plan';

/** A text in the editor. */
export interface Source {
  id: string;
  text: string;
}

/** An object of a text, without its content. */
export interface Met extends Span {
  role: ObjectRole;
  kind: string;
  name: string;
  document: number;
  path: string;
}

/** Bytes that travel when an image is pulled, by reference. */
export type Sizes = Readonly<Record<string, number>>;

/** What is to be said about one text. */
export interface Checked {
  diagnostics: Diagnostic[];
  objects: Met[];
}

/** Where an object comes from: a text, or the cluster. */
export type Origin = ({ file: string; document: number; path: string } & Span) | { cluster: true };

export interface SurveyedCache {
  key: string;
  name: string;
  id: string | null;
  phase: string | null;
  created: string | null;
  images: number;
  origin: Origin;
  expiry: Expiry;
}

export interface SurveyedPod {
  key: string;
  name: string;
  origin: Origin;
  answer: Explanation | Unreadable;
}

/** Which cache each pod hits, and when each cache ends. */
export interface Survey {
  now: string;
  /** The texts that were read. */
  documents: string[];
  caches: SurveyedCache[];
  pods: SurveyedPod[];
  /** Pods beyond {@link MAX_PODS}, which were not matched. */
  podsLeft: number;
  /** Findings of all documents together. */
  diagnostics: Diagnostic[];
}

/** At most this many pods are matched at once; more do not fit a screen anyway. */
export const MAX_PODS = 500;

/** An object that can be sent to a cluster. */
export interface Sendable {
  key: string;
  name: string;
  origin: Origin;
  value: Record<string, unknown>;
  diagnostics: Diagnostic[];
}

/** What the resource is called at an API server. */
export interface Resource {
  group: string;
  version: string;
  plural: string;
  kind: string;
}

/** What editors and clusters need to know of the resource. */
export interface Definitions {
  resource: Resource;
  schema: JsonSchema;
  podAnnotations: JsonSchema;
}

/** As much of JSON Schema as an editor reads. */
export interface JsonSchema {
  description?: string;
  deprecationMessage?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  examples?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  required?: string[];
  doNotSuggest?: boolean;
}

/** The questions: name, arguments, answer. */
export interface Questions {
  version(): string;
  check(source: Source, podPaths: readonly string[]): Checked;
  forget(id: string): void;
  survey(ids: string[], now: string, rules: MatchRulesInput, sizes: Sizes): Survey;
  cluster(caches: Record<string, unknown>[] | null): void;
  sendable(ids: string[]): Sendable[];
  /** Why these paths cannot be used; null if they can. */
  podPathsFault(podPaths: readonly string[]): string | null;
  /** Loads the module for plans with the first plan. */
  plan(ids: string[], facts: PlanFacts, options: PlanOptions): PlanAnswer;
  samplePrices(): PriceFile;
}

export type MatchRulesInput = Partial<MatchRules>;

export interface Ask {
  id: number;
  name: keyof Questions;
  args: unknown[];
}

export type Answer = { id: number; value: unknown } | { id: number; fault: string };
