// Kong's response-transformer for headers. As in Kong, what is there is looked up once, before the first change.
import { beginList, EMPTY, findIn, nameAt, nameSize, nextInList, valueAt, valueSize } from "../header-list";
import { addHeader, getHeaders, OK, removeHeader, replaceHeader, RESPONSE_HEADERS } from "../host";
import { answer, answerAt, answerSize } from "../memory";
import { behindPairs, renamesOf } from "../name-operations";
import { bytesOf, isText, nextText, sizeOfText, Text } from "../text";

/** Fields: the five lists. */
export function transformResponse(lists: usize): void {
  const status = getHeaders(RESPONSE_HEADERS, answer, answer + 4);
  const before = status == OK && answerSize() >= 4 ? answerAt() : EMPTY;
  let name: Text = lists + 4;
  for (let i = load<u32>(lists); i > 0; i--) {
    if (findIn(before, name) > 0) remove(name);
    name = nextText(name);
  }
  let list = renamesOf(lists);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const to = nextText(name);
    if (findIn(before, name) > 0) rename(before, name, to);
    name = nextText(to);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    if (findIn(before, name) > 0) set(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    if (findIn(before, name) == 0) set(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
  list = behindPairs(list);
  name = list + 4;
  for (let i = load<u32>(list); i > 0; i--) {
    const value = nextText(name);
    add(name, bytesOf(value), sizeOfText(value));
    name = nextText(value);
  }
}

function remove(name: Text): void {
  removeHeader(RESPONSE_HEADERS, bytesOf(name), sizeOfText(name));
}

function set(name: Text, value: usize, size: u32): void {
  replaceHeader(RESPONSE_HEADERS, bytesOf(name), sizeOfText(name), value, size);
}

function add(name: Text, value: usize, size: u32): void {
  addHeader(RESPONSE_HEADERS, bytesOf(name), sizeOfText(name), value, size);
}

function rename(before: usize, from: Text, to: Text): void {
  remove(from);
  let first = true;
  beginList(before);
  while (nextInList()) {
    if (!isText(nameAt, nameSize, from)) continue;
    if (first) set(to, valueAt, valueSize);
    else add(to, valueAt, valueSize);
    first = false;
  }
}
