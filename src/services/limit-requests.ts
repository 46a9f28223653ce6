import { z } from "zod";
import { calendarWindow, latestInstant, rateLimitUnits } from "./calendar-window.ts";

const unit = z.enum(rateLimitUnits);
const store = z.string().min(1).max(1024);
const counter = z.string().min(1).max(1024);
// A header's value or a path, so as long as Envoy lets it be.
const identifier = z.string().max(65_536);
const instant = z.int().min(0).max(latestInstant);

/** Body of `POST /v1/limits/check`. */
export const checkRequestSchema = z.object({
  store,
  counter,
  identifier,
  /** The proxy's time, Unix milliseconds. */
  now: instant,
  windows: z
    .array(z.object({ unit, limit: z.int().min(0) }))
    .min(1)
    .max(rateLimitUnits.length)
    .refine(
      (windows) => new Set(windows.map((one) => one.unit)).size === windows.length,
      "a unit occurs twice",
    ),
});

/** Body of `POST /v1/limits/sync`. */
export const syncRequestSchema = z.object({
  store,
  entries: z
    .array(
      z
        .object({
          counter,
          identifier,
          unit,
          /** Start of the window, Unix milliseconds. */
          window: instant,
          /** Requests counted by this proxy since its last synchronisation; 0 only asks. */
          delta: z.int().min(0).max(1_000_000_000),
        })
        .refine(
          (entry) => calendarWindow(entry.unit, entry.window).start === entry.window,
          "no window starts there",
        ),
    )
    .max(1000),
});

export type CheckRequest = z.output<typeof checkRequestSchema>;
export type SyncRequest = z.output<typeof syncRequestSchema>;

/** Answer of a check: the counts in the order of the windows, this request included when it is allowed. */
export interface CheckAnswer {
  readonly allowed: boolean;
  readonly used: readonly number[];
}

/** Answer of a synchronisation: the totals of all proxies, in the order of the entries. */
export interface SyncAnswer {
  readonly used: readonly number[];
}
