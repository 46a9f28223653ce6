// Kong's rate-limiting: so many requests in each window of the calendar.
import { clientAt, clientSize, findClient } from "../address";
import { kongLength, windowStart } from "../calendar";
import { seconds } from "../clock";
import { ALLOWED, count, FAILED, limitOf, unitOf, usedOf } from "../counters";
import { consumerId, firstCredentialText } from "../credentials";
import { Exchange, exchange, hasExchange } from "../exchange";
import { beginHeaders, foundAt, foundSize, putHeader } from "../header-list";
import { addHeader, RESPONSE_HEADERS } from "../host";
import { credential } from "../identity";
import { startCheck } from "../limit-check";
import { noteDelta } from "../limit-sync";
import { sendJson, sendUnexpected } from "../reply";
import { findHeader, findPath, pathAt, pathSize } from "../request";
import { sipHash } from "../siphash";
import { bytesOf, copyShort, isText, nextText, sizeOfText, text, Text } from "../text";
import { DONE, NEXT, WAIT } from "../verdict";
import { beginWriting, writeDecimal, written, writtenSize } from "../writer";

const HIDE_HEADERS: u32 = 1;
const FAULT_TOLERANT: u32 = 2;
const SHARED: u32 = 4;

const BY_CONSUMER: u32 = 0;
const BY_CREDENTIAL: u32 = 1;
const BY_SERVICE: u32 = 3;
const BY_HEADER: u32 = 4;
const BY_PATH: u32 = 5;

const DETAILS = text("diolkos_rate_limit");
const FAILURE = text("diolkos_rate_limit_failed");
const LIMIT = text("ratelimit-limit");
const REMAINING = text("ratelimit-remaining");
const RESET = text("ratelimit-reset");
const RETRY_AFTER = text("retry-after");

/** Names of the headers for each unit: the limit, then what remains. */
const NAMES: usize = memory.data(48);
store<Text>(NAMES, text("x-ratelimit-limit-second"), 0);
store<Text>(NAMES, text("x-ratelimit-remaining-second"), 4);
store<Text>(NAMES, text("x-ratelimit-limit-minute"), 8);
store<Text>(NAMES, text("x-ratelimit-remaining-minute"), 12);
store<Text>(NAMES, text("x-ratelimit-limit-hour"), 16);
store<Text>(NAMES, text("x-ratelimit-remaining-hour"), 20);
store<Text>(NAMES, text("x-ratelimit-limit-day"), 24);
store<Text>(NAMES, text("x-ratelimit-remaining-day"), 28);
store<Text>(NAMES, text("x-ratelimit-limit-month"), 32);
store<Text>(NAMES, text("x-ratelimit-remaining-month"), 36);
store<Text>(NAMES, text("x-ratelimit-limit-year"), 40);
store<Text>(NAMES, text("x-ratelimit-remaining-year"), 44);

// Fields: flags, what identifies a caller, 64 bits that are the counter's own, status, header name or path, body of a
// refusal, counter, milliseconds between synchronisations (0: asks for each request), timeout, store; windows.

@inline
function byValueOf(fields: usize): Text {
  return fields + 20;
}

@inline
function bodyOf(fields: usize): Text {
  return nextText(byValueOf(fields));
}

/** The counter's name. */
export function counterOf(fields: usize): Text {
  return nextText(bodyOf(fields));
}

/** Milliseconds between synchronisations, and behind it the timeout of a call. */
export function syncOf(fields: usize): usize {
  return nextText(counterOf(fields));
}

/** The store's name. */
export function storeOf(fields: usize): Text {
  return syncOf(fields) + 8;
}

export function windowsOf(fields: usize): usize {
  return nextText(storeOf(fields));
}

let identifierAt: usize = 0;
let identifierSize: u32 = 0;

function identifyBy(at: usize, size: u32): void {
  identifierAt = at;
  identifierSize = size;
}

/** As in Kong, a caller who lacks what is asked for is known by the address. */
function identify(fields: usize): void {
  const by = load<u32>(fields, 4);
  if (by == BY_SERVICE) return identifyBy(0, 0);
  if (by == BY_CONSUMER && credential != 0) {
    const id = consumerId(credential);
    return identifyBy(bytesOf(id), sizeOfText(id));
  }
  if (by == BY_CREDENTIAL && credential != 0) {
    const id = firstCredentialText(credential);
    return identifyBy(bytesOf(id), sizeOfText(id));
  }
  if (by == BY_HEADER && findHeader(byValueOf(fields)) > 0) return identifyBy(foundAt, foundSize);
  if (by == BY_PATH) {
    findPath();
    if (isText(pathAt, pathSize, byValueOf(fields))) return identifyBy(pathAt, pathSize);
  }
  findClient();
  identifyBy(clientAt, clientSize);
}

/** Counts the request, and answers it when it is one too many. */
export function rateLimit(fields: usize): i32 {
  const flags = load<u32>(fields);
  identify(fields);
  if ((flags & SHARED) != 0 && load<u32>(syncOf(fields)) == 0) {
    return startCheck(fields, identifierAt, identifierSize) ? WAIT : failed(fields);
  }
  sipHash(load<u64>(fields, 8), identifierAt, identifierSize);
  const second = seconds();
  const result = count(windowsOf(fields), second);
  if (result == FAILED) return failed(fields);
  if (result == ALLOWED && (flags & SHARED) != 0) noteDelta(fields, identifierAt, identifierSize, second);
  return conclude(fields, result == ALLOWED);
}

/** The counters cannot be read. */
export function failed(fields: usize): i32 {
  if (load<u32>(fields) & FAULT_TOLERANT) return NEXT;
  sendUnexpected(FAILURE);
  return DONE;
}

const remaining: usize = memory.data(24, 4);
let closest: u32 = 0;
let reset: u32 = 0;

/** Goes on or refuses, from what was used before this request. */
export function conclude(fields: usize, allowed: bool): i32 {
  const hidden = (load<u32>(fields) & HIDE_HEADERS) != 0;
  const windows = windowsOf(fields);
  if (!hidden) weigh(windows, allowed);
  if (allowed) {
    if (!hidden) {
      const open = exchange();
      open.limitStep = fields;
      copyShort(changetype<usize>(open) + offsetof<Exchange>("remaining0"), remaining, 24);
      open.closest = closest;
      open.reset = reset;
    }
    return NEXT;
  }
  if (hasExchange()) exchange().limitStep = 0;
  beginHeaders();
  if (!hidden) putLimits(windows);
  const body = bodyOf(fields);
  sendJson(load<u32>(fields, 16), DETAILS, bytesOf(body), sizeOfText(body));
  return DONE;
}

/** What remains in each window, and which of them is the closest to its limit: the longer one of equals. */
function weigh(windows: usize, allowed: bool): void {
  const length = load<u32>(windows);
  const second = seconds();
  let least: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const limit = limitOf(windows, i);
    const used = usedOf(i) + (allowed ? 1 : 0);
    const left = limit > used ? limit - used : 0;
    store<u32>(remaining + (<usize>i << 2), left);
    if (i == 0 || left <= least) {
      least = left;
      closest = i;
    }
  }
  const unit = unitOf(windows, closest);
  const passed = <u32>(second - windowStart(unit, second));
  const whole = kongLength(unit);
  reset = whole > passed ? whole - passed : 1;
}

function putNumber(name: Text, value: u32): void {
  beginWriting(20);
  writeDecimal(value);
  putHeader(name, written(), writtenSize());
}

/** Puts the headers of a refusal into the reply. */
function putLimits(windows: usize): void {
  const length = load<u32>(windows);
  for (let i: u32 = 0; i < length; i++) {
    const names = NAMES + (<usize>unitOf(windows, i) << 3);
    putNumber(load<Text>(names), limitOf(windows, i));
    putNumber(load<Text>(names, 4), load<u32>(remaining + (<usize>i << 2)));
  }
  putNumber(LIMIT, limitOf(windows, closest));
  putNumber(REMAINING, load<u32>(remaining + (<usize>closest << 2)));
  putNumber(RESET, reset);
  putNumber(RETRY_AFTER, reset);
}

function addNumber(name: Text, value: u32): void {
  beginWriting(20);
  writeDecimal(value);
  addHeader(RESPONSE_HEADERS, bytesOf(name), sizeOfText(name), written(), writtenSize());
}

/** Adds the headers of an allowed request to its response. */
export function addLimits(open: Exchange): void {
  const windows = windowsOf(open.limitStep);
  const left = changetype<usize>(open) + offsetof<Exchange>("remaining0");
  const length = load<u32>(windows);
  for (let i: u32 = 0; i < length; i++) {
    const names = NAMES + (<usize>unitOf(windows, i) << 3);
    addNumber(load<Text>(names), limitOf(windows, i));
    addNumber(load<Text>(names, 4), load<u32>(left + (<usize>i << 2)));
  }
  addNumber(LIMIT, limitOf(windows, open.closest));
  addNumber(REMAINING, load<u32>(left + (<usize>open.closest << 2)));
  addNumber(RESET, open.reset);
}
