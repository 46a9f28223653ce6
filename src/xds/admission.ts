export interface AdmissionOptions {
  /** How many may be on their way in at once. */
  readonly atOnce: number;
  /** Milliseconds after which one that does nothing no longer keeps others waiting. */
  readonly patienceMs: number;
}

/**
 * Lets things in at a pace: the next one when an earlier one has arrived. A thousand proxies that connect at once would
 * otherwise keep the event loop from everything else for seconds.
 */
export class Admission<T> {
  readonly #admit: (item: T) => void;
  readonly #options: AdmissionOptions;
  readonly #waiting: T[] = [];
  /** Those on their way in; the value ends the patience with it. */
  readonly #entering = new Set<NodeJS.Timeout>();
  #scheduled = false;

  constructor(admit: (item: T) => void, options: AdmissionOptions = { atOnce: 8, patienceMs: 100 }) {
    this.#admit = admit;
    this.#options = options;
  }

  add(item: T): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  /** One of those on their way in has arrived; it does not matter which. */
  arrived(): void {
    for (const oldest of this.#entering) {
      clearTimeout(oldest);
      this.#entering.delete(oldest);
      break;
    }
    this.#schedule();
  }

  /** Admits nobody any more. */
  close(): void {
    this.#waiting.length = 0;
    for (const timer of this.#entering) clearTimeout(timer);
    this.#entering.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#entering.size >= this.#options.atOnce) return;
    this.#scheduled = true;
    // Not at once: first comes what the event loop has to do already.
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#entering.size < this.#options.atOnce) {
        const item = this.#waiting.shift();
        if (item === undefined) return;
        const timer = setTimeout(() => {
          this.#entering.delete(timer);
          this.#schedule();
        }, this.#options.patienceMs);
        this.#entering.add(timer);
        this.#admit(item);
      }
    });
  }
}
