/** How bad: an `error` keeps (part of) an object from working, a `warning` changes less than the user may expect. */
export type Severity = "error" | "warning" | "info";

/** The one table of problem codes. `docs/problems.md` has a section for each; a test holds both against each other. */
export const problemCodes = {
  "yaml-syntax": { severity: "error", meaning: "A document of a file is not valid YAML or JSON." },
  "file-unreadable": { severity: "error", meaning: "A file or folder cannot be read." },
  "file-ignored": { severity: "info", meaning: "A file of the folder is not read, e.g. a kustomization." },
  "not-an-object": { severity: "error", meaning: "A document has no apiVersion, kind or metadata.name." },
  "unknown-kind": { severity: "warning", meaning: "A document is of a kind that Diolkos does not read." },
  "duplicate-object": {
    severity: "error",
    meaning: "Two documents define the same object; the first one counts.",
  },
  "invalid-field": { severity: "error", meaning: "A field has a wrong type or a value out of its range." },
  "unknown-field": { severity: "warning", meaning: "A field is not known for this kind and has no effect." },
  "invalid-annotation": {
    severity: "warning",
    meaning: "An annotation's value is invalid and has no effect.",
  },
  "deprecated-form": { severity: "info", meaning: "An older form is read as its newer one." },
  "not-supported": { severity: "error", meaning: "A feature that Diolkos refuses instead of ignoring it." },
  "no-ingress-class": {
    severity: "warning",
    meaning: "An object names no ingress class and none is the default; it is not served.",
  },
  "reference-missing": { severity: "error", meaning: "An object refers to another one that does not exist." },
  "reference-not-permitted": {
    severity: "error",
    meaning: "A reference across namespaces lacks a ReferenceGrant.",
  },
  "unknown-plugin": { severity: "error", meaning: "A plugin of this name does not exist." },
  "plugin-config": {
    severity: "error",
    meaning: "A plugin's configuration is invalid; the plugin is not applied.",
  },
  "plugin-conflict": { severity: "error", meaning: "Two instances of one plugin claim the same place." },
  "credential-invalid": { severity: "error", meaning: "A credential lacks a field or has an invalid one." },
  "credential-duplicate": {
    severity: "error",
    meaning: "Two consumers hold the same credential; neither is served.",
  },
  "consumer-duplicate": { severity: "error", meaning: "Two consumers have the same username or custom id." },
  "route-conflict": {
    severity: "warning",
    meaning: "Two objects claim the same host and path; the older one wins.",
  },
  "host-conflict": { severity: "warning", meaning: "A host is claimed by two objects; the older one wins." },
  "backend-missing": {
    severity: "error",
    meaning: "A backend's Service or port does not exist; requests get 503.",
  },
  "backend-no-endpoints": {
    severity: "warning",
    meaning: "A backend has no ready endpoint; requests get 503.",
  },
  "backend-not-in-mesh": {
    severity: "warning",
    meaning: "The gateway is a mesh node and this backend is not among its declared backends.",
  },
  "regex-unsupported": {
    severity: "error",
    meaning: "A regular expression uses what Envoy's RE2 cannot hold.",
  },
  "certificate-invalid": { severity: "error", meaning: "A certificate or key cannot be used." },
  "mesh-membership": { severity: "error", meaning: "An object belongs to no mesh, or to several." },
  "selector-conflict": { severity: "error", meaning: "Two objects select the same workload." },
  "workload-failed": { severity: "error", meaning: "A local process ended or could not be started." },
  "proxy-failed": { severity: "error", meaning: "An Envoy ended or could not be started." },
  "not-validated": { severity: "warning", meaning: "Envoy was not asked whether it accepts the result." },
  "rejected-by-envoy": {
    severity: "error",
    meaning: "Envoy refuses the result; the last good version keeps serving.",
  },
  "secret-in-clear": {
    severity: "warning",
    meaning: "A secret value stands in an object that is not a Secret.",
  },
  internal: { severity: "error", meaning: "A defect of Diolkos; the last good result keeps serving." },
} as const satisfies Record<string, { severity: Severity; meaning: string }>;

/** Identifies a kind of problem; scripts may rely on it. */
export type ProblemCode = keyof typeof problemCodes;
