import { z } from "zod";

/** A TCP or UDP port. */
export const portNumberSchema = z.int().min(1).max(65535);

/** A port by number or by name, as Kubernetes' IntOrString. */
export const portReferenceSchema = z.union([portNumberSchema, z.string().min(1)]);
