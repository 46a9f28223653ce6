// Runs the steps of a program for a request, and later for its response.
import { recordSize } from "./credentials";
import { closeExchange, Exchange, exchange } from "./exchange";
import { checkToken } from "./limit-check";
import { credential, restoreIdentity, showGroups, unwritten, writeIdentity } from "./identity";
import {
  ACL,
  BASIC_AUTH,
  CORRELATION_ID,
  CORS,
  fieldsOf,
  firstStep,
  IP,
  KEY_AUTH,
  kindOf,
  markOf,
  nextStep,
  RATE_LIMIT,
  REPLY,
  TRANSFORM_REQUEST,
  TRANSFORM_RESPONSE,
} from "./program";
import { endOf } from "./program-cache";
import { setRequestHeader } from "./request";
import { acl } from "./steps/acl";
import { basicAuth } from "./steps/basic-auth";
import { correlationId, correlationResponse } from "./steps/correlation-id";
import { corsRequest, corsResponse } from "./steps/cors";
import { ip } from "./steps/ip";
import { keyAuth } from "./steps/key-auth";
import { addLimits, rateLimit } from "./steps/rate-limit";
import { terminate } from "./steps/terminate";
import { transformRequest } from "./steps/transform-request";
import { transformResponse } from "./steps/transform-response";
import { bytesOf, sizeOfText, text } from "./text";
import { NEXT, WAIT } from "./verdict";

/** A header that Envoy removes from what clients send. */
const MARK = text("x-envoy-ip-tags");

/** Runs the steps from `step` on; the verdict of the one that stopped, or NEXT. */
export function runSteps(program: usize, step: usize): i32 {
  const end = endOf(program);
  for (; step < end; step = nextStep(step)) {
    const verdict = runStep(kindOf(step), fieldsOf(step));
    if (verdict == NEXT) continue;
    if (verdict == WAIT) pause(step);
    return verdict;
  }
  writeIdentity();
  const mark = markOf(program);
  if (sizeOfText(mark) > 0) setRequestHeader(MARK, bytesOf(mark), sizeOfText(mark));
  return NEXT;
}

function runStep(kind: u32, fields: usize): i32 {
  switch (kind) {
    case KEY_AUTH:
      return keyAuth(fields);
    case RATE_LIMIT:
      return rateLimit(fields);
    case CORS:
      return corsRequest(fields);
    case BASIC_AUTH:
      return basicAuth(fields);
    case IP:
      return ip(fields);
    case ACL:
      return acl(fields);
    case CORRELATION_ID:
      return correlationId(fields);
    case TRANSFORM_REQUEST:
      // It may rename or remove what tells the application who calls.
      writeIdentity();
      return transformRequest(fields);
    case REPLY:
      return terminate(fields);
    default:
      return NEXT;
  }
}

/** Remembers a request that waits for an answer from outside. */
function pause(step: usize): void {
  const open = exchange();
  open.step = step;
  open.token = checkToken;
  open.unwritten = unwritten;
  open.showGroups = showGroups;
  if (credential == 0 || open.credential != 0) return;
  const size = recordSize(credential);
  open.credential = heap.alloc(size);
  memory.copy(open.credential, credential, size);
}

/** Goes on behind the step that waited, after its own verdict. */
export function resumeSteps(open: Exchange, verdict: i32): i32 {
  if (verdict != NEXT) return verdict;
  open.token = 0;
  return runSteps(open.program, nextStep(open.step));
}

/** Who called, as it was known when the request was paused. */
export function resumeIdentity(open: Exchange): void {
  restoreIdentity(open.credential, open.unwritten, open.showGroups);
}

/** Does what the steps have to do with the response; the exchange ends with it. */
export function respond(open: Exchange): void {
  if (open.limitStep) addLimits(open);
  const end = endOf(open.program);
  for (let step = firstStep(open.program); step < end; step = nextStep(step)) {
    const kind = kindOf(step);
    if (kind == CORS) corsResponse(fieldsOf(step), open);
    else if (kind == CORRELATION_ID && open.correlationId) correlationResponse(fieldsOf(step), open.correlationId);
    else if (kind == TRANSFORM_RESPONSE) transformResponse(fieldsOf(step));
  }
  closeExchange(open);
}
