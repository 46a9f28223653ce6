// Kong's key-auth: a key of a known consumer, in a header or a query argument.
import { hash } from "../blake2s";
import { findCredential } from "../credentials";
import { beginHeaders, foundAt, foundSize, putHeaderText } from "../header-list";
import { authenticate } from "../identity";
import {
  argumentAt,
  argumentHasValue,
  argumentIs,
  argumentSize,
  beginArguments,
  findArgument,
  nextArgument,
  partAt,
  partSize,
} from "../query";
import { sendErrorText } from "../reply";
import {
  findHeader,
  findPath,
  isOptions,
  pathAt,
  pathSize,
  queryAt,
  querySize,
  removeRequestHeader,
  setPath,
} from "../request";
import { nextText, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";
import { beginWriting, writeByte, writeBytes, written, writtenSize } from "../writer";

const IN_HEADER: u32 = 1;
const IN_QUERY: u32 = 2;
const HIDE: u32 = 4;
const ON_PREFLIGHT: u32 = 8;

/** Says which hashes are of keys; "b" is of basic-auth. */
const KEY: u8 = 0x6b;

const DETAILS = text("diolkos_key_auth");
const MISSING = text("No API key found in request");
const UNKNOWN = text("Unauthorized");
const DUPLICATE = text("Duplicate API key found");
const CHALLENGE = text("www-authenticate");

/** Fields: flags, challenge, pairs of names (lower case for the header, as given for the query). */
export function keyAuth(fields: usize): i32 {
  const flags = load<u32>(fields);
  if ((flags & ON_PREFLIGHT) == 0 && isOptions()) return NEXT;
  const challenge: Text = fields + 4;
  const names = nextText(challenge);
  let name: Text = names + 4;
  for (let i = load<u32>(names); i > 0; i--) {
    const queryName = nextText(name);
    let times: u32 = 0;
    let at: usize = 0;
    let size: u32 = 0;
    if (flags & IN_HEADER) {
      times = findHeader(name);
      at = foundAt;
      size = foundSize;
    }
    if (times == 0 && (flags & IN_QUERY) != 0) {
      times = findArgument(queryName);
      at = argumentAt;
      size = argumentSize;
      // An argument without a value holds no key, and is no reason to stop looking.
      if (times == 1 && !argumentHasValue) times = 0;
    }
    if (times > 1) return refuse(challenge, DUPLICATE);
    if (times == 1) {
      if (size == 0) return refuse(challenge, MISSING);
      const record = findCredential(hash(KEY, at, size));
      if (record == 0) return refuse(challenge, UNKNOWN);
      authenticate(record);
      if (flags & HIDE) hide(name, queryName);
      return NEXT;
    }
    name = nextText(queryName);
  }
  return refuse(challenge, MISSING);
}

function refuse(challenge: Text, message: Text): i32 {
  beginHeaders();
  putHeaderText(CHALLENGE, challenge);
  sendErrorText(401, DETAILS, message);
  return DONE;
}

function hide(headerName: Text, queryName: Text): void {
  if (findArgument(queryName) > 0) removeArgument(queryName);
  if (findHeader(headerName) > 0) removeRequestHeader(headerName);
}

function removeArgument(name: Text): void {
  findPath();
  beginWriting(pathSize + querySize + 1);
  writeBytes(pathAt, pathSize);
  beginArguments(queryAt, querySize);
  let first = true;
  while (nextArgument()) {
    if (argumentIs(name)) continue;
    writeByte(first ? 0x3f : 0x26);
    writeBytes(partAt, partSize);
    first = false;
  }
  setPath(written(), writtenSize());
}
