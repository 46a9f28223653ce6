/** Writes the binary forms that the module reads: little-endian 32-bit words, and texts that begin at multiples of 4. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  u32(value: number): this {
    const at = this.#take(4);
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
    return this;
  }

  /** Bytes as they are, filled up to a multiple of 4. */
  bytes(value: Uint8Array): this {
    const at = this.#take((value.length + 3) & ~3);
    this.#bytes.set(value, at);
    return this;
  }

  /** A text: its size in bytes, then UTF-8. */
  text(value: string): this {
    const bytes = encoder.encode(value);
    return this.u32(bytes.length).bytes(bytes);
  }

  texts(values: readonly string[]): this {
    this.u32(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  pairs(values: readonly (readonly [string, string])[]): this {
    this.u32(values.length);
    for (const [first, second] of values) this.text(first).text(second);
    return this;
  }

  /** Puts a word in place that was written before. */
  patchU32(at: number, value: number): void {
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  #take(size: number): number {
    const at = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#size, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

const encoder = new TextEncoder();
