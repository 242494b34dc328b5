import { randomBytes } from "node:crypto";
import type { Family } from "../../init-egress-guard/settings.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { complaint, runTool } from "./system-tools.ts";

/** Addresses for documentation (RFC 5737, RFC 3849): nobody's, and special-use, so that a rule must name them. */
export const POD: Readonly<Record<Family, string>> = { ipv4: "198.51.100.2", ipv6: "2001:db8:5::2" };
export const OUTSIDE: Readonly<Record<Family, string>> = { ipv4: "198.51.100.1", ipv6: "2001:db8:5::1" };

/**
 * A pod in small: two network namespaces with names that nobody else has, joined by one link. Agent and sidecar live in
 * the one, everything they could reach in the other; the machine's own network is in neither.
 */
export interface Pod extends AsyncDisposable {
  /** IPv4 alone where this machine has no IPv6. */
  readonly families: readonly Family[];
  /** What comes before a program and its arguments to run it in there: as root, or as this UID without privileges. */
  inside(uid?: number): readonly string[];
  outside(): readonly string[];
}

/** The problem is why this machine cannot have a pod, as it says itself. */
export async function openPod(): Promise<Result<Pod, string>> {
  if (process.getuid?.() !== 0) return fail("it needs root");
  const tag = randomBytes(4).toString("hex");
  const [inside, outside] = [`sluice-${tag}-pod`, `sluice-${tag}-out`] as const;
  const enter = (name: string): readonly string[] => ["ip", "netns", "exec", name];
  await using opening = new AsyncDisposableStack();
  for (const name of [inside, outside]) {
    const problem = await command("ip", "netns", "add", name);
    if (problem !== undefined) return fail(problem);
    opening.defer(async () => void (await command("ip", "netns", "del", name)));
  }
  const problem =
    (await ip(`link add eth0 netns ${inside} type veth peer name eth0 netns ${outside}`)) ??
    (await ip(`-n ${inside} link set lo up`)) ??
    (await ip(`-n ${inside} link set eth0 up`)) ??
    (await ip(`-n ${outside} link set eth0 up`)) ??
    (await ip(`-n ${inside} addr add ${POD.ipv4}/24 dev eth0`)) ??
    (await ip(`-n ${outside} addr add ${OUTSIDE.ipv4}/24 dev eth0`)) ??
    (await ip(`-n ${inside} route add default via ${OUTSIDE.ipv4}`)) ??
    (await command(...enter(inside), ...unprivileged(0), "true"));
  if (problem !== undefined) return fail(problem);
  // Duplicate address detection would take a second.
  const noIpv6 =
    (await ip(`-n ${inside} addr add ${POD.ipv6}/64 dev eth0 nodad`)) ??
    (await ip(`-n ${outside} addr add ${OUTSIDE.ipv6}/64 dev eth0 nodad`)) ??
    (await ip(`-n ${inside} -6 route add default via ${OUTSIDE.ipv6}`));
  const owned = opening.move();
  return ok({
    families: noIpv6 === undefined ? ["ipv4", "ipv6"] : ["ipv4"],
    inside: (uid) => [...enter(inside), ...(uid === undefined ? [] : unprivileged(uid))],
    outside: () => enter(outside),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/**
 * As a container that drops every capability runs it, but for reading files: this tree may lie where only root can
 * look, in /root. That one opens no way out.
 */
function unprivileged(uid: number): readonly string[] {
  const only = "-all,+dac_read_search";
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${uid}`,
    "--clear-groups",
    `--inh-caps=${only}`,
    `--ambient-caps=${only}`,
    `--bounding-set=${only}`,
    "--no-new-privs",
  ];
}

function ip(words: string): Promise<string | undefined> {
  return command("ip", ...words.split(" "));
}

/** Undefined where it went well; else one line of what went wrong. */
async function command(...[file = "", ...args]: readonly string[]): Promise<string | undefined> {
  const ran = await runTool(file, args, "");
  if (ran.status === "missing") return `there is no program ${file} here`;
  return ran.code === 0 ? undefined : `${[file, ...args].slice(0, 3).join(" ")}: ${complaint(ran.stderr)}`;
}
