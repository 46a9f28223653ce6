import { expect, test } from "vitest";
import { hostOfService, serviceOfHost } from "./service-of-host.ts";

test.each([
  ["jazz", { namespace: "prod", name: "jazz" }],
  ["jazz.", { namespace: "prod", name: "jazz" }],
  ["jazz.music", { namespace: "music", name: "jazz" }],
  ["jazz.music.svc", { namespace: "music", name: "jazz" }],
  ["jazz.music.svc.cluster.local", { namespace: "music", name: "jazz" }],
  ["Jazz.Music.svc.Cluster.Local.", { namespace: "music", name: "jazz" }],
  ["www.example.com", undefined],
  ["jazz.music.svc.example.com", undefined],
  ["jazz-0.jazz.music.svc.cluster.local", undefined],
  ["jazz..svc", undefined],
  ["*.music", undefined],
  ["", undefined],
])("the host %j means %j", (host, expected) => {
  expect(serviceOfHost(host, "prod")).toEqual(expected);
});

test("a Service's own host leads back to it", () => {
  const service = { namespace: "prod", name: "jazz" };
  expect(serviceOfHost(hostOfService(service), "other")).toEqual(service);
});
