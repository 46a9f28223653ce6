import fc from "fast-check";
import { expect, test } from "vitest";
import type { RateLimitUnit } from "#model/program.ts";
import { calendarWindow, latestInstant, rateLimitUnits } from "./calendar-window.ts";

const at = (text: string) => Date.parse(text);

test.each<[RateLimitUnit, string, string, string]>([
  ["second", "2026-08-07T10:05:59.999Z", "2026-08-07T10:05:59Z", "2026-08-07T10:06:00Z"],
  ["minute", "2026-08-07T10:05:00.000Z", "2026-08-07T10:05:00Z", "2026-08-07T10:06:00Z"],
  ["minute", "2026-08-07T10:04:59.999Z", "2026-08-07T10:04:00Z", "2026-08-07T10:05:00Z"],
  ["minute", "2026-12-31T23:59:30Z", "2026-12-31T23:59:00Z", "2027-01-01T00:00:00Z"],
  ["hour", "2026-08-07T10:59:59.999Z", "2026-08-07T10:00:00Z", "2026-08-07T11:00:00Z"],
  ["day", "2024-02-29T12:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"],
  // A day in which Europe's clocks change has 24 hours in UTC.
  ["day", "2026-03-29T01:30:00Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"],
  ["month", "2024-02-29T23:59:59.999Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"],
  ["month", "2023-02-28T23:59:59.999Z", "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"],
  ["month", "2023-03-01T00:00:00Z", "2023-03-01T00:00:00Z", "2023-04-01T00:00:00Z"],
  ["month", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ["year", "2024-02-29T12:00:00Z", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"],
  ["year", "2025-12-31T23:59:59.999Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
  ["year", "2000-06-01T00:00:00Z", "2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"],
])("%s at %s", (unit, now, start, end) => {
  expect(calendarWindow(unit, at(now))).toEqual({ start: at(start), end: at(end) });
});

test("the unit's windows have the calendar's lengths", () => {
  const days = (unit: RateLimitUnit, text: string) => {
    const { start, end } = calendarWindow(unit, at(text));
    return (end - start) / 86_400_000;
  };
  expect(days("year", "2024-05-05T00:00:00Z")).toBe(366);
  expect(days("year", "2023-05-05T00:00:00Z")).toBe(365);
  expect(days("year", "2100-05-05T00:00:00Z")).toBe(365);
  expect(days("month", "2024-02-10T00:00:00Z")).toBe(29);
  expect(days("month", "2100-02-10T00:00:00Z")).toBe(28);
  expect(days("month", "2024-04-10T00:00:00Z")).toBe(30);
});

test("every instant is in exactly one window, and windows touch each other", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...rateLimitUnits),
      fc.integer({ min: 0, max: latestInstant }),
      (unit, now) => {
        const { start, end } = calendarWindow(unit, now);
        expect(start).toBeLessThanOrEqual(now);
        expect(end).toBeGreaterThan(now);
        expect(calendarWindow(unit, start)).toEqual({ start, end });
        expect(calendarWindow(unit, end - 1)).toEqual({ start, end });
        expect(calendarWindow(unit, end).start).toBe(end);
      },
    ),
  );
});
