import { forEachField } from "./delta-wire.ts";
import { type Resource, routeTableOf } from "./resource.ts";

/**
 * Which virtual host holds which domain. The prover sees every virtual host under a domain of its own, so what is wrong
 * with domains is found here: Envoy refuses a route table in which a domain stands twice.
 */
export class DomainLedger {
  /** `scope`, route table → domain → resource name. */
  readonly #tables = new Map<string, Map<string, string>>();
  /** `scope`, resource name → its domains. */
  readonly #domains = new Map<string, readonly string[]>();

  /** Notes that virtual hosts go or get other domains; call it for all of a batch before `claim`. */
  release(scope: string, name: string): void {
    const table = this.#table(scope, name);
    for (const domain of this.#domains.get(keyOf(scope, name)) ?? []) {
      if (table.get(domain) === name) table.delete(domain);
    }
    this.#domains.delete(keyOf(scope, name));
    if (table.size === 0) this.#tables.delete(keyOf(scope, routeTableOf(name)));
  }

  /** Takes the domains of a virtual host; returns what is wrong with them, in which case it takes none. */
  claim(resource: Resource): string | undefined {
    const { scope, name } = resource;
    const domains = domainsOf(resource.body)?.map((domain) => domain.toLowerCase());
    if (domains === undefined) return "It cannot be decoded.";
    if (domains.length === 0) return "A virtual host needs at least one domain.";
    const table = this.#table(scope, name);
    const own = new Set<string>();
    for (const domain of domains) {
      const holder = own.has(domain) ? name : table.get(domain);
      if (holder !== undefined) return `The domain ${domain} is served by ${holder} already.`;
      if (domain === "" || !/^[^\s\p{Cc}]+$/u.test(domain)) return `Not a domain: ${JSON.stringify(domain)}.`;
      own.add(domain);
    }
    for (const domain of own) table.set(domain, name);
    this.#tables.set(keyOf(scope, routeTableOf(name)), table);
    this.#domains.set(keyOf(scope, name), domains);
    return undefined;
  }

  #table(scope: string, name: string): Map<string, string> {
    return this.#tables.get(keyOf(scope, routeTableOf(name))) ?? new Map();
  }
}

function keyOf(scope: string, name: string): string {
  return `${scope}\n${name}`;
}

/** Field 2 of a VirtualHost, without decoding its routes; undefined when the bytes are none. */
function domainsOf(body: Uint8Array): readonly string[] | undefined {
  const domains: string[] = [];
  try {
    forEachField(body, (field, wire, reader) => {
      if (field === 2) domains.push(reader.string());
      else reader.skip(wire, field);
    });
  } catch {
    return undefined;
  }
  return domains;
}
