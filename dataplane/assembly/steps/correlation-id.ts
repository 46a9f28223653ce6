// Kong's correlation-id: an id for each request in a header, unless the client sent one.
import { milliseconds } from "../clock";
import { exchange, keepText } from "../exchange";
import { foundAt, foundSize } from "../header-list";
import { getProperty, OK, replaceHeader, RESPONSE_HEADERS } from "../host";
import { answer, answerAt, answerSize } from "../memory";
import { random } from "../random";
import { addRequestHeader, findHeader, setRequestHeader } from "../request";
import { bytesOf, sizeOfText, text, Text } from "../text";
import { NEXT } from "../verdict";
import { beginWriting, writeByte, writeDecimal, writeHexByte, written, writtenSize } from "../writer";

const UUID: u32 = 0;
const COUNTER: u32 = 1;

const DESTINATION = text("destination\0address");
const CONNECTION = text("connection_id");

/** Fields: generator, whether the response gets it too, header. */
export function correlationId(fields: usize): i32 {
  const header: Text = fields + 8;
  const times = findHeader(header);
  let at = foundAt;
  let size = times == 0 ? 0 : foundSize;
  if (size == 0) {
    generate(load<u32>(fields));
    at = written();
    size = writtenSize();
    if (times == 0) addRequestHeader(header, at, size);
    else setRequestHeader(header, at, size);
  }
  if (load<u32>(fields, 4) != 0) exchange().correlationId = keepText(at, size);
  return NEXT;
}

/** Echoes the id; a header of the application with this name gives way. */
export function correlationResponse(fields: usize, id: Text): void {
  const header: Text = fields + 8;
  replaceHeader(RESPONSE_HEADERS, bytesOf(header), sizeOfText(header), bytesOf(id), sizeOfText(id));
}

let counter: u64 = 0;
const worker: usize = memory.data(16);
let hasWorker = false;

function generate(generator: u32): void {
  beginWriting(128);
  if (generator == UUID) writeUuid(random(16));
  else if (generator == COUNTER) writeCounter();
  else writeTracker();
}

/** A UUID of version 4. */
function writeUuid(bytes: usize): void {
  store<u8>(bytes, (load<u8>(bytes, 6) & 0x0f) | 0x40, 6);
  store<u8>(bytes, (load<u8>(bytes, 8) & 0x3f) | 0x80, 8);
  for (let i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) writeByte(0x2d);
    writeHexByte(load<u8>(bytes + i));
  }
}

function findWorker(): void {
  if (hasWorker) return;
  hasWorker = true;
  memory.copy(worker, random(16), 16);
}

function writeCounter(): void {
  findWorker();
  writeUuid(worker);
  writeByte(0x23);
  writeDecimal(++counter);
}

/** Address, port, worker, connection, request, time. A module knows no process id: a random number stands for it. */
function writeTracker(): void {
  findWorker();
  if (getProperty(bytesOf(DESTINATION), sizeOfText(DESTINATION), answer, answer + 4) == OK) {
    const at = answerAt();
    for (let i: u32 = 0; i < answerSize(); i++) {
      const byte = load<u8>(at + i);
      writeByte(byte == 0x3a ? 0x2d : byte);
    }
  }
  writeByte(0x2d);
  writeDecimal(load<u16>(worker));
  writeByte(0x2d);
  const status = getProperty(bytesOf(CONNECTION), sizeOfText(CONNECTION), answer, answer + 4);
  writeDecimal(status == OK && answerSize() == 8 ? load<u64>(answerAt()) : 0);
  writeByte(0x2d);
  writeDecimal(++counter);
  writeByte(0x2d);
  const now = milliseconds();
  writeDecimal(now / 1000);
  writeByte(0x2e);
  const rest = <u32>(now % 1000);
  if (rest < 100) writeByte(0x30);
  if (rest < 10) writeByte(0x30);
  writeDecimal(rest);
}
