import fc from "fast-check";
import {
  consumer,
  ingress,
  kongIngress,
  kongPlugin,
  secret,
  service,
  serviceAnnotations,
  slice,
} from "./random-kong-test-setup.ts";
import {
  deployment,
  localWorkloads,
  mesh,
  router,
  virtualNode,
  virtualService,
} from "./random-mesh-test-setup.ts";
import { list, type Manifest, nodeName, serviceName } from "./random-values-test-setup.ts";

const many = (count: number, make: (n: number) => fc.Arbitrary<Manifest>) =>
  Array.from({ length: count }, (_, n) => make(n));
const fixed: readonly Manifest[] = [
  ...["prod", "other"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  ...["dj", "jazz-v1", "jazz-v2", "metal"].map(deployment),
];

/** One random manifest of any kind; its name is one of few, so that references often meet and objects are replaced. */
export const manifest: fc.Arbitrary<Manifest> = fc.integer({ min: 0, max: 19 }).chain((n) =>
  fc.oneof(
    { weight: 4, arbitrary: ingress(`ingress-${n % 6}`) },
    { weight: 2, arbitrary: serviceName.chain((name) => service(name, serviceAnnotations)) },
    {
      weight: 2,
      arbitrary: serviceName.chain((name) =>
        slice(`slice-${n % 3}`, undefined, fc.constant({ "kubernetes.io/service-name": name })),
      ),
    },
    { weight: 1, arbitrary: kongIngress(`ki-${n % 2}`) },
    { weight: 3, arbitrary: kongPlugin(`plugin-${n}`) },
    { weight: 2, arbitrary: consumer(`consumer-${n % 3}`) },
    { weight: 2, arbitrary: secret(`credential-${n % 3}`) },
    { weight: 1, arbitrary: mesh("m") },
    { weight: 3, arbitrary: nodeName.chain(virtualNode) },
    { weight: 2, arbitrary: virtualService(`vs-${n % 3}`) },
    { weight: 3, arbitrary: router(`router-${n % 2}`) },
    { weight: 1, arbitrary: localWorkloads },
  ),
);

/** A whole set, with every kind in it. */
export const manifests: fc.Arbitrary<readonly Manifest[]> = fc
  .tuple(
    fc.tuple(...many(8, (n) => ingress(`ingress-${n}`))),
    fc.tuple(...["jazz", "metal", "dj"].map((name) => service(name, serviceAnnotations))),
    fc.tuple(...many(20, (n) => kongPlugin(`plugin-${n}`))),
    fc.tuple(...["dj", "jazz-v1", "jazz-v2", "metal"].map(virtualNode)),
    fc.tuple(
      ...many(3, (n) => virtualService(`vs-${n}`)),
      ...many(2, (n) => router(`router-${n}`)),
      mesh("m"),
      localWorkloads,
    ),
    fc.tuple(
      ...many(2, (n) => kongIngress(`ki-${n}`)),
      ...many(3, (n) => consumer(`consumer-${n}`)),
      ...many(3, (n) => secret(`credential-${n}`)),
    ),
    list(
      serviceName.chain((name) =>
        slice(`slice-${name}`, undefined, fc.constant({ "kubernetes.io/service-name": name })),
      ),
      0,
      3,
    ),
  )
  .map((groups) => [...fixed, ...groups.flat()]);
