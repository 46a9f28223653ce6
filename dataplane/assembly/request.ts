// The current request. Its headers are read in one call, since a call costs more than looking through all of them.
import { EMPTY, findIn, foundAt, foundSize } from "./header-list";
import { addHeader, getHeaders, OK, removeHeader, replaceHeader, REQUEST_HEADERS } from "./host";
import { answer, answerAt, answerSize } from "./memory";
import { bytesOf, indexOf, isText, sizeOfText, text, Text } from "./text";

const METHOD = text(":method");
const PATH = text(":path");
const OPTIONS = text("OPTIONS");

let headers: usize = 0;

/** The headers are read again when they are needed: a new callback begins, or they were changed. */
export function forgetHeaders(): void {
  headers = 0;
}

/** All headers of the request. */
export function requestHeaders(): usize {
  if (headers == 0) {
    const status = getHeaders(REQUEST_HEADERS, answer, answer + 4);
    headers = status == OK && answerSize() >= 4 ? answerAt() : EMPTY;
  }
  return headers;
}

/** How often a header (lower case) occurs; its first value is in `foundAt`, `foundSize` of header-list. */
export function findHeader(name: Text): u32 {
  return findIn(requestHeaders(), name);
}

export function isOptions(): bool {
  return findHeader(METHOD) != 0 && isText(foundAt, foundSize, OPTIONS);
}

// What `findPath` and `findQuery` found.
export let pathAt: usize = 0;
export let pathSize: u32 = 0;
export let queryAt: usize = 0;
export let querySize: u32 = 0;

/** Finds the path without its query, and the query without its question mark. */
export function findPath(): void {
  const size = findHeader(PATH) == 0 ? 0 : foundSize;
  pathAt = foundAt;
  pathSize = indexOf(pathAt, size, 0x3f);
  const skipped = min(pathSize + 1, size);
  queryAt = pathAt + skipped;
  querySize = size - skipped;
}

export function addRequestHeader(name: Text, value: usize, size: u32): void {
  addHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name), value, size);
  headers = 0;
}

/** Puts one value in the place of all that are there. */
export function setRequestHeader(name: Text, value: usize, size: u32): void {
  replaceHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name), value, size);
  headers = 0;
}

export function removeRequestHeader(name: Text): void {
  removeHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name));
  headers = 0;
}

/** Replaces path and query. */
export function setPath(at: usize, size: u32): void {
  setRequestHeader(PATH, at, size);
}

export function setMethod(method: Text): void {
  setRequestHeader(METHOD, bytesOf(method), sizeOfText(method));
}
