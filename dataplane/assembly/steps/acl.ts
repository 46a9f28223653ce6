// Kong's acl: lets consumers in, or keeps them out, by their groups.
import { firstGroup, groupCount } from "../credentials";
import { beginHeaders } from "../header-list";
import { credential, passGroups } from "../identity";
import { sendErrorText } from "../reply";
import { bytesOf, isText, nextText, sizeOfText, text, Text } from "../text";
import { DONE, NEXT } from "../verdict";

const DENY: u32 = 1;
const HIDE_GROUPS: u32 = 2;

const DETAILS = text("diolkos_acl");
const UNAUTHORIZED = text("Unauthorized");
const FORBIDDEN = text("You cannot consume this service");

/** Fields: flags, groups. */
export function acl(fields: usize): i32 {
  const flags = load<u32>(fields);
  beginHeaders();
  if (credential == 0) {
    sendErrorText(401, DETAILS, UNAUTHORIZED);
    return DONE;
  }
  if (isInGroups(fields + 4) == ((flags & DENY) != 0)) {
    sendErrorText(403, DETAILS, FORBIDDEN);
    return DONE;
  }
  if ((flags & HIDE_GROUPS) == 0) passGroups();
  return NEXT;
}

function isInGroups(list: usize): bool {
  let group = firstGroup(credential);
  for (let i = groupCount(credential); i > 0; i--) {
    let wanted: Text = list + 4;
    for (let j = load<u32>(list); j > 0; j--) {
      if (isText(bytesOf(group), sizeOfText(group), wanted)) return true;
      wanted = nextText(wanted);
    }
    group = nextText(group);
  }
  return false;
}
