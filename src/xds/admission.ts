/** Lets things in at a pace: after some milliseconds of work the event loop gets its turn, so that a thousand proxies
 * which connect at once do not keep it from everything else. */
export class Admission<T> {
  readonly #admit: (item: T) => void;
  readonly #sliceMs: number;
  readonly #waiting: T[] = [];
  #scheduled = false;

  constructor(admit: (item: T) => void, options: { sliceMs?: number } = {}) {
    this.#admit = admit;
    this.#sliceMs = options.sliceMs ?? 5;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: T): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const end = performance.now() + this.#sliceMs;
      do {
        const item = this.#waiting.shift();
        if (item === undefined) break;
        this.#admit(item);
      } while (performance.now() < end);
      this.#schedule();
    });
  }
}
