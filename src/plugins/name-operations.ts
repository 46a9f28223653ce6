import { z } from "zod";
import type { NamedValue, NameOperations } from "#model/program.ts";
import type { FieldPath } from "#problems/object-ref.ts";
import type { ReportField } from "./parse-config.ts";

/** Kong's list of names, or of `name:value` texts. */
export const textListSchema = z.array(z.string()).default([]);

/** The five lists of one part of a message (headers, query), in Kong's order. */
export interface OperationLists {
  readonly remove: readonly string[];
  readonly rename: readonly string[];
  readonly replace: readonly string[];
  readonly add: readonly string[];
  readonly append: readonly string[];
}

const operations = ["remove", "rename", "replace", "add", "append"] as const;
const headerName = /^[A-Za-z0-9_-]+$/;

/**
 * Reads the lists of one part; undefined when something in them is invalid. A text is a name, a colon and a value; as
 * in Kong a text without a value changes nothing.
 */
export function readOperations(
  lists: OperationLists,
  part: "headers" | "querystring",
  report: ReportField,
): NameOperations | undefined {
  let usable = true;
  const refuse = (field: FieldPath, message: string, fix?: string) => {
    report(field, message, fix);
    usable = false;
  };
  const pairs = (operation: (typeof operations)[number]): readonly NamedValue[] =>
    lists[operation].flatMap((text, at) => {
      const field = [operation, part, at];
      const { name, value } = splitPair(text);
      if (name === "" || (part === "headers" && !headerName.test(name))) {
        refuse(field, "does not begin with a name", "Write it as name:value.");
        return [];
      }
      if (value.includes("$(")) {
        refuse(field, "templates such as $(headers.name) are not supported", "Give a fixed value.");
        return [];
      }
      if (operation === "rename" && part === "headers" && !headerName.test(value)) {
        refuse(field, "does not name a header after the colon", "Write it as old-name:new-name.");
        return [];
      }
      return value === "" ? [] : [{ name, value }];
    });
  const rename = pairs("rename").map(({ name, value }) => ({ from: name, to: value }));
  const result = {
    remove: lists.remove.map((text) => splitPair(text).name).filter((name) => name !== ""),
    rename,
    replace: pairs("replace"),
    add: pairs("add"),
    append: pairs("append"),
  };
  return usable ? result : undefined;
}

/** True when the lists change something. */
export function hasOperations(lists: NameOperations): boolean {
  return operations.some((operation) => lists[operation].length > 0);
}

/** Reports every non-empty list of a part that is not supported; true when there was none. */
export function refusePart(
  lists: OperationLists,
  part: string,
  message: string,
  fix: string,
  report: ReportField,
): boolean {
  const used = operations.filter((operation) => lists[operation].length > 0);
  for (const operation of used) report([operation, part], message, fix);
  return used.length === 0;
}

/** Up to the first colon stands the name; further colons before the value are skipped, as in Kong. */
function splitPair(text: string): { readonly name: string; readonly value: string } {
  const [, name = "", value = ""] = /^([^:]*):*(.*)$/s.exec(text) ?? [];
  return { name, value };
}
