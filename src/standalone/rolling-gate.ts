/** Lets the members of a group through one at a time, so that a change of a workload never takes all its replicas
 * away at once. */
export class RollingGate {
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves with the function that lets the next one through. */
  async enter(group: string): Promise<() => void> {
    const before = this.#last.get(group);
    let leave = (): void => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const upToMe = (before ?? Promise.resolve()).then(() => mine);
    this.#last.set(group, upToMe);
    void upToMe.then(() => {
      if (this.#last.get(group) === upToMe) this.#last.delete(group);
    });
    await before;
    return leave;
  }
}
