// Counters that several gateways share, asked for each request: the services process counts it in Redis.
import { milliseconds } from "./clock";
import { limitOf, unitOf, used } from "./counters";
import { beginNumbers, behind, call, nextNumber, number, readAnswer, writeUnit } from "./services-call";
import { counterOf, storeOf, syncOf, windowsOf } from "./steps/rate-limit";
import { bytesOf, sizeOfText, text } from "./text";
import { beginWriting, writeByte, writeDecimal, writeJson, writeText } from "./writer";

const CHECK_PATH = text("/v1/limits/check");
const STORE_KEY = text('{"store":');
const COUNTER_KEY = text(',"counter":');
const IDENTIFIER_KEY = text(',"identifier":');
const NOW_KEY = text(',"now":');
const WINDOWS_KEY = text(',"windows":[');
const UNIT_KEY = text('{"unit":"');
const LIMIT_KEY = text('","limit":');
const END = text("]}");
const ALLOWED_KEY = text('"allowed":');
const USED_KEY = text('"used":[');

/** The call that `startCheck` made. */
export let checkToken: u32 = 0;

/** Asks whether the request has room in all windows, which counts it then. */
export function startCheck(fields: usize, identifier: usize, size: u32): bool {
  const windows = windowsOf(fields);
  const counter = counterOf(fields);
  const storeName = storeOf(fields);
  beginWriting(512 + size);
  writeText(STORE_KEY);
  writeJson(bytesOf(storeName), sizeOfText(storeName));
  writeText(COUNTER_KEY);
  writeJson(bytesOf(counter), sizeOfText(counter));
  writeText(IDENTIFIER_KEY);
  writeJson(identifier, size);
  writeText(NOW_KEY);
  writeDecimal(milliseconds());
  writeText(WINDOWS_KEY);
  for (let i: u32 = 0; i < load<u32>(windows); i++) {
    if (i > 0) writeByte(0x2c);
    writeText(UNIT_KEY);
    writeUnit(unitOf(windows, i));
    writeText(LIMIT_KEY);
    writeDecimal(limitOf(windows, i));
    writeByte(0x7d);
  }
  writeText(END);
  checkToken = call(CHECK_PATH, load<u32>(syncOf(fields), 4));
  return checkToken != 0;
}

export const CHECK_FAILED: i32 = 0;
export const CHECK_ALLOWED: i32 = 1;
export const CHECK_REFUSED: i32 = 2;

/** Reads the answer of a check; what was used before this request is left in `used` of the counters. */
export function readCheck(fields: usize, headers: u32, size: u32): i32 {
  if (!readAnswer(headers, size)) return CHECK_FAILED;
  const allowed = behind(ALLOWED_KEY);
  if (allowed == 0 || !beginNumbers(USED_KEY)) return CHECK_FAILED;
  const isAllowed = load<u8>(allowed) == 0x74; // true
  for (let i: u32 = 0; i < load<u32>(windowsOf(fields)); i++) {
    if (!nextNumber()) return CHECK_FAILED;
    store<u32>(used + (<usize>i << 2), isAllowed && number > 0 ? number - 1 : number);
  }
  return isAllowed ? CHECK_ALLOWED : CHECK_REFUSED;
}

