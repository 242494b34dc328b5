import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { networkInterfaces } from "node:os";
import type { GuardCheck, GuardProof } from "../router/core/guard/proof.ts";
import { attempt } from "./attempt.ts";
import { attemptsFor } from "./attempts.ts";

/**
 * Tries every way out as the UID of this process, one after the other, and says what each came to.
 * `proc` is `/proc`; `now` in milliseconds since the epoch.
 */
export async function prove(proc: string, redirect: boolean, uid: number, now: number): Promise<GuardProof> {
  await addressesSettle(proc);
  const checks: GuardCheck[] = [];
  for (const what of attemptsFor(networkInterfaces(), redirect)) checks.push(await attempt(what, `${proc}/net/dev`));
  return {
    netns: readlinkSync(`${proc}/self/ns/net`),
    bootId: readFileSync(`${proc}/sys/kernel/random/boot_id`, "utf8").trim(),
    time: now,
    uid,
    families: [...new Set(checks.map((check) => check.family))],
    checks,
  };
}

/** Duplicate address detection takes a second or two (RFC 4862 section 5.4). */
const SETTLE_MILLIS = 4_000;
const LOOK_MILLIS = 50;
/** `IFA_F_TENTATIVE`, in the fifth column of if_inet6. */
const TENTATIVE = 0x40;

/** A young pod's link-local address cannot be sent from yet, and every IPv6 attempt would lack a route for that reason alone. */
async function addressesSettle(proc: string): Promise<void> {
  const file = `${proc}/net/if_inet6`;
  const tentative = (): boolean =>
    existsSync(file) &&
    readFileSync(file, "utf8")
      .split("\n")
      .some((line) => (Number.parseInt(line.split(/\s+/)[4] ?? "0", 16) & TENTATIVE) !== 0);
  for (let waited = 0; waited < SETTLE_MILLIS && tentative(); waited += LOOK_MILLIS) await delay(LOOK_MILLIS);
}
