/** The DJ application in its mesh, with Kong's gateway as a node: what the tests of this folder start from. */
export const djManifests = `
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {mesh: dj-app, appmesh.k8s.aws/sidecarInjectorWebhook: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: kong, labels: {mesh: dj-app}}
---
apiVersion: v1
kind: Namespace
metadata: {name: outside}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: dj-app}
spec:
  namespaceSelector: {matchLabels: {mesh: dj-app}}
${["jazz-v1", "jazz-v2", "metal-v1", "metal-v2"].map(artist).join("")}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: dj, namespace: prod}
spec:
  podSelector: {matchLabels: {app: dj}}
  listeners:
    - portMapping: {port: 9080, protocol: http}
  backends:
    - virtualService: {virtualServiceRef: {name: jazz}}
    - virtualService: {virtualServiceRef: {name: metal}}
  serviceDiscovery: {dns: {hostname: dj.prod.svc.cluster.local}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: kong, namespace: kong}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/instance: kong}}
  listeners:
    - portMapping: {port: 80, protocol: http}
  backends:
    - virtualService: {virtualServiceRef: {name: jazz, namespace: prod}}
    - virtualService: {virtualServiceRef: {name: metal, namespace: prod}}
  serviceDiscovery: {dns: {hostname: kong-kong-proxy.kong.svc.cluster.local}}
---
apiVersion: v1
kind: Service
metadata: {name: dj, namespace: prod}
spec:
  selector: {app: dj}
  ports: [{port: 9080}]
${["jazz", "metal"].map(genre).join("")}
`;

function artist(name: string): string {
  const [genreName, version] = name.split("-");
  return `
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: ${name}, namespace: prod}
spec:
  podSelector: {matchLabels: {app: ${genreName}, version: ${version}}}
  listeners:
    - portMapping: {port: 9080, protocol: http}
      healthCheck:
        protocol: http
        path: /ping
        healthyThreshold: 2
        unhealthyThreshold: 2
        timeoutMillis: 2000
        intervalMillis: 5000
  serviceDiscovery: {dns: {hostname: ${name}.prod.svc.cluster.local}}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: prod}
spec:
  selector: {app: ${genreName}, version: ${version}}
  ports: [{port: 9080, name: http}]`;
}

function genre(name: string): string {
  return `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: prod}
spec:
  ports: [{port: 9080, name: http}]
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualService
metadata: {name: ${name}, namespace: prod}
spec:
  awsName: ${name}.prod.svc.cluster.local
  provider: {virtualRouter: {virtualRouterRef: {name: ${name}-router}}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: ${name}-router, namespace: prod}
spec:
  listeners:
    - portMapping: {port: 9080, protocol: http}
  routes:
    - name: ${name}-route
      httpRoute:
        match: {prefix: /}
        action:
          weightedTargets:
            - {virtualNodeRef: {name: ${name}-v1}, weight: 95}
            - {virtualNodeRef: {name: ${name}-v2}, weight: 5}`;
}
