import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { explainFiles } from "./offline.ts";

const manifests = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: kong
  rules:
    - http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [127.0.0.1]}]
`;

test("explain names the endpoints of an Ingress's backend", async () => {
  const folder = mkdtempSync(join(tmpdir(), "diolkos-explain-"));
  try {
    writeFileSync(join(folder, "shop.yaml"), manifests);
    const { action } = await explainFiles([folder], { method: "GET", url: "/", headers: [] });
    expect(action).toMatchObject({ kind: "forward", backends: [{ endpoints: ["127.0.0.1:8080"] }] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
