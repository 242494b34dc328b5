import type { GuardProof } from "../router/core/guard/proof.ts";
import { prove } from "./prove.ts";
import { ROUTER_UID } from "./settings.ts";

/** Whom root tries as: nobody. */
const FOREIGN_UID = 65_534;

/**
 * The proof of a UID that is not the router's. Root becomes nobody for it, if it may, and root again afterwards: the
 * kernel goes by the effective UID of whoever opens a socket. That is the whole process's, so nothing else may be
 * under way in it. Undefined for the router itself, which may leave and can show nothing.
 */
export async function proveAsForeigner(redirect: boolean, now: number): Promise<GuardProof | undefined> {
  const own = process.geteuid?.() ?? 0;
  if (own === ROUTER_UID) return undefined;
  const uid = own === 0 && become(FOREIGN_UID) ? FOREIGN_UID : own;
  try {
    return await prove("/proc", redirect, uid, now);
  } finally {
    if (uid !== own) become(own);
  }
}

/** False where that is not allowed, as to the root of an init container with NET_ADMIN alone: it tries as root. */
function become(uid: number): boolean {
  try {
    process.seteuid?.(uid);
    return true;
  } catch {
    return false;
  }
}
