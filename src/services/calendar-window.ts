import type { RateLimitUnit } from "#model/program.ts";

/** All units, shortest first. */
export const rateLimitUnits = ["second", "minute", "hour", "day", "month", "year"] as const;

/** The last millisecond of the year 9999: beyond it nothing here is meant to count. */
export const latestInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A stretch of time in Unix milliseconds; `end` is the first instant after it. */
export interface CalendarWindow {
  readonly start: number;
  readonly end: number;
}

// UTC has no leap seconds in Unix time, so these four are of constant length.
const milliseconds = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * The window of the UTC calendar that holds `now` (Unix milliseconds from 0 to `latestInstant`): a minute begins at :00,
 * a month on the 1st, as Kong counts them.
 */
export function calendarWindow(unit: RateLimitUnit, now: number): CalendarWindow {
  if (unit === "month" || unit === "year") {
    const date = new Date(now);
    const year = date.getUTCFullYear();
    const month = date.getUTCMonth();
    return unit === "month"
      ? { start: Date.UTC(year, month, 1), end: Date.UTC(year, month + 1, 1) }
      : { start: Date.UTC(year, 0, 1), end: Date.UTC(year + 1, 0, 1) };
  }
  const length = milliseconds[unit];
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}
