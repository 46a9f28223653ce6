// Calls of Diolkos' services process, which Envoy reaches as a cluster. Bodies are JSON in the forms of
// src/services/limit-requests.ts.
import { beginHeaders, EMPTY, findIn, finishedSize, finishHeaders, foundAt, foundSize, putHeaderText } from "./header-list";
import { CALL_RESPONSE_BODY, CALL_RESPONSE_HEADERS, getBuffer, getHeaders, httpCall, OK } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { bytesOf, equal, isText, sizeOfText, text, Text } from "./text";
import { writeText, written, writtenSize } from "./writer";

const CLUSTER = text("diolkos-services");
const METHOD = text(":method");
const PATH = text(":path");
const AUTHORITY = text(":authority");
const STATUS = text(":status");
const CONTENT_TYPE = text("content-type");
const POST = text("POST");
const JSON_TYPE = text("application/json");
const STATUS_200 = text("200");

const UNIT_NAMES: usize = memory.data(24);
store<Text>(UNIT_NAMES, text("second"), 0);
store<Text>(UNIT_NAMES, text("minute"), 4);
store<Text>(UNIT_NAMES, text("hour"), 8);
store<Text>(UNIT_NAMES, text("day"), 12);
store<Text>(UNIT_NAMES, text("month"), 16);
store<Text>(UNIT_NAMES, text("year"), 20);

/** Writes the name of a unit. */
export function writeUnit(unit: u32): void {
  writeText(load<Text>(UNIT_NAMES + (<usize>unit << 2)));
}

const token: usize = memory.data(4, 4);

/** Sends what was written; the call's token, or 0 when it could not be made. */
export function call(path: Text, timeout: u32): u32 {
  beginHeaders();
  putHeaderText(METHOD, POST);
  putHeaderText(PATH, path);
  putHeaderText(AUTHORITY, CLUSTER);
  putHeaderText(CONTENT_TYPE, JSON_TYPE);
  const body = written();
  const bodySize = writtenSize();
  const list = finishHeaders();
  const status = httpCall(bytesOf(CLUSTER), sizeOfText(CLUSTER), list, finishedSize, body, bodySize, EMPTY, 4, timeout, token);
  return status == OK ? load<u32>(token) : 0;
}

let bodyAt: usize = 0;
let bodySize: u32 = 0;

/** Reads the answer of a call; false when there is none, or not a good one. */
export function readAnswer(headers: u32, size: u32): bool {
  if (headers == 0 || getHeaders(CALL_RESPONSE_HEADERS, answer, answer + 4) != OK || answerSize() < 4) return false;
  if (findIn(answerAt(), STATUS) == 0 || !isText(foundAt, foundSize, STATUS_200)) return false;
  if (size == 0 || getBuffer(CALL_RESPONSE_BODY, 0, size, answer, answer + 4) != OK) return false;
  bodyAt = answerAt();
  bodySize = answerSize();
  return true;
}

/** Address behind a key of the answer, or 0. */
export function behind(key: Text): usize {
  const size = sizeOfText(key);
  for (let i: u32 = 0; i + size < bodySize; i++) if (equal(bodyAt + i, bytesOf(key), size)) return bodyAt + i + size;
  return 0;
}

/** Where `nextNumber` reads. */
let numberAt: usize = 0;

/** Reads the next number of a list into `number`; false at its end. */
export function nextNumber(): bool {
  const end = bodyAt + bodySize;
  while (numberAt < end && (load<u8>(numberAt) == 0x2c || load<u8>(numberAt) == 0x20)) numberAt++;
  let value: u64 = 0;
  const start = numberAt;
  while (numberAt < end && load<u8>(numberAt) >= 0x30 && load<u8>(numberAt) <= 0x39) {
    value = value * 10 + load<u8>(numberAt++) - 0x30;
    if (value > u32.MAX_VALUE) value = u32.MAX_VALUE;
  }
  number = <u32>value;
  return numberAt > start;
}

export let number: u32 = 0;

/** Begins to read the numbers of a list behind a key; false when the answer has none. */
export function beginNumbers(key: Text): bool {
  numberAt = behind(key);
  return numberAt != 0;
}
