import { create } from "@bufbuild/protobuf";
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
  HeaderValueOptionSchema,
  HeaderValueSchema,
} from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import type { HeaderOperation } from "#model/route.ts";

const actions = {
  set: Append.OVERWRITE_IF_EXISTS_OR_ADD,
  append: Append.APPEND_IF_EXISTS_OR_ADD,
  "add-if-absent": Append.ADD_IF_ABSENT,
} as const;

/** The two lists that Envoy has for header changes; values are literal text, never format strings. */
export function buildHeaderOperations(operations: readonly HeaderOperation[]): {
  add: HeaderValueOption[];
  remove: string[];
} {
  const add: HeaderValueOption[] = [];
  const remove: string[] = [];
  for (const operation of operations) {
    if (operation.op === "remove") {
      remove.push(operation.name);
      continue;
    }
    add.push(
      create(HeaderValueOptionSchema, {
        header: create(HeaderValueSchema, {
          key: operation.name,
          value: operation.value.replaceAll("%", "%%"),
        }),
        appendAction: actions[operation.op],
        keepEmptyValue: true,
      }),
    );
  }
  return { add, remove };
}
