// Windows of the UTC calendar, in seconds since 1970.

export const SECOND: u32 = 0;
export const DAY: u32 = 3;
export const MONTH: u32 = 4;
export const UNITS: u32 = 6;

/** Kong's lengths of the windows, which it uses for resets: each month has 30 days, each year 365. */
const LENGTHS: usize = memory.data<u32>([1, 60, 3600, 86400, 2592000, 31536000]);

@inline
export function kongLength(unit: u32): u32 {
  return load<u32>(LENGTHS + (unit << 2));
}

// The month and the year that were asked for last; they seldom change.
let monthStart: u64 = 1;
let monthEnd: u64 = 0;
let yearStart: u64 = 1;
let yearEnd: u64 = 0;

/** Start of the window that holds this second. */
export function windowStart(unit: u32, second: u64): u64 {
  if (unit == SECOND) return second;
  if (unit <= DAY) return second - (second % kongLength(unit));
  if (second < monthStart || second >= monthEnd) findMonth(second);
  return unit == MONTH ? monthStart : yearStart;
}

function findMonth(second: u64): void {
  const today = <i64>(second / 86400);
  const year = yearOf(today);
  const first = daysBefore(year, 0);
  let month = 0;
  while (month < 11 && daysBefore(year, month + 1) <= today) month++;
  monthStart = <u64>daysBefore(year, month) * 86400;
  monthEnd = <u64>(month == 11 ? daysBefore(year + 1, 0) : daysBefore(year, month + 1)) * 86400;
  yearStart = <u64>first * 86400;
  yearEnd = <u64>daysBefore(year + 1, 0) * 86400;
}

function yearOf(day: i64): i64 {
  let year = 1970 + day / 366;
  while (daysBefore(year + 1, 0) <= day) year++;
  return year;
}

const DAYS_BEFORE_MONTH: usize = memory.data<u16>([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]);

/** Days from 1970 to the first of a month (0 is January). */
function daysBefore(year: i64, month: i32): i64 {
  const past = year - 1;
  const leapDays = past / 4 - past / 100 + past / 400 - 477;
  const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return (year - 1970) * 365 + leapDays + load<u16>(DAYS_BEFORE_MONTH + (month << 1)) + (leap && month > 1 ? 1 : 0);
}
