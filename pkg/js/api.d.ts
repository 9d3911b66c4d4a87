// Written by `cargo xtask pkg` from `js/api.d.ts` and from the Rust types of the core; edit those.

/** Anything that JSON can say: a parsed manifest, an object of a Kubernetes client. Or JSON as bytes. */
export type Json = object | Uint8Array;

/** What a WebAssembly module can be had from: its bytes, itself, a response, or a URL to fetch. */
export type ModuleSource =
  | BufferSource
  | WebAssembly.Module
  | Response
  | Request
  | URL
  | string;

/**
 * Loads the module; call it once, and await it, before anything else. Under Node and in the inlined entry the first
 * call loads the module by itself, and this only does it earlier.
 *
 * @param module where to have the module from, when the file beside the entry cannot be fetched.
 */
export function init(module?: ModuleSource | Promise<ModuleSource>): Promise<void>;

/** Loads the module at once, from its bytes or from a compiled module. */
export function initSync(module: BufferSource | WebAssembly.Module): void;

/**
 * What is wrong with a manifest: of `ImageCache` everything, of workloads what concerns image caches. Findings come in
 * the order of the text; those of a text carry lines and columns.
 *
 * @param manifest a text of YAML or JSON, of any number of documents, or one object or list.
 * @throws {TypeError} for wrong arguments; never for what is wrong in a manifest.
 */
export function validate(manifest: string | Json, options?: ValidateOptions): Diagnostic[];

/**
 * Every object of a text, lists and replies opened up: what {@link CacheIndex.insert}, {@link CacheIndex.explain} and
 * {@link expiry} take, out of whatever was pasted.
 *
 * @param text a text of YAML or JSON, of any number of documents.
 * @returns the objects in order, and what of the text could not be read.
 * @throws {TypeError} for anything but a string.
 */
export function objects(text: string): { objects: TextObject[]; diagnostics: Diagnostic[] };

/** An object of a text. */
export interface TextObject {
  /** What it is to a match: an image cache, a pod or workload, or neither. */
  role: Role;
  /** Which document of the text, from 0. */
  document: number;
  /** Where in the document it stands: empty, or the item of a list, `items[3]`. */
  path: string;
  /** The object; an item of a typed list has the kind that its list gives it. */
  value: Record<string, unknown>;
  /** Where its document stands in the text. */
  span: Span;
}

/**
 * When a cache ends, why, and how long is left.
 *
 * @param cache an `ImageCache` object, or an entry of a DescribeImageCaches reply.
 * @param now the present, in RFC 3339 or as a `Date`.
 * @throws {TypeError} for wrong arguments.
 */
export function expiry(cache: Json, now: string | Date): Expiry;

/**
 * What a text means as an image, by the grammar of Docker's `distribution/reference`.
 *
 * @throws {TypeError} for anything but a string.
 */
export function parseReference(text: string): Reference;

/**
 * Answers an AdmissionReview (`admission.k8s.io/v1`) with an AdmissionReview, as a webhook does: image caches and
 * workloads are judged, and pods are matched and changed as the settings say.
 *
 * @param caches the caches of the cluster; without them they count as not to be listed, and
 *   `settings.onCachesUnavailable` says what follows. An index is answered from at once, anything else is read anew.
 * @param now the present, for caches that end. Without it, the time that the API server wrote on the object.
 * @returns an error for what is no AdmissionReview: a webhook answers it with HTTP 400.
 * @throws {TypeError} for wrong arguments, all faults of the settings included.
 */
export function review(
  review: Json,
  settings?: AdmissionSettings,
  caches?: CacheIndex | Json | readonly Json[],
  now?: string | Date,
): Review | { error: string };

/** The CustomResourceDefinition of `ImageCache` (`apiextensions.k8s.io/v1`). */
export function crd(): Record<string, unknown>;

/** The JSON Schema (draft 7) of an `ImageCache` manifest, for editors. */
export function schema(): Record<string, unknown>;

/** The JSON Schema (draft 7) of the annotations of pods that speak of image caches, for editors. */
export function podAnnotations(): Record<string, unknown>;

/**
 * The page of a code.
 *
 * @param code a code (`IC022`) or the name of its rule (`too-many-images`).
 * @returns `undefined` when there is no such code.
 * @throws {TypeError} for anything but a string.
 */
export function explain(code: string): Rule | undefined;

/** Version of this package. */
export function version(): string;

/**
 * Caches that pods are matched against, held inside the module. Frees itself when it is collected, or at once by
 * `free()` or `using`.
 */
export class CacheIndex {
  /**
   * @param caches what {@link CacheIndex.insert} takes; an empty index without it.
   * @param sizes bytes that travel when an image is pulled, by reference: with them, explanations tell bytes and seconds
   *   saved.
   */
  constructor(caches?: Json | readonly Json[], sizes?: Readonly<Record<string, number>>);

  /**
   * Adds caches, or puts them in the place of those with the same ids (the same names, where they have no id).
   *
   * @param caches an `ImageCache` object, a list of them, a DescribeImageCaches reply or an entry of one; or an array of
   *   all of these.
   * @returns what could not be read. One broken cache hides no other.
   * @throws {TypeError} for wrong arguments; then nothing was added.
   */
  insert(caches: Json | readonly Json[]): Diagnostic[];

  /**
   * Removes the cache of this id, or the one of this name that has no id yet.
   *
   * @returns whether it was there.
   */
  remove(id: string): boolean;

  /** The number of caches. */
  readonly size: number;

  /**
   * Which cache a pod hits.
   *
   * @param pod a Pod, or a workload with a pod template.
   * @throws {TypeError} for wrong arguments.
   */
  match(pod: Json, rules?: MatchRules): Match | Unreadable;

  /**
   * Which cache a pod hits, why every other one was not taken, and what ECI does next.
   *
   * @param pod a Pod, or a workload with a pod template.
   * @throws {TypeError} for wrong arguments.
   */
  explain(pod: Json, rules?: MatchRules): Explanation | Unreadable;

  /** {@link review}, with these caches as those of the cluster. */
  review(review: Json, settings?: AdmissionSettings, now?: string | Date): Review | { error: string };

  /** Gives the memory back. The index cannot be used after it. */
  free(): void;
  [Symbol.dispose](): void;
}

/** What happens to a pod, in short. */
export interface Match {
  /** What happens. */
  decision: Decision;
  /** The cache it starts from. */
  winner: CacheName | null;
  /** How many of its distinct images the cache has exactly. */
  exact: number;
  /** How many more of them the cache has in another version. */
  repositoryOnly: number;
  /** How many distinct images the pod has. */
  images: number;
  /** Does ECI start to make a cache of its own for it? */
  autoCreate: boolean;
}

/** The object is no pod, and holds none. */
export interface Unreadable {
  decision: 'Unreadable';
  /** What is wrong with it. */
  diagnostics: Diagnostic[];
}

/** An answered AdmissionReview. */
export interface Review {
  apiVersion: string;
  kind: string;
  response: {
    /** That of the request. */
    uid: string;
    allowed: boolean;
    /** Why not. */
    status?: { code: number; reason: string; message: string; details?: object };
    /** `JSONPatch`, where there is a patch. */
    patchType?: string;
    /** In base64. */
    patch?: string;
    warnings?: string[];
    auditAnnotations?: Record<string, string>;
  };
}

/** A code and what it means. */
export interface Rule {
  /** The code. */
  code: Code;
  /** The name of the rule: `too-many-images`. */
  name: string;
  /** Severity of a finding, unless configured. */
  severity: Severity;
  /** One line. */
  summary: string;
  /** Why, examples, source; in Markdown. */
  page: string;
}

/** A stable code of a rule, from `IC001`. */
export type Code = `IC${string}`;

/** Severities by code. */
export type Levels = { [code: string]: Level };

