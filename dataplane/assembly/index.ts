// The module that runs inside Envoy: it executes the programs of routes (src/model/program.ts). Envoy calls the
// functions with `proxy_` names, in one worker thread each; a callback that is not exported costs nothing.
import { acceptShard } from "./credentials";
import { forgetClient } from "./address";
import { forgetTime } from "./clock";
import { beginExchange, closeExchange, exchange, findExchange, findWaiting } from "./exchange";
import { continueStream, getBuffer, OK, PLUGIN_CONFIGURATION, setEffectiveContext, setTickPeriod } from "./host";
import { beginIdentity } from "./identity";
import { CHECK_ALLOWED, CHECK_FAILED, readCheck } from "./limit-check";
import { currentTickPeriod, finishSynchronization, synchronize } from "./limit-sync";
import { answer, answerAt, answerSize, beginCallback, take } from "./memory";
import { AUTHENTICATES, fieldsOf, firstStep, flagsOf, RESPONDS } from "./program";
import { currentProgram } from "./program-cache";
import { sendUnexpected } from "./reply";
import { forgetHeaders } from "./request";
import { respond, resumeIdentity, resumeSteps, runSteps } from "./run";
import { conclude, failed } from "./steps/rate-limit";
import { text } from "./text";
import { NEXT } from "./verdict";

const NO_PROGRAM = text("diolkos_no_program");

const CONTINUE: i32 = 0;
const STOP: i32 = 1;
const REQUEST: i32 = 0;

function begin(): void {
  beginCallback();
  forgetTime();
  forgetHeaders();
  forgetClient();
}

export function proxy_abi_version_0_2_1(): void {}

/** Memory for an answer of Envoy. */
export function malloc(size: u32): usize {
  return take(size);
}

export function proxy_on_vm_start(root: u32, size: u32): i32 {
  return 1;
}

/**
 * The filter that runs programs has no configuration; any other is the carrier of a shard of credentials. Refusing it
 * makes Envoy refuse the resource, and the shard before stays.
 */
export function proxy_on_configure(root: u32, size: u32): i32 {
  begin();
  if (size == 0) {
    if (currentTickPeriod() > 0) setTickPeriod(currentTickPeriod());
    return 1;
  }
  if (getBuffer(PLUGIN_CONFIGURATION, 0, size, answer, answer + 4) != OK) return 0;
  return acceptShard(answerAt(), answerSize()) ? 1 : 0;
}

export function proxy_on_request_headers(id: u32, count: u32, end: u32): i32 {
  begin();
  const program = currentProgram();
  if (program == 0) {
    sendUnexpected(NO_PROGRAM);
    return STOP;
  }
  const flags = flagsOf(program);
  beginIdentity((flags & AUTHENTICATES) != 0);
  beginExchange(id, program, null);
  if (flags & RESPONDS) exchange();
  return runSteps(program, firstStep(program)) == NEXT ? CONTINUE : STOP;
}

export function proxy_on_response_headers(id: u32, count: u32, end: u32): i32 {
  const open = findExchange(id);
  if (open === null) return CONTINUE;
  begin();
  respond(open);
  return CONTINUE;
}

export function proxy_on_tick(root: u32): void {
  begin();
  synchronize();
}

export function proxy_on_http_call_response(id: u32, token: u32, headers: u32, size: u32, trailers: u32): void {
  begin();
  // Envoy gives the answer to the filter as a whole, not to the request that called.
  if (finishSynchronization(token, headers, size)) return;
  const open = findWaiting(token);
  if (open === null) return;
  const fields = fieldsOf(open.step);
  const result = readCheck(fields, headers, size);
  if (setEffectiveContext(open.id) != OK) {
    // The client went away meanwhile.
    closeExchange(open);
    return;
  }
  beginExchange(open.id, open.program, open);
  resumeIdentity(open);
  const verdict = result == CHECK_FAILED ? failed(fields) : conclude(fields, result == CHECK_ALLOWED);
  if (resumeSteps(open, verdict) == NEXT) continueStream(REQUEST);
}
