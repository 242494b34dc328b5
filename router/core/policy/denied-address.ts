import type { IpAddress } from "../wire/ip-address.ts";
import { denies, type JudgedRequest } from "./match-rule.ts";
import type { CompiledPolicy } from "./snapshot.ts";

/**
 * A deny rule's address is denied to names that lead there, too: what a permit's answers are asked once they are
 * known. `opaque`: rules about methods and paths deny as well, because nobody will see those.
 */
export function deniedAddress(
  snapshot: CompiledPolicy,
  asked: JudgedRequest,
  opaque: boolean,
): (address: IpAddress) => string | undefined {
  if (!snapshot.deniesAddresses) return noDenial;
  return (address) => {
    const host = { kind: "address", text: address } as const;
    return snapshot.denyFor(host).find((rule) => denies(rule, { ...asked, host }, opaque))?.id;
  };
}

const noDenial = (): undefined => undefined;
