// Answers of our own, in Kong's forms. Begin each with `beginHeaders`.
import { beginHeaders, finishedSize, finishHeaders, putHeaderText } from "./header-list";
import { sendResponse } from "./host";
import { bytesOf, sizeOfText, text, Text } from "./text";
import { beginWriting, writeJson, writeText, written, writtenSize } from "./writer";

const CONTENT_TYPE = text("content-type");
const JSON_TYPE = text("application/json; charset=utf-8");
const BODY_START = text('{\n  "message":');
const BODY_END = text("\n}");
const UNEXPECTED = text("An unexpected error occurred");

/** Sends the headers put so far and a body; `details` show up in Envoy's response code details. */
export function sendReply(status: u32, details: Text, body: usize, size: u32): void {
  const list = finishHeaders();
  sendResponse(status, bytesOf(details), sizeOfText(details), body, size, list, finishedSize, -1);
}

/** Sends a body that is already JSON. */
export function sendJson(status: u32, details: Text, body: usize, size: u32): void {
  putHeaderText(CONTENT_TYPE, JSON_TYPE);
  sendReply(status, details, body, size);
}

/** Sends a message in Kong's layout of errors. */
export function sendError(status: u32, details: Text, message: usize, size: u32): void {
  beginWriting(size + 32);
  writeText(BODY_START);
  writeJson(message, size);
  writeText(BODY_END);
  sendJson(status, details, written(), writtenSize());
}

export function sendErrorText(status: u32, details: Text, message: Text): void {
  sendError(status, details, bytesOf(message), sizeOfText(message));
}

/** Something here does not work, so nobody passes. */
export function sendUnexpected(details: Text): void {
  beginHeaders();
  sendErrorText(500, details, UNEXPECTED);
}
