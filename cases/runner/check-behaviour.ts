import { expect } from "vitest";
import type { Behaviour, Expectation } from "./behaviour.ts";
import { untilMinuteHas } from "./calendar.ts";
import type { EchoBackends, Received } from "./echo-backends.ts";
import { type Answer, sendRequest } from "./send-request.ts";

/** Sends the requests of a behaviour and fails the test where an answer is not as expected. */
export async function checkBehaviour(
  behaviour: Behaviour,
  gatewayPort: number,
  backends: EchoBackends,
): Promise<void> {
  await untilMinuteHas(behaviour.secondsLeftInMinute ?? 0);
  backends.answer = behaviour.answer;
  const counts = new Map<string, number>();
  for (let sent = 0; sent < behaviour.times; sent++) {
    backends.last = undefined;
    const answer = await sendRequest(gatewayPort, behaviour.request);
    const seen = backends.last as Received | undefined;
    if (seen !== undefined) counts.set(seen.backend, (counts.get(seen.backend) ?? 0) + 1);
    const label = behaviour.times === 1 ? behaviour.name : `${behaviour.name}, request ${sent + 1}`;
    expect(shapeOf(answer, seen, behaviour.expect), label).toEqual(expectedShape(behaviour.expect));
  }
  backends.answer = undefined;
  if (behaviour.shares !== undefined) checkShares(behaviour, counts);
}

/** Of what came, the parts that the expectation names: so that a failure shows them all at once. */
function shapeOf(answer: Answer, seen: Received | undefined, wanted: Expectation): unknown {
  return {
    status: answer.status,
    headers: valuesOf(answer.headers, wanted.headers),
    ...(wanted.body === undefined ? {} : { body: answer.body }),
    ...(wanted.json === undefined ? {} : { json: parseJson(answer.body) }),
    ...(wanted.backend === undefined ? {} : { backend: seen?.backend ?? null }),
    ...(wanted.received === undefined
      ? {}
      : {
          received: {
            ...(wanted.received.method === undefined ? {} : { method: seen?.method }),
            ...(wanted.received.path === undefined ? {} : { path: seen?.path }),
            headers: valuesOf(seen?.headers ?? {}, wanted.received.headers),
          },
        }),
  };
}

function expectedShape({ headers, body, received, ...rest }: Expectation): unknown {
  return {
    ...rest,
    headers: matchers(headers),
    ...(body === undefined ? {} : { body: matcher(body) }),
    ...(received === undefined ? {} : { received: { ...received, headers: matchers(received.headers) } }),
  };
}

function valuesOf(headers: Answer["headers"], names: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.keys(names).map((name) => {
      const value = headers[name.toLowerCase()];
      return [name, value === undefined ? null : Array.isArray(value) ? value.join(", ") : value];
    }),
  );
}

function matchers(headers: Readonly<Record<string, string | null>>): unknown {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value === null ? null : matcher(value)]),
  );
}

function matcher(text: string): unknown {
  const pattern = /^\/(.+)\/$/s.exec(text)?.[1];
  return pattern === undefined ? text : expect.stringMatching(new RegExp(pattern, "s"));
}

function checkShares({ name, shares = {}, times }: Behaviour, counts: ReadonlyMap<string, number>): void {
  for (const [backend, percent] of Object.entries(shares)) {
    const share = percent / 100;
    const bound = 4 * Math.sqrt(times * share * (1 - share));
    const count = counts.get(backend) ?? 0;
    expect(
      Math.abs(count - times * share),
      `${name}: ${count} of ${times} reached ${backend}`,
    ).toBeLessThanOrEqual(bound);
  }
  const others = [...counts.keys()].filter((backend) => !(backend in shares));
  expect(others, `${name}: backends without a share that were reached`).toEqual([]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `not JSON: ${text}`;
  }
}
