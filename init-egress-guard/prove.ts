import { readFileSync, readlinkSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { GuardCheck, GuardProof } from "../router/core/guard/proof.ts";
import { attempt } from "./attempt.ts";
import { attemptsFor } from "./attempts.ts";

/**
 * Tries every way out as the UID of this process, one after the other, and says what each came to.
 * `proc` is `/proc`; `now` in milliseconds since the epoch.
 */
export async function prove(proc: string, redirect: boolean, uid: number, now: number): Promise<GuardProof> {
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
