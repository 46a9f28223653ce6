// Kong's request-termination: answers itself, or describes the request (echo).
import {
  beginHeaders,
  beginList,
  foundAt,
  foundSize,
  nameAt,
  nameSize,
  nextInList,
  putHeaderText,
  valueAt,
  valueSize,
} from "../header-list";
import { argumentNameSize, beginArguments, findArgument, nextArgument, partAt, partSize } from "../query";
import { sendJson, sendReply } from "../reply";
import { findHeader, findPath, pathAt, pathSize, queryAt, querySize, requestHeaders } from "../request";
import { bytesOf, nextText, sizeOfText, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";
import { beginWriting, writeByte, writeJson, writeText, written, writtenSize } from "../writer";

const ECHO: u32 = 1;
const TRIGGER: u32 = 2;

const DETAILS = text("diolkos_reply");
const CONTENT_TYPE = text("content-type");

/** Fields: status, flags, content type, body, trigger as header, trigger as argument, message. */
export function terminate(fields: usize): i32 {
  const status = load<u32>(fields);
  const flags = load<u32>(fields, 4);
  const contentType: Text = fields + 8;
  const body = nextText(contentType);
  const header = nextText(body);
  const argument = nextText(header);
  if ((flags & TRIGGER) != 0 && findHeader(header) == 0 && findArgument(argument) == 0) return NEXT;
  beginHeaders();
  if (flags & ECHO) {
    describe(nextText(argument));
    sendJson(status, DETAILS, written(), writtenSize());
    return DONE;
  }
  if (sizeOfText(contentType) > 0) putHeaderText(CONTENT_TYPE, contentType);
  sendReply(status, DETAILS, bytesOf(body), sizeOfText(body));
  return DONE;
}

const METHOD = text(":method");
const SCHEME = text(":scheme");
const AUTHORITY = text(":authority");
const MESSAGE_KEY = text('{"message":');
const REQUEST_KEY = text('"request":{"method":');
const SCHEME_KEY = text(',"scheme":');
const HOST_KEY = text(',"host":');
const PATH_KEY = text(',"path":');
const HEADERS_KEY = text(',"headers":{');
const QUERY_KEY = text('},"query":{');
const END = text("}}}");

function describe(message: Text): void {
  beginWriting(2048);
  if (sizeOfText(message) > 0) {
    writeText(MESSAGE_KEY);
    writeJson(bytesOf(message), sizeOfText(message));
    writeByte(0x2c);
  } else {
    writeByte(0x7b);
  }
  writeText(REQUEST_KEY);
  writeHeader(METHOD);
  writeText(SCHEME_KEY);
  writeHeader(SCHEME);
  writeText(HOST_KEY);
  writeHeader(AUTHORITY);
  writeText(PATH_KEY);
  findPath();
  writeJson(pathAt, pathSize);
  writeText(HEADERS_KEY);
  writeHeaders();
  writeText(QUERY_KEY);
  writeArguments();
  writeText(END);
}

function writeHeader(name: Text): void {
  const times = findHeader(name);
  writeJson(foundAt, times == 0 ? 0 : foundSize);
}

function writeHeaders(): void {
  let first = true;
  beginList(requestHeaders());
  while (nextInList()) {
    if (load<u8>(nameAt) == 0x3a) continue; // :path and the like
    if (!first) writeByte(0x2c);
    first = false;
    writeJson(nameAt, nameSize);
    writeByte(0x3a);
    writeJson(valueAt, valueSize);
  }
}

function writeArguments(): void {
  beginArguments(queryAt, querySize);
  let first = true;
  while (nextArgument()) {
    const nameSize = argumentNameSize();
    if (!first) writeByte(0x2c);
    first = false;
    writeJson(partAt, nameSize);
    writeByte(0x3a);
    const skipped = min(nameSize + 1, partSize);
    writeJson(partAt + skipped, partSize - skipped);
  }
}
