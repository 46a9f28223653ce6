import { z } from "zod";

/** `/text/` is a regular expression, null says that the header must be absent, anything else is the exact value. */
const headersSchema = z.record(z.string(), z.string().nullable());

const expectationSchema = z.strictObject({
  status: z.int().default(200),
  headers: headersSchema.default({}),
  /** Exact text, or `/text/` as for headers. */
  body: z.string().optional(),
  /** The body read as JSON. */
  json: z.unknown().optional(),
  /** Name of the backend that answered; null: none was asked. */
  backend: z.string().nullable().optional(),
  /** What the backend received. */
  received: z
    .strictObject({
      method: z.string().optional(),
      path: z.string().optional(),
      headers: headersSchema.default({}),
    })
    .optional(),
});

const behaviourSchema = z.strictObject({
  /** Shown when it fails. */
  name: z.string(),
  request: z.strictObject({
    method: z.string().default("GET"),
    /** Path with query, sent as it stands here. */
    path: z.string().default("/"),
    /** The Host header; default: the gateway's address. */
    host: z.string().optional(),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().optional(),
  }),
  /** What the backend answers instead of its echo. */
  answer: z
    .strictObject({
      status: z.int().default(200),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().default(""),
    })
    .optional(),
  /** The request is sent so many times, and each answer must be as expected. */
  times: z.int().min(1).default(1),
  /** Of `times` requests each backend must answer its percentage, within four standard deviations. */
  shares: z.record(z.string(), z.number()).optional(),
  /** Begin only when so much of the present UTC minute is left, so that a window does not end in between. */
  secondsLeftInMinute: z.int().max(30).optional(),
  expect: expectationSchema.prefault({}),
});

/** The form of a behaviours.yaml: requests in the order in which they are sent. */
export const behavioursSchema = z.array(behaviourSchema);

/** One request (or several equal ones) and what must come of it. */
export type Behaviour = z.output<typeof behaviourSchema>;

export type Expectation = Behaviour["expect"];
