import { prove } from "./prove.ts";

/**
 * The prover as another UID: begun by root, so that it can load its own files wherever they are, it gives up every
 * identity before it opens a socket. Arguments: UID, `redirect` or `no-redirect`, the time. Prints the proof.
 */
const [uid = "", redirect = "", now = ""] = process.argv.slice(2);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));
const proof = await prove("/proc", redirect === "redirect", Number(uid), Number(now));
process.stdout.write(JSON.stringify(proof));
