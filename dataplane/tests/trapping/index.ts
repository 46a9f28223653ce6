// AssemblyScript: the module with a defect, for tests of what Envoy does then. A request with the header `x-trap` traps.
import { findHeader, forgetHeaders } from "../../assembly/request";
import { beginCallback } from "../../assembly/memory";
import { text } from "../../assembly/text";
import { proxy_on_request_headers as run } from "../../assembly/index";

export {
  malloc,
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_http_call_response,
  proxy_on_response_headers,
  proxy_on_tick,
  proxy_on_vm_start,
} from "../../assembly/index";

const TRAP = text("x-trap");

export function proxy_on_request_headers(id: u32, count: u32, end: u32): i32 {
  beginCallback();
  forgetHeaders();
  if (findHeader(TRAP) > 0) unreachable();
  return run(id, count, end);
}
