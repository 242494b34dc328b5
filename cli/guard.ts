import { accessSync, constants, renameSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BackendName, command, type NoBackend } from "../init-egress-guard/backend.ts";
import {
  type GuardHost,
  type GuardReport,
  guardHost,
  guardSettings,
  install,
  remove,
  verify,
} from "../init-egress-guard/guard.ts";
import { plan } from "../init-egress-guard/plan.ts";
import { proveAsForeigner } from "../init-egress-guard/prove-as.ts";
import { renderPrint } from "../init-egress-guard/render.ts";
import type { Family } from "../init-egress-guard/settings.ts";
import type { Result } from "../router/core/base/result.ts";
import { doubtIn, type GuardProof } from "../router/core/guard/proof.ts";
import { type CliIo, EXIT } from "./cli-io.ts";

const PROC = "/proc";

const USAGE = `usage: sluice guard print   [--family ipv4|ipv6] [--backend nft|legacy] [--no-redirect] [--json]
       sluice guard install [--backend nft|legacy] [--no-redirect] [--proof FILE] [--json]
       sluice guard verify  [--backend nft|legacy] [--no-redirect] [--json]
       sluice guard prove   [--no-redirect] [--proof FILE] [--json]
       sluice guard remove  [--backend nft|legacy] [--json]
`;

/** Which options each verb takes, `--json` apart. */
const OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ["print", ["family", "backend", "no-redirect"]],
  ["install", ["backend", "no-redirect", "proof"]],
  ["verify", ["backend", "no-redirect"]],
  ["prove", ["no-redirect", "proof"]],
  ["remove", ["backend"]],
]);

interface Arguments {
  readonly verb: string;
  readonly json: boolean;
  readonly redirect: boolean;
  readonly family: Family | undefined;
  readonly backend: BackendName | undefined;
  readonly proof: string | undefined;
}

/** The iptables rules that leave the router alone a way out: shown, installed, compared, tried, taken out. */
export async function guard(argv: readonly string[], io: CliIo): Promise<number> {
  const args = parse(argv);
  if (typeof args === "string") {
    io.stderr(`sluice guard: ${args}\n${USAGE}`);
    return EXIT.usage;
  }
  const settings = guardSettings(PROC, args.redirect);
  if (!settings.ok) {
    io.stderr(`sluice guard: ${settings.problem}\n`);
    return EXIT.no;
  }
  switch (args.verb) {
    case "print":
      return print(args, settings.value, io);
    case "install":
      return report("installed", await install(host(), settings.value, args.backend), args, io);
    case "verify":
      return report("verified", await verify(host(), settings.value, args.backend), args, io);
    case "remove":
      return report("removed", await remove(host(), args.backend), args, io);
    default:
      return prove(args, io);
  }
}

function parse(argv: readonly string[]): Arguments | string {
  const [verb = "", ...rest] = argv;
  const allowed = OPTIONS.get(verb);
  if (allowed === undefined) return verb === "" ? "which verb?" : `no such verb: ${verb}`;
  let values: Partial<Record<string, string | boolean>>;
  try {
    const types = {
      json: "boolean",
      "no-redirect": "boolean",
      family: "string",
      backend: "string",
      proof: "string",
    } as const;
    const options = Object.fromEntries(
      Object.entries(types)
        .filter(([name]) => name === "json" || allowed.includes(name))
        .map(([name, type]) => [name, { type }]),
    );
    values = parseArgs({ args: [...rest], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { family, backend, proof } = values;
  if (family !== undefined && family !== "ipv4" && family !== "ipv6") return `--family is ipv4 or ipv6, not ${family}`;
  if (backend !== undefined && backend !== "nft" && backend !== "legacy")
    return `--backend is nft or legacy, not ${backend}`;
  return {
    verb,
    json: values["json"] === true,
    redirect: values["no-redirect"] !== true,
    family,
    backend,
    proof: typeof proof === "string" ? proof : undefined,
  };
}

/** Legacy tables need a lock file; a container's root is often read-only. */
function host(): GuardHost {
  let directory = "/run";
  try {
    accessSync(directory, constants.W_OK);
  } catch {
    directory = "/tmp";
  }
  return guardHost(PROC, `${directory}/xtables.lock`);
}

function print(args: Arguments, settings: Parameters<typeof plan>[0], io: CliIo): number {
  const families: readonly Family[] = args.family === undefined ? ["ipv6", "ipv4"] : [args.family];
  const ruleSets = families.map((family) => plan(settings, family));
  const backend = { name: args.backend ?? "nft", suffix: `-${args.backend ?? "nft"}` } as const;
  io.stdout(
    args.json
      ? `${JSON.stringify(ruleSets)}\n`
      : ruleSets.map((ruleSet) => renderPrint(ruleSet, command(backend, ruleSet.family, "restore"))).join("\n"),
  );
  return EXIT.yes;
}

async function report(
  done: "installed" | "verified" | "removed",
  result: Result<GuardReport, NoBackend>,
  args: Arguments,
  io: CliIo,
): Promise<number> {
  if (!result.ok) {
    io.stderr(`sluice guard: ${result.problem.message}\n`);
    return result.problem.code === "tools_missing" ? EXIT.unavailable : EXIT.no;
  }
  const { backend, families, problems, differences } = result.value;
  const stands = problems.length === 0 && differences.length === 0;
  for (const { family, message } of problems) io.stderr(`sluice guard: ${family}: ${message}\n`);
  for (const { family, code, place, message } of differences) {
    io.stderr(`sluice guard: ${family} ${place}: ${code}: ${message}\n`);
  }
  const tries = done === "installed" && stands ? await tried(args, io) : undefined;
  if (args.json) io.stdout(`${JSON.stringify({ [done]: stands, ...result.value, proof: tries?.proof })}\n`);
  else if (stands) io.stdout(`guard ${done}: ${families.join(", ")} (${backend})\n${sentence(tries)}`);
  return stands && (done !== "installed" || tries?.closed === true) ? EXIT.yes : EXIT.no;
}

async function prove(args: Arguments, io: CliIo): Promise<number> {
  const tries = await tried(args, io);
  io.stdout(args.json ? `${JSON.stringify(tries.proof ?? null)}\n` : sentence(tries));
  return tries.closed ? EXIT.yes : EXIT.no;
}

interface Tries {
  readonly proof: GuardProof | undefined;
  /** Shown, and written where that was asked for. */
  readonly closed: boolean;
}

/** Tries to leave. What the proof file held before is no proof any more; it is written only for a pod that is closed. */
async function tried(args: Arguments, io: CliIo): Promise<Tries> {
  const file = args.proof === undefined ? undefined : resolve(io.cwd, args.proof);
  if (file !== undefined) rmSync(file, { force: true });
  const proof = await proveAsForeigner(args.redirect, io.now());
  const doubt = proof === undefined ? "This is the router's own UID, which may leave." : doubtIn(proof);
  if (doubt !== undefined) io.stderr(`sluice guard: not proved: ${doubt}\n`);
  if (file === undefined || doubt !== undefined) return { proof, closed: doubt === undefined };
  try {
    writeFileSync(`${file}.new`, JSON.stringify(proof), { mode: 0o644 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    io.stderr(
      `sluice guard: the proof could not be written: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return { proof, closed: false };
  }
  return { proof, closed: true };
}

function sentence(tries: Tries | undefined): string {
  if (tries?.proof === undefined || !tries.closed) return "";
  const { checks, uid, families } = tries.proof;
  return `guard proved: ${checks.length} attempts of UID ${uid} over ${families.join(", ")}, none left\n`;
}
