// A part of the editor that is loaded after it, and then reaches the editors that were made without.
import { Compartment, type Extension, type StateEffect } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';

export class Arriving {
  readonly #place = new Compartment();
  readonly #load: () => Promise<Extension>;
  readonly #longest: number;
  #part: Extension | undefined;
  #loading = false;

  /** @param longest the number of characters beyond which a text goes without the part. */
  constructor(load: () => Promise<Extension>, longest = Infinity) {
    this.#load = load;
    this.#longest = longest;
  }

  /** The place of the part in the state of a text of this many characters. */
  of(length: number): Extension {
    return this.#place.of(this.#part && length <= this.#longest ? this.#part : []);
  }

  /** Takes the part away. */
  without(): StateEffect<unknown> {
    return this.#place.reconfigure([]);
  }

  /** Loads the part where it is not loaded yet, and gives it to an editor that lacks it. */
  reach(view: EditorView): void {
    if (this.#loading || this.#isIn(view)) return;
    this.#loading = true;
    this.#arrive(view).then(
      () => (this.#loading = false),
      // Without a network it comes with the next call.
      () => (this.#loading = false),
    );
  }

  async #arrive(view: EditorView): Promise<void> {
    this.#part ??= await this.#load();
    if (!this.#isIn(view)) view.dispatch({ effects: this.#place.reconfigure(this.#part) });
  }

  #isIn({ state }: EditorView): boolean {
    return state.doc.length > this.#longest || (this.#part !== undefined && this.#place.get(state) === this.#part);
  }
}
