import { spawn } from "node:child_process";
import { type GuardProof, parseProof } from "../router/core/guard/proof.ts";
import { prove } from "./prove.ts";
import { ROUTER_UID } from "./settings.ts";

/** Whom root tries as: nobody, an application's UID. */
const FOREIGN_UID = 65_534;
/** Every attempt has a second; a child that takes longer than all of them together does not end by itself. */
const DEADLINE_MS = 60_000;

/**
 * The proof of a UID that is not the router's: of a child that has become nobody, where this process is root and may
 * change; otherwise of this process. Undefined for the router itself, which may leave and can show nothing.
 */
export async function proveAsForeigner(redirect: boolean, now: number): Promise<GuardProof | undefined> {
  const uid = process.geteuid?.() ?? 0;
  if (uid === ROUTER_UID) return undefined;
  const child = uid === 0 ? await childProof(redirect, now) : undefined;
  return child ?? (await prove("/proc", redirect, uid, now));
}

/** Undefined where root lacks CAP_SETUID, as an init container with NET_ADMIN alone does. */
async function childProof(redirect: boolean, now: number): Promise<GuardProof | undefined> {
  // Beside this file, in source and compiled alike.
  const script = new URL(import.meta.url.replace(/prove-as\.(ts|js)$/, "prove-child.$1"));
  const args = [script.pathname, String(FOREIGN_UID), redirect ? "redirect" : "no-redirect", String(now)];
  const child = spawn(process.execPath, args, { env: {}, stdio: ["ignore", "pipe", "ignore"], timeout: DEADLINE_MS });
  const ended = Promise.withResolvers<void>();
  let text = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    text += chunk;
  });
  child.on("error", () => ended.resolve());
  child.on("close", () => ended.resolve());
  await ended.promise;
  return parseProof(text);
}
