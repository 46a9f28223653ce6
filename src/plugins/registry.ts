// Made by scripts/generate-registry.mjs from the files of this folder; do not edit.
import { acl } from "./acl.ts";
import { basicAuth } from "./basic-auth.ts";
import { correlationId } from "./correlation-id.ts";
import { cors } from "./cors.ts";
import { ipRestriction } from "./ip-restriction.ts";
import { keyAuth } from "./key-auth.ts";
import type { Plugin } from "./plugin.ts";
import { rateLimiting } from "./rate-limiting.ts";
import { requestTermination } from "./request-termination.ts";
import { requestTransformer } from "./request-transformer.ts";
import { responseTransformer } from "./response-transformer.ts";

/** Every plugin, in alphabetical order. */
export const plugins: readonly Plugin[] = [
  acl,
  basicAuth,
  correlationId,
  cors,
  ipRestriction,
  keyAuth,
  rateLimiting,
  requestTermination,
  requestTransformer,
  responseTransformer,
];
