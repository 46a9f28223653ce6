// Kong's ip-restriction: first `deny`, then anything outside of a non-empty `allow`.
import { clientAt, clientSize, findClient, isInRanges, parseAddress } from "../address";
import { beginHeaders } from "../header-list";
import { sendError, sendErrorText } from "../reply";
import { nextText, sizeOfText, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";
import { beginWriting, writeBytes, writeText, written, writtenSize } from "../writer";

const DETAILS = text("diolkos_ip");
const NOT_ALLOWED = text("IP address not allowed: ");
const UNKNOWN = text("Cannot identify the client IP address, unix domain sockets are not supported.");

const client: usize = memory.data(16);

/** Fields: status, message (empty: Kong's own), ranges to allow, ranges to deny. */
export function ip(fields: usize): i32 {
  const message: Text = fields + 4;
  const allow = nextText(message);
  const deny = allow + 4 + <usize>load<u32>(allow) * 20;
  findClient();
  if (!parseAddress(clientAt, clientSize, client)) {
    beginHeaders();
    sendErrorText(403, DETAILS, UNKNOWN);
    return DONE;
  }
  if (!isInRanges(client, deny) && (load<u32>(allow) == 0 || isInRanges(client, allow))) return NEXT;
  beginHeaders();
  if (sizeOfText(message) > 0) {
    sendErrorText(load<u32>(fields), DETAILS, message);
  } else {
    beginWriting(128);
    writeText(NOT_ALLOWED);
    writeBytes(clientAt, clientSize);
    sendError(load<u32>(fields), DETAILS, written(), writtenSize());
  }
  return DONE;
}
