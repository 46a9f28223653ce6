import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "@diolkos/envoy-api/envoy/service/discovery/v3/discovery_pb.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRequest, encodeResponse } from "./delta-wire.ts";
import { contentVersion, type Resource, typeUrls } from "./resource.ts";

test("a request is read as Envoy writes it", () => {
  const bytes = toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      node: {
        id: "node",
        cluster: "cluster",
        metadata: { scope: "gw", weight: 3 },
        extensions: [{ name: "skipped" }],
      },
      typeUrl: typeUrls.cluster,
      resourceNamesSubscribe: ["a", "b"],
      resourceNamesUnsubscribe: ["c"],
      initialResourceVersions: { a: "1", b: "" },
      responseNonce: "7",
      errorDetail: { code: 13, message: "no ünicode\u0000" },
    }),
  );
  expect(decodeRequest(bytes)).toEqual({
    node: { id: "node", cluster: "cluster", metadata: { scope: "gw" } },
    typeUrl: typeUrls.cluster,
    subscribe: ["a", "b"],
    unsubscribe: ["c"],
    initialVersions: new Map([
      ["a", "1"],
      ["b", ""],
    ]),
    nonce: "7",
    error: "no ünicode\u0000",
  });
});

test("an acknowledgement has no error, a refusal without words has one", () => {
  const request = (errorDetail?: { code: number }) =>
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { responseNonce: "1", ...(errorDetail && { errorDetail }) }),
    );
  expect(decodeRequest(request()).error).toBeUndefined();
  expect(decodeRequest(request({ code: 13 })).error).toBe("");
});

test("garbage throws", () => {
  expect(() => decodeRequest(Buffer.from([0x0a, 0xff, 0xff]))).toThrow();
});

test("a response is written so that protobuf reads the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.string(), body: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 5 }),
      fc.array(fc.string(), { maxLength: 3 }),
      (contents, removed) => {
        const resources = contents.map(
          ({ name, body }): Resource => ({
            scope: "gw",
            type: "virtualHost",
            name,
            body,
            version: contentVersion(body),
            origins: [],
          }),
        );
        const bytes = encodeResponse(typeUrls.virtualHost, "12", resources, removed);
        const read = fromBinary(DeltaDiscoveryResponseSchema, bytes);
        expect(read.typeUrl).toBe(typeUrls.virtualHost);
        expect(read.nonce).toBe("12");
        expect(read.removedResources).toEqual(removed);
        expect(read.resources.map(({ name, version }) => [name, version])).toEqual(
          resources.map(({ name, version }) => [name, version]),
        );
        for (const [at, { resource }] of read.resources.entries()) {
          expect(resource?.typeUrl).toBe(typeUrls.virtualHost);
          expect(Buffer.from(resource?.value ?? []).equals(resources[at]?.body ?? Buffer.alloc(0))).toBe(
            true,
          );
        }
      },
    ),
  );
});
