import { createHash } from "node:crypto";
import { AGENT_GROUPS } from "./agent-groups.ts";
import { jsonText } from "./json-text.ts";
import type { AllowedGroup, RuledGroup, SeccompProfile } from "./profile.ts";
import { ROUTER_GROUPS } from "./router-groups.ts";
import { BROWSER_CLONE, CLONE, ROUTER_IOCTL, ROUTER_SOCKETS, SOCKETS, THREADS } from "./ruled-groups.ts";

/** `agent` for every container that is not ours; `browser` for the ones whose pod asks for it; `router` for the sidecar. */
export type ProfileName = "agent" | "browser" | "router";

export const PROFILE_NAMES: readonly ProfileName[] = ["agent", "browser", "router"];

/** What a profile is made of. */
export interface ProfileParts {
  readonly allowed: readonly AllowedGroup[];
  readonly ruled: readonly RuledGroup[];
}

export const PARTS: Readonly<Record<ProfileName, ProfileParts>> = {
  agent: { allowed: AGENT_GROUPS, ruled: [CLONE, SOCKETS] },
  browser: { allowed: AGENT_GROUPS, ruled: [BROWSER_CLONE, SOCKETS] },
  router: { allowed: ROUTER_GROUPS, ruled: [THREADS, ROUTER_SOCKETS, ROUTER_IOCTL] },
};

const EPERM = 1;

/**
 * Both are 64-bit and little-endian, which one filter can hold; calls of an ABI that is not named (i386, x32, arm) kill the
 * thread. The rules on arguments count positions as these two do (s390x's clone has others): on another architecture the
 * container does not start, or has none of the conditional calls.
 */
const ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"];

export function profileOf(parts: ProfileParts): SeccompProfile {
  const names = parts.allowed.flatMap((group) => group.names).toSorted();
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES,
    syscalls: [{ names, action: "SCMP_ACT_ALLOW" }, ...parts.ruled.flatMap((group) => group.rules)],
  };
}

/** The file's bytes: JSON, two spaces, a line feed at the end. The same in every release that has the same rules. */
export function profileText(name: ProfileName): string {
  return jsonText(profileOf(PARTS[name]));
}

/** 12 hex digits of the SHA-256 of the file's bytes: another profile is another file, and running pods keep theirs. */
export function profileHash(name: ProfileName): string {
  return shortHash(profileText(name));
}

/** `sluice-agent-0123456789ab`. */
export function contentName(name: ProfileName): string {
  return `sluice-${name}-${profileHash(name)}`;
}

/** For `securityContext.seccompProfile.localhostProfile`: `sluice/sluice-agent-0123456789ab.json`, below the kubelet's root. */
export function localhostProfile(name: ProfileName): string {
  return `sluice/${contentName(name)}.json`;
}

/** Of all profiles together: the value of the node label that says they are there. */
export function setHash(): string {
  return shortHash(PROFILE_NAMES.map((name) => contentName(name)).join("\n"));
}

/** `agent` or `sluice-agent`; undefined for what is none of ours. */
export function profileName(text: string): ProfileName | undefined {
  return PROFILE_NAMES.find((name) => text === name || text === `sluice-${name}`);
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
