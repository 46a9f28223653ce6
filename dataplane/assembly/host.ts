// What Envoy offers to a module: the functions of proxy-wasm ABI 0.2.1 that are used here. Each returns a status.
// A call costs about 1,200 instructions, and 8,000 more when the answer is handed over through `malloc`: call few.

export const OK: i32 = 0;
export const NOT_FOUND: i32 = 1;
export const CAS_MISMATCH: i32 = 8;

export const REQUEST_HEADERS: i32 = 0;
export const RESPONSE_HEADERS: i32 = 2;
export const CALL_RESPONSE_HEADERS: i32 = 6;

export const CALL_RESPONSE_BODY: i32 = 4;
export const PLUGIN_CONFIGURATION: i32 = 7;

@external("env", "proxy_get_property")
export declare function getProperty(path: usize, pathSize: u32, at: usize, size: usize): i32;

@external("env", "proxy_get_header_map_pairs")
export declare function getHeaders(map: i32, at: usize, size: usize): i32;

@external("env", "proxy_add_header_map_value")
export declare function addHeader(map: i32, name: usize, nameSize: u32, value: usize, valueSize: u32): i32;

@external("env", "proxy_replace_header_map_value")
export declare function replaceHeader(map: i32, name: usize, nameSize: u32, value: usize, valueSize: u32): i32;

@external("env", "proxy_remove_header_map_value")
export declare function removeHeader(map: i32, name: usize, nameSize: u32): i32;

@external("env", "proxy_send_local_response")
export declare function sendResponse(
  status: u32,
  details: usize,
  detailsSize: u32,
  body: usize,
  bodySize: u32,
  headers: usize,
  headersSize: u32,
  grpcStatus: i32,
): i32;

@external("env", "proxy_continue_stream")
export declare function continueStream(stream: i32): i32;

@external("env", "proxy_get_shared_data")
export declare function getShared(key: usize, keySize: u32, at: usize, size: usize, cas: usize): i32;

/** A `cas` other than 0 stores only over the value that has it, or where there is no value yet. */
@external("env", "proxy_set_shared_data")
export declare function setShared(key: usize, keySize: u32, value: usize, valueSize: u32, cas: u32): i32;

@external("env", "proxy_get_current_time_nanoseconds")
export declare function getTime(at: usize): i32;

@external("env", "proxy_get_buffer_bytes")
export declare function getBuffer(buffer: i32, start: u32, size: u32, at: usize, length: usize): i32;

@external("env", "proxy_http_call")
export declare function httpCall(
  cluster: usize,
  clusterSize: u32,
  headers: usize,
  headersSize: u32,
  body: usize,
  bodySize: u32,
  trailers: usize,
  trailersSize: u32,
  timeout: u32,
  token: usize,
): i32;

@external("env", "proxy_set_tick_period_milliseconds")
export declare function setTickPeriod(milliseconds: u32): i32;

/** Fails when no such context lives; 0 is never one. */
@external("env", "proxy_set_effective_context")
export declare function setEffectiveContext(context: u32): i32;

/** Cryptographic randomness. */
@external("wasi_snapshot_preview1", "random_get")
export declare function getRandom(at: usize, size: u32): i32;
