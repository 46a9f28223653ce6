// Kong's basic-auth: name and password of a known consumer.
import { decodeBase64, decodedSize } from "../base64";
import { hash } from "../blake2s";
import { findCredential } from "../credentials";
import { beginHeaders, foundAt, foundSize, putHeaderText } from "../header-list";
import { authenticate } from "../identity";
import { take } from "../memory";
import { sendErrorText } from "../reply";
import { findHeader, removeRequestHeader } from "../request";
import { indexOf, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";

const HIDE: u32 = 1;

/** Says which hashes are of names and passwords; "k" is of key-auth. */
const BASIC: u8 = 0x62;

const DETAILS = text("diolkos_basic_auth");
const UNAUTHORIZED = text("Unauthorized");
const CHALLENGE = text("www-authenticate");
const AUTHORIZATION = text("authorization");
const PROXY_AUTHORIZATION = text("proxy-authorization");

/** Fields: flags, challenge. */
export function basicAuth(fields: usize): i32 {
  const flags = load<u32>(fields);
  let record = credentialIn(PROXY_AUTHORIZATION);
  if (record == 0) record = credentialIn(AUTHORIZATION);
  if (record == 0) {
    beginHeaders();
    putHeaderText(CHALLENGE, fields + 4);
    sendErrorText(401, DETAILS, UNAUTHORIZED);
    return DONE;
  }
  authenticate(record);
  if (flags & HIDE) {
    hide(PROXY_AUTHORIZATION);
    hide(AUTHORIZATION);
  }
  return NEXT;
}

function hide(name: Text): void {
  if (findHeader(name) > 0) removeRequestHeader(name);
}

function credentialIn(name: Text): usize {
  if (findHeader(name) == 0) return 0;
  const after = behindScheme(foundAt, foundSize);
  if (after == 0) return 0;
  const size = <u32>(foundAt + foundSize - after);
  const pair = take(size + 4);
  if (!decodeBase64(after, size, pair)) return 0;
  // As Kong's pattern has it, colons in front of the name are skipped.
  let from: u32 = 0;
  while (from < decodedSize && load<u8>(pair + from) == 0x3a) from++;
  const colon = indexOf(pair + from, decodedSize - from, 0x3a);
  if (colon == decodedSize - from) return 0;
  return findCredential(hash(BASIC, pair + from, decodedSize - from));
}

/** Address of what follows the first "Basic" or "basic" and spaces; 0 without it. */
function behindScheme(at: usize, size: u32): usize {
  const end = at + size;
  for (; at + 5 <= end; at++) {
    if ((load<u8>(at) | 0x20) != 0x62 || load<u32>(at, 1) != 0x63697361) continue; // "asic"
    let after = at + 5;
    while (after < end && isSpace(load<u8>(after))) after++;
    return after < end ? after : 0;
  }
  return 0;
}

function isSpace(byte: u8): bool {
  return byte == 0x20 || (byte >= 9 && byte <= 13);
}
