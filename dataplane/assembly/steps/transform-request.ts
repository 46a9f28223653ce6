// Kong's request-transformer: path, method, headers, then the query.
import { beginList, findIn, nameAt, nameSize, nextInList, valueAt, valueSize } from "../header-list";
import { behindLists, behindPairs, renamesOf } from "../name-operations";
import { transformQuery } from "../query-operations";
import {
  addRequestHeader,
  findHeader,
  findPath,
  queryAt,
  querySize,
  removeRequestHeader,
  requestHeaders,
  setMethod,
  setPath,
  setRequestHeader,
} from "../request";
import { bytesOf, isText, nextText, sizeOfText, Text } from "../text";
import { NEXT } from "../verdict";
import { beginWriting, writeByte, writeBytes, writeText, written, writtenSize } from "../writer";

/** Fields: method, path (each empty when it stays), lists for headers, lists for the query. */
export function transformRequest(fields: usize): i32 {
  const method: Text = fields;
  const path = nextText(method);
  const headers = nextText(path);
  if (sizeOfText(path) > 0) replacePath(path);
  if (sizeOfText(method) > 0) setMethod(method);
  transformHeaders(headers);
  transformQuery(behindLists(headers));
  return NEXT;
}

function replacePath(path: Text): void {
  findPath();
  beginWriting(sizeOfText(path) + querySize + 1);
  writeText(path);
  if (querySize > 0) {
    writeByte(0x3f);
    writeBytes(queryAt, querySize);
  }
  setPath(written(), writtenSize());
}

function transformHeaders(lists: usize): void {
  let name: Text = lists + 4;
  for (let i = load<u32>(lists); i > 0; i--) {
    if (findHeader(name) > 0) removeRequestHeader(name);
    name = nextText(name);
  }
  let list = renamesOf(lists);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const to = nextText(name);
    rename(name, to);
    name = nextText(to);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    if (findHeader(name) > 0) setRequestHeader(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    if (findHeader(name) == 0) addRequestHeader(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    addRequestHeader(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
}

/** Moves all values of a header; what had the new name before is gone. */
function rename(from: Text, to: Text): void {
  const before = requestHeaders();
  if (findIn(before, from) == 0 || isText(bytesOf(from), sizeOfText(from), to)) return;
  removeRequestHeader(from);
  let first = true;
  beginList(before);
  while (nextInList()) {
    if (!isText(nameAt, nameSize, from)) continue;
    // The list stays readable until the callback ends; only what is read anew differs.
    if (first) setRequestHeader(to, valueAt, valueSize);
    else addRequestHeader(to, valueAt, valueSize);
    first = false;
  }
}
