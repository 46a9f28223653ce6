import type { DeliveryOptions } from "./delivery.ts";
import type { DeltaServer, ProxyStream } from "./delta-server.ts";
import { buildProof, type Claim, proofNames, proofRoutes } from "./proof.ts";
import { buildProofListeners } from "./proof-listeners.ts";
import { proverScope } from "./proxy-node.ts";
import { readableMessage } from "./refusal-message.ts";
import { contentVersion, type Resource, type ResourceType } from "./resource.ts";
import type { ScopeChange } from "./scope.ts";
import type { Refused } from "./subscription.ts";

export type Verdict =
  | { readonly kind: "accepted" }
  /** Envoy's words, made readable. */
  | { readonly kind: "refused"; readonly message: string }
  /** There is no prover, or it does not answer. */
  | { readonly kind: "unproven" };

export interface ProverOptions {
  /** Milliseconds without any answer after which the prover counts as down. Default 3000. */
  readonly timeoutMs?: number;
}

interface Job {
  readonly proof: Resource;
  readonly number: number;
  readonly decide: (verdict: Verdict) => void;
  /** How often it was taken from the prover without an answer. */
  withdrawals: number;
  withdrawn: boolean;
}

/** How the prover is served: nothing there is worth a grace time, and what keeps it busy is taken away soon. */
export const proverDelivery: Partial<DeliveryOptions> = { graceMs: 0, patienceMs: 200 };

/** How many of a type are on the prover at once: Envoy takes long for many clusters, and one route table has one name. */
const atOnce: Partial<Record<ResourceType, number>> = {
  cluster: 200,
  listener: 20,
  routes: 1,
  virtualHost: 2000,
};
/** How many accepted contents are remembered. */
const remembered = 20_000;
/** Milliseconds after which what was proven is removed from an idle prover. */
const tidyAfterMs = 1000;

/**
 * Milliseconds after which clusters that Envoy does not answer are taken away again. A cluster that fails late (a bad
 * size of a Maglev table) counts as warming for ever, and Envoy 1.40 says nothing of any cluster before it is removed.
 */
const withdrawAfterMs = 400;
const maxWithdrawals = 3;

const accepted: Verdict = { kind: "accepted" };
const unproven: Verdict = { kind: "unproven" };

/**
 * Tries resources on an Envoy without traffic before any other proxy gets them. The prover is one more proxy of the
 * delta server, whose scope holds scratch copies; what the server learns of refused responses it learns here, too.
 */
export class Prover {
  readonly #server: DeltaServer;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<ResourceType, Job[]>();
  /** By type and scratch name. */
  readonly #running = new Map<string, Job>();
  /** Scratch resources that nobody needs any more. */
  #done: { readonly type: ResourceType; readonly name: string }[] = [];
  readonly #accepted = new Set<string>();
  #number = 0;
  #silent = false;
  #timer: NodeJS.Timeout | undefined;
  #tidyTimer: NodeJS.Timeout | undefined;
  #withdrawTimer: NodeJS.Timeout | undefined;
  readonly #unsubscribe: () => void;

  constructor(server: DeltaServer, options: ProverOptions = {}) {
    this.#server = server;
    this.#timeoutMs = options.timeoutMs ?? 3000;
    server.apply(
      proverScope,
      buildProofListeners().map((resource) => ({ type: resource.type, name: resource.name, resource })),
    );
    this.#unsubscribe = server.on({
      acknowledged: (stream, type, versions) => this.#acknowledged(stream, type, versions),
      nacked: (stream, type, refused) => this.#refused(stream, type, refused),
      disconnected: (stream) => {
        if (stream.scope === proverScope && this.#server.streamsOf(proverScope).size === 0) this.#giveUp();
      },
    });
  }

  /** True while nothing can be proven. */
  get down(): boolean {
    return this.#silent || this.#server.streamsOf(proverScope).size === 0;
  }

  /** Marks a content as good that a proxy has served before. */
  trust(type: ResourceType, version: string): void {
    this.#remember(`${type} ${version}`);
  }

  /** Tries each of these alone; the verdicts are in the order of the claims. Never rejects. */
  prove(claims: readonly (Claim & { readonly version?: string })[]): Promise<readonly Verdict[]> {
    const verdicts = claims.map((claim) => this.#submit(claim));
    this.#pump();
    return Promise.all(verdicts);
  }

  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
    clearTimeout(this.#withdrawTimer);
    this.#giveUp();
    clearTimeout(this.#tidyTimer);
  }

  async #submit(claim: Claim & { readonly version?: string }): Promise<Verdict> {
    const id = `${claim.type} ${claim.version ?? contentVersion(claim.body)}`;
    if (this.#accepted.has(id)) return accepted;
    if (this.down) return unproven;
    this.#number += 1;
    const number = this.#number;
    let proof: Resource | undefined;
    try {
      proof = buildProof(claim, number);
    } catch (error) {
      return { kind: "refused", message: `It cannot be decoded: ${String(error)}` };
    }
    if (proof === undefined) return accepted;
    const { type } = proof;
    const verdict = await new Promise<Verdict>((decide) => {
      const jobs = this.#waiting.get(type) ?? [];
      this.#waiting.set(type, jobs);
      jobs.push({ proof, number, decide, withdrawals: 0, withdrawn: false });
    });
    if (verdict.kind === "accepted") this.#remember(id);
    return verdict;
  }

  /** Brings as many waiting jobs onto the prover as it takes at once. */
  #pump(): void {
    const changes: ScopeChange[] = [];
    const same: Job[] = [];
    for (const [type, jobs] of this.#waiting) {
      let free = (atOnce[type] ?? 1) - this.#count(type);
      while (free > 0) {
        const job = jobs.shift();
        if (job === undefined) break;
        const { proof } = job;
        if (this.#server.get(proverScope, type, proof.name)?.version === proof.version) {
          same.push(job);
          continue;
        }
        free -= 1;
        this.#running.set(`${type} ${proof.name}`, job);
        changes.push({ type, name: proof.name, resource: proof });
      }
    }
    for (const job of same) job.decide(accepted);
    if (changes.length === 0) return;
    // What was proven before goes in the same breath.
    changes.push(...this.#done.splice(0).map((key) => ({ ...key, resource: undefined })));
    this.#awaitAnswer();
    this.#server.apply(proverScope, changes);
  }

  #count(type: ResourceType): number {
    let count = 0;
    for (const job of this.#running.values()) if (job.proof.type === type) count += 1;
    return count;
  }

  #acknowledged(
    stream: ProxyStream,
    type: ResourceType,
    versions: ReadonlyMap<string, string | undefined>,
  ): void {
    if (stream.scope !== proverScope) return;
    this.#silent = false;
    for (const [name, version] of versions) {
      const job = this.#running.get(`${type} ${name}`);
      if (job !== undefined && job.proof.version === version) this.#decide(job, accepted);
    }
    this.#afterAnswer();
  }

  #refused(stream: ProxyStream, type: ResourceType, refused: readonly Refused[]): void {
    if (stream.scope !== proverScope) return;
    this.#silent = false;
    for (const { name, version, message } of refused) {
      const job = this.#running.get(`${type} ${name}`);
      if (job === undefined || job.proof.version !== version) continue;
      this.#decide(job, { kind: "refused", message: readableMessage(message, proofNames(job.number)) });
    }
    this.#afterAnswer();
  }

  #decide(job: Job, verdict: Verdict): void {
    const { type, name } = job.proof;
    this.#running.delete(`${type} ${name}`);
    // The one route table stays where it is, its name will be used again.
    if (name !== proofRoutes) this.#done.push({ type, name });
    job.decide(verdict);
  }

  #afterAnswer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running.size > 0) this.#awaitAnswer();
    this.#restore();
    // The server is in the middle of this answer.
    queueMicrotask(() => this.#pump());
    clearTimeout(this.#tidyTimer);
    this.#tidyTimer = setTimeout(() => this.#tidy(), tidyAfterMs).unref();
  }

  #awaitAnswer(): void {
    clearTimeout(this.#withdrawTimer);
    if (this.#count("cluster") > 0) {
      this.#withdrawTimer = setTimeout(() => this.#withdraw(), withdrawAfterMs);
    }
    this.#timer ??= setTimeout(() => {
      this.#silent = true;
      this.#giveUp();
    }, this.#timeoutMs);
  }

  #withdraw(): void {
    const changes: ScopeChange[] = [];
    for (const job of this.#running.values()) {
      if (job.proof.type !== "cluster" || job.withdrawn) continue;
      job.withdrawn = true;
      job.withdrawals += 1;
      changes.push({ type: "cluster", name: job.proof.name, resource: undefined });
    }
    this.#server.apply(proverScope, changes);
  }

  /** After an answer, those that were taken away and are not decided come back. */
  #restore(): void {
    const changes: ScopeChange[] = [];
    for (const job of [...this.#running.values()]) {
      if (!job.withdrawn) continue;
      if (job.withdrawals >= maxWithdrawals) {
        this.#decide(job, unproven);
        continue;
      }
      job.withdrawn = false;
      changes.push({ type: "cluster", name: job.proof.name, resource: job.proof });
    }
    if (changes.length > 0) queueMicrotask(() => this.#server.apply(proverScope, changes));
  }

  /** Lets everything through that waits. */
  #giveUp(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const job of [...this.#running.values()]) this.#decide(job, unproven);
    for (const jobs of this.#waiting.values()) for (const job of jobs.splice(0)) job.decide(unproven);
    this.#tidy();
  }

  #tidy(): void {
    const done = this.#done.splice(0);
    if (done.length > 0)
      this.#server.apply(
        proverScope,
        done.map((key) => ({ ...key, resource: undefined })),
      );
  }

  #remember(id: string): void {
    this.#accepted.add(id);
    if (this.#accepted.size <= remembered) return;
    for (const oldest of this.#accepted) {
      this.#accepted.delete(oldest);
      break;
    }
  }
}
