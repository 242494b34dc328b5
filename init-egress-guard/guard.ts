import { existsSync, readFileSync } from "node:fs";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { apply, type ApplyProblem, readRules, remove as removeRules } from "./apply.ts";
import { type Backend, type BackendName, findBackend, type NoBackend } from "./backend.ts";
import type { Difference } from "./compare.ts";
import { type Ipv6Stack, ipv6Stack } from "./ipv6-stack.ts";
import { plan } from "./plan.ts";
import { readBack } from "./read-back.ts";
import { type Family, type GuardSettings, ROUTER_UID } from "./settings.ts";
import { type RunTool, toolRunner } from "./tool.ts";
import { lastMappedUid } from "./uid-map.ts";

/** Where the guard works: its tools, and what the namespace speaks. */
export interface GuardHost {
  readonly run: RunTool;
  readonly ipv6: Ipv6Stack;
}

export interface GuardReport {
  readonly backend: BackendName;
  readonly families: readonly Family[];
  readonly problems: readonly ApplyProblem[];
  readonly differences: readonly Difference[];
}

/** The programs' environment is fixed: they load code from where it says. `lockFile` is for the legacy backend alone. */
export function guardHost(proc: string, lockFile: string): GuardHost {
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { run: toolRunner({ PATH, LC_ALL: "C", XTABLES_LOCKFILE: lockFile }), ipv6: ipv6Stack(proc) };
}

/** Fails where the UID map does not let the rules be written. */
export function guardSettings(proc: string, redirect: boolean): Result<GuardSettings, string> {
  const map = `${proc}/self/uid_map`;
  if (!existsSync(map)) return fail(`there is no ${map}: this is not Linux`);
  const last = lastMappedUid(readFileSync(map, "utf8"), ROUTER_UID);
  return last.ok ? ok({ routerUid: ROUTER_UID, lastUid: last.value, redirect }) : last;
}

/** Applies both families and reads them back; the guard stands only where `problems` and `differences` are empty. */
export async function install(
  host: GuardHost,
  settings: GuardSettings,
  wanted: BackendName | undefined,
): Promise<Result<GuardReport, NoBackend>> {
  const found = await findBackend(host.run, wanted, "install");
  if (!found.ok) return found;
  const families = await familiesOf(host, found.value);
  const ruleSets = families.map((family) => plan(settings, family));
  const problems = await apply(host.run, found.value, ruleSets);
  const differences = await readBack(host.run, found.value, ruleSets);
  return ok({ backend: found.value.name, families, problems, differences });
}

export async function verify(
  host: GuardHost,
  settings: GuardSettings,
  wanted: BackendName | undefined,
): Promise<Result<GuardReport, NoBackend>> {
  const found = await findBackend(host.run, wanted, "read");
  if (!found.ok) return found;
  const families = await familiesOf(host, found.value);
  const differences = await readBack(
    host.run,
    found.value,
    families.map((family) => plan(settings, family)),
  );
  return ok({ backend: found.value.name, families, problems: [], differences });
}

/** Takes out what is ours, and nothing else. */
export async function remove(
  host: GuardHost,
  wanted: BackendName | undefined,
): Promise<Result<GuardReport, NoBackend>> {
  const found = await findBackend(host.run, wanted, "read");
  if (!found.ok) return fail(found.problem);
  const families = await familiesOf(host, found.value);
  const problems = await removeRules(host.run, found.value, families);
  return ok({ backend: found.value.name, families, problems, differences: [] });
}

/**
 * IPv6 first. Where every interface has it switched off, its rules are installed if they can be, for whoever
 * switches it on again; where it is on, they must be.
 */
async function familiesOf(host: GuardHost, backend: Backend): Promise<readonly Family[]> {
  if (host.ipv6 === "absent") return ["ipv4"];
  if (host.ipv6 === "disabled" && typeof (await readRules(host.run, backend, "ipv6")) === "string") return ["ipv4"];
  return ["ipv6", "ipv4"];
}
