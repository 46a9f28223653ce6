// Who calls. The application learns it from the X-Consumer headers, so the client's own copies never pass.
import { firstCredentialText, nextCredentialText } from "./credentials";
import { beginList, nameAt, nameSize, nextInList } from "./header-list";
import { addHeader, removeHeader, replaceHeader, REQUEST_HEADERS } from "./host";
import { forgetHeaders, requestHeaders } from "./request";
import { bytesOf, isText, sizeOfText, text, Text } from "./text";

const CONSUMER_ID = text("x-consumer-id");
const CONSUMER_USERNAME = text("x-consumer-username");
const CONSUMER_CUSTOM_ID = text("x-consumer-custom-id");
const CREDENTIAL_IDENTIFIER = text("x-credential-identifier");
const CONSUMER_GROUPS = text("x-consumer-groups");
const ANONYMOUS = text("x-anonymous-consumer");

/** The caller's credential, or 0: nobody is authenticated. */
export let credential: usize = 0;
/** An authentication step has run, and its headers are not written yet. */
export let unwritten = false;
/** The groups shall reach the application. */
export let showGroups = false;

/** Begins a request; with an authentication step, what the client itself says is taken away in any case. */
export function beginIdentity(authenticates: bool): void {
  credential = 0;
  unwritten = authenticates;
  showGroups = false;
}

/** Goes on with a request that was paused. */
export function restoreIdentity(record: usize, due: bool, groups: bool): void {
  credential = record;
  unwritten = due;
  showGroups = groups;
}

/** Somebody is known: the record of the credential. */
export function authenticate(record: usize): void {
  credential = record;
  unwritten = true;
}

/** The application shall see the groups. */
export function passGroups(): void {
  showGroups = true;
  unwritten = true;
}

// Bits of the headers that the client sent itself.
const ID: u32 = 1;
const USERNAME: u32 = 2;
const CUSTOM_ID: u32 = 4;
const IDENTIFIER: u32 = 8;
const GROUPS: u32 = 16;
const NOBODY: u32 = 32;

function isName(name: Text): bool {
  return isText(nameAt, nameSize, name);
}

function sentByClient(): u32 {
  let sent: u32 = 0;
  beginList(requestHeaders());
  while (nextInList()) {
    if (nameSize < 13 || load<u16>(nameAt) != 0x2d78) continue; // "x-"
    if (isName(CONSUMER_ID)) sent |= ID;
    else if (isName(CONSUMER_USERNAME)) sent |= USERNAME;
    else if (isName(CONSUMER_CUSTOM_ID)) sent |= CUSTOM_ID;
    else if (isName(CREDENTIAL_IDENTIFIER)) sent |= IDENTIFIER;
    else if (isName(CONSUMER_GROUPS)) sent |= GROUPS;
    else if (isName(ANONYMOUS)) sent |= NOBODY;
  }
  return sent;
}

function put(name: Text, value: Text, sent: bool): void {
  if (value == 0 || sizeOfText(value) == 0) {
    if (sent) removeHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name));
  } else if (sent) {
    replaceHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name), bytesOf(value), sizeOfText(value));
  } else {
    addHeader(REQUEST_HEADERS, bytesOf(name), sizeOfText(name), bytesOf(value), sizeOfText(value));
  }
}

/** Writes the caller into the request, once nothing can refuse it any more. */
export function writeIdentity(): void {
  if (!unwritten) return;
  unwritten = false;
  const sent = sentByClient();
  let identifier: Text = 0;
  let id: Text = 0;
  let username: Text = 0;
  let customId: Text = 0;
  let groups: Text = 0;
  if (credential) {
    identifier = nextCredentialText(firstCredentialText(credential));
    id = nextCredentialText(identifier);
    username = nextCredentialText(id);
    customId = nextCredentialText(username);
    if (showGroups) groups = nextCredentialText(customId);
  }
  put(CONSUMER_ID, id, (sent & ID) != 0);
  put(CONSUMER_USERNAME, username, (sent & USERNAME) != 0);
  put(CONSUMER_CUSTOM_ID, customId, (sent & CUSTOM_ID) != 0);
  put(CREDENTIAL_IDENTIFIER, identifier, (sent & IDENTIFIER) != 0);
  put(CONSUMER_GROUPS, groups, (sent & GROUPS) != 0);
  put(ANONYMOUS, 0, (sent & NOBODY) != 0);
  forgetHeaders();
}
