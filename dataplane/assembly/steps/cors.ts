// Kong's cors: answers preflights and marks responses.
import { Exchange, exchange, keepText } from "../exchange";
import { beginHeaders, foundAt, foundSize, putHeader, putHeaderText } from "../header-list";
import { addHeader, removeHeader, replaceHeader, RESPONSE_HEADERS } from "../host";
import { behindPattern, matches } from "../pattern";
import { behindTexts } from "../program";
import { sendReply } from "../reply";
import { findHeader, isOptions } from "../request";
import { bytesOf, indexOf, isText, nextText, sizeOfText, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";

const ANY: u32 = 1;
const CREDENTIALS: u32 = 2;
const PRIVATE_NETWORK: u32 = 4;
const PREFLIGHT_CONTINUE: u32 = 8;
const ORIGIN_ABSENT: u32 = 16;

const DETAILS = text("diolkos_cors");
const ORIGIN = text("origin");
const REQUEST_METHOD = text("access-control-request-method");
const REQUEST_HEADERS = text("access-control-request-headers");
const REQUEST_PRIVATE_NETWORK = text("access-control-request-private-network");
const ALLOW_ORIGIN = text("access-control-allow-origin");
const ALLOW_CREDENTIALS = text("access-control-allow-credentials");
const ALLOW_HEADERS = text("access-control-allow-headers");
const ALLOW_METHODS = text("access-control-allow-methods");
const ALLOW_PRIVATE_NETWORK = text("access-control-allow-private-network");
const MAX_AGE = text("access-control-max-age");
const EXPOSE_HEADERS = text("access-control-expose-headers");
const VARY = text("vary");
const VARY_ORIGIN = text("Origin");
const STAR = text("*");
const TRUE = text("true");

// Fields: flags, the only origin (or empty), origins, methods, headers, exposed headers, largest age, tables of patterns.
let flags: u32 = 0;
let only: Text = 0;
let origins: usize = 0;
let methods: Text = 0;
let allowedHeaders: Text = 0;
let exposed: Text = 0;
let maxAge: Text = 0;
let patterns: usize = 0;

function readFields(fields: usize): void {
  flags = load<u32>(fields);
  only = fields + 4;
  origins = nextText(only);
  methods = behindTexts(origins);
  allowedHeaders = nextText(methods);
  exposed = nextText(allowedHeaders);
  maxAge = nextText(exposed);
  patterns = nextText(maxAge);
}

/** Before the application is asked. */
export function corsRequest(fields: usize): i32 {
  readFields(fields);
  if (findHeader(ORIGIN) == 0 || foundSize == 0) return NEXT;
  const origin = foundAt;
  const originSize = foundSize;
  if (!isOptions() || findHeader(REQUEST_METHOD) == 0) {
    exchange().origin = keepText(origin, originSize);
    return NEXT;
  }
  exchange().preflight = true;
  if (flags & PREFLIGHT_CONTINUE) return NEXT;
  decide(origin, originSize);
  beginHeaders();
  if (allowedSize > 0) putHeader(ALLOW_ORIGIN, allowedAt, allowedSize);
  if (varies) putHeaderText(VARY, VARY_ORIGIN);
  if (withCredentials) putHeaderText(ALLOW_CREDENTIALS, TRUE);
  if (sizeOfText(allowedHeaders) > 0) putHeaderText(ALLOW_HEADERS, allowedHeaders);
  else if (findHeader(REQUEST_HEADERS) > 0) putHeader(ALLOW_HEADERS, foundAt, foundSize);
  putHeaderText(ALLOW_METHODS, methods);
  if (sizeOfText(maxAge) > 0) putHeaderText(MAX_AGE, maxAge);
  if ((flags & PRIVATE_NETWORK) != 0 && findHeader(REQUEST_PRIVATE_NETWORK) > 0 && isText(foundAt, foundSize, TRUE))
    putHeaderText(ALLOW_PRIVATE_NETWORK, TRUE);
  sendReply(200, DETAILS, 0, 0);
  return DONE;
}

/** When the response comes. */
export function corsResponse(fields: usize, open: Exchange): void {
  readFields(fields);
  const origin = open.origin;
  if (open.preflight || (origin == 0 && (flags & ORIGIN_ABSENT) == 0)) return;
  decide(origin ? bytesOf(origin) : 0, origin ? sizeOfText(origin) : 0);
  if (varies) addHeader(RESPONSE_HEADERS, bytesOf(VARY), sizeOfText(VARY), bytesOf(VARY_ORIGIN), sizeOfText(VARY_ORIGIN));
  if (allowedSize > 0) set(ALLOW_ORIGIN, allowedAt, allowedSize);
  else removeHeader(RESPONSE_HEADERS, bytesOf(ALLOW_ORIGIN), sizeOfText(ALLOW_ORIGIN));
  if (withCredentials) set(ALLOW_CREDENTIALS, bytesOf(TRUE), sizeOfText(TRUE));
  if (sizeOfText(exposed) > 0) set(EXPOSE_HEADERS, bytesOf(exposed), sizeOfText(exposed));
}

function set(name: Text, value: usize, size: u32): void {
  replaceHeader(RESPONSE_HEADERS, bytesOf(name), sizeOfText(name), value, size);
}

// What `decide` found: the value of Access-Control-Allow-Origin (none when empty), and what goes with it.
let allowedAt: usize = 0;
let allowedSize: u32 = 0;
let varies = false;
let withCredentials = false;

function allow(at: usize, size: u32): void {
  allowedAt = at;
  allowedSize = size;
}

function decide(origin: usize, size: u32): void {
  allowedSize = 0;
  withCredentials = (flags & CREDENTIALS) != 0;
  if (flags & ANY) {
    // A star does not go with credentials, so the origin itself is named then.
    withCredentials = withCredentials && size > 0;
    varies = withCredentials;
    if (withCredentials) allow(origin, size);
    else allow(bytesOf(STAR), 1);
    return;
  }
  varies = true;
  if (sizeOfText(only) > 0) {
    allow(bytesOf(only), sizeOfText(only));
    return;
  }
  if (size > 0) allowKnown(origin, size);
}

function allowKnown(origin: usize, originSize: u32): void {
  const at = normalize(origin, originSize);
  const size = normalizedSize;
  let known: Text = origins + 4;
  for (let i = load<u32>(origins); i > 0; i--) {
    if (isText(at, size, known)) return allow(at, size);
    known = nextText(known);
  }
  let table = patterns + 4;
  for (let i = load<u32>(patterns); i > 0; i--) {
    if (matches(table, at, size)) return allow(at, size);
    table = behindPattern(table);
  }
}

let normalizedSize: u32 = 0;

/** Scheme, host and a port that is not the scheme's own: what is left of an origin. Anything else stays as it is. */
function normalize(origin: usize, size: u32): usize {
  normalizedSize = size;
  const scheme = indexOf(origin, size, 0x3a);
  if (scheme == 0 || scheme + 3 > size || load<u16>(origin + scheme, 1) != 0x2f2f) return origin;
  const host = origin + scheme + 3;
  const end = origin + size;
  let at = host;
  let port: usize = 0;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2f || byte == 0x3f || byte == 0x23) break;
    if (byte == 0x3a) port = at;
    else if (byte == 0x5d) port = 0;
  }
  if (at == host) return origin;
  if (port == 0 || !isOwnPort(origin, scheme, port + 1, <u32>(at - port - 1))) {
    normalizedSize = <u32>(at - origin);
    return origin;
  }
  normalizedSize = <u32>(port - origin);
  return origin;
}

function isOwnPort(scheme: usize, schemeSize: u32, port: usize, size: u32): bool {
  return (
    (isText(scheme, schemeSize, HTTP) && isText(port, size, PORT_80)) ||
    (isText(scheme, schemeSize, HTTPS) && isText(port, size, PORT_443))
  );
}

const HTTP = text("http");
const HTTPS = text("https");
const PORT_80 = text("80");
const PORT_443 = text("443");
