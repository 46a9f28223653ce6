import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificate as sampleCertificate, privateKey as sampleKey } from "#xds/sample-certificate.ts";
import { setUpKong } from "../kong/kong-test-setup.ts";

const secret = (name: string, certificate = sampleCertificate, key = sampleKey) =>
  `---\n${JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "prod" }, type: "kubernetes.io/tls", stringData: { "tls.crt": certificate, "tls.key": key } })}\n`;
const ingress = (name: string, tls: object[], created = "2024-01-01T00:00:00Z") =>
  `---\n${JSON.stringify({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name, namespace: "prod", creationTimestamp: created }, spec: { ingressClassName: "kong", tls } })}\n`;

describe("TLS", () => {
  test("opens the TLS port with the first certificate, for its hosts", () => {
    const kong = setUpKong(ingress("a", [{ hosts: ["b.example", "a.example"], secretName: "cert" }]));
    expect([...kong.listeners.keys()]).toEqual(["gateway|gateway-http"]);
    kong.apply(secret("cert"));
    expect(kong.listeners.get("gateway|gateway-https")).toMatchObject({
      kind: "http",
      port: 8443,
      role: "edge",
      routeTable: "gateway/http",
      certificates: [{ secret: "prod/cert", hosts: ["a.example", "b.example"] }],
    });
    expect(kong.secrets.get("gateway|prod/cert")).toMatchObject({
      certificateChain: sampleCertificate,
      privateKey: sampleKey,
    });
    expect(kong.codes()).toEqual([]);
  });

  test("of one host the oldest Ingress's certificate counts", () => {
    const kong = setUpKong(
      secret("one") +
        secret("two") +
        ingress("new", [{ hosts: ["a.example"], secretName: "one" }], "2024-02-01T00:00:00Z") +
        ingress("old", [{ hosts: ["a.example"], secretName: "two" }]),
    );
    expect(kong.listeners.get("gateway|gateway-https")).toMatchObject({
      certificates: [{ secret: "prod/two" }],
    });
    expect(kong.codes()).toEqual(["host-conflict Ingress prod/new"]);
  });

  const other = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  test.each([
    ["a missing Secret", "", "reference-missing Ingress prod/a"],
    ["no certificate", secret("cert", "nothing"), "certificate-invalid Secret prod/cert"],
    ["no key", secret("cert", sampleCertificate, "nothing"), "certificate-invalid Secret prod/cert"],
    [
      "another's key",
      secret("cert", sampleCertificate, other.privateKey),
      "certificate-invalid Secret prod/cert",
    ],
  ])("%s leaves the port shut and is told of", (_, manifest, code) => {
    const kong = setUpKong(manifest + ingress("a", [{ hosts: ["a.example"], secretName: "cert" }]));
    expect([...kong.listeners.keys()]).toEqual(["gateway|gateway-http"]);
    expect(kong.codes()).toEqual([code]);
    expect(kong.problems().join()).not.toContain("PRIVATE");
  });

  test("without hosts or a Secret it has no effect", () => {
    const kong = setUpKong(secret("cert") + ingress("a", [{ secretName: "cert" }, { hosts: ["a.example"] }]));
    expect(kong.codes()).toEqual(["invalid-field Ingress prod/a", "invalid-field Ingress prod/a"]);
  });
});
