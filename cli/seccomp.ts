import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { installProfiles } from "../controller/seccomp/install-profiles.ts";
import { keepInstalled, type LabelNode, setLabel } from "../controller/seccomp/keep-installed.ts";
import { duration } from "../router/core/document/duration-shape.ts";
import { nodeOf } from "../router/core/document/node-of.ts";
import { quoted } from "../router/core/document/quoted.ts";
import { Report } from "../router/core/document/report.ts";
import { localhostProfile, PROFILE_NAMES, profileName, profileText, setHash } from "../seccomp/profiles.ts";
import { type CliIo, EXIT } from "./cli-io.ts";

const DEFAULT_INTERVAL = "60s";
/** Milliseconds. */
const SHORTEST_INTERVAL = 1000;

const USAGE = `usage: sluice seccomp install --root DIR [--once] [--interval 60s]
       sluice seccomp print ${PROFILE_NAMES.join("|")}
       sluice seccomp names [--json]
`;

/** Which options each verb takes. */
const OPTIONS: Readonly<Record<"install" | "print" | "names", ParseArgsOptionsConfig>> = {
  install: { root: { type: "string" }, once: { type: "boolean" }, interval: { type: "string" } },
  print: {},
  names: { json: { type: "boolean" } },
};

/**
 * The seccomp profiles: put on a node (`--root`: its /var/lib/kubelet/seccomp), shown, named. `label` sets the node's label.
 * `install` writes one JSON line whenever something changes and runs until SIGTERM; with `--once` it ends with 0, or 69 where
 * the profiles could not be put in place or the node not be labelled.
 */
export async function seccomp(argv: readonly string[], io: CliIo, label?: LabelNode): Promise<number> {
  const usage = (problem: string): number => {
    io.stderr(`sluice seccomp: ${problem}\n${USAGE}`);
    return EXIT.usage;
  };
  const [verb = "", ...rest] = argv;
  if (verb !== "install" && verb !== "print" && verb !== "names") {
    return usage(verb === "" ? "which verb?" : `no such verb: ${quoted(verb)}`);
  }
  let given: ReturnType<typeof parseArgs>;
  try {
    given = parseArgs({ args: [...rest], options: OPTIONS[verb], strict: true, allowPositionals: verb === "print" });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = given;
  if (verb === "names") {
    io.stdout(values["json"] === true ? namesJson() : namesText());
    return EXIT.yes;
  }
  if (verb === "print") {
    const name = positionals.length === 1 ? profileName(positionals[0] ?? "") : undefined;
    if (name === undefined) return usage(`print takes one of ${PROFILE_NAMES.join(", ")}`);
    io.stdout(profileText(name));
    return EXIT.yes;
  }
  const { root, interval } = values;
  if (typeof root !== "string" || root === "") return usage("install needs --root DIR");
  const text = typeof interval === "string" ? interval : DEFAULT_INTERVAL;
  const every = duration().read(nodeOf(text), new Report("", ""));
  if (every === undefined || every < SHORTEST_INTERVAL)
    return usage("--interval is a duration such as 60s, 1s at least");
  const directory = resolve(io.cwd, root);
  return values["once"] === true ? once(directory, io, label) : keep(directory, every, io, label);
}

function namesText(): string {
  return PROFILE_NAMES.map((name) => `${name}\t${localhostProfile(name)}\n`).join("");
}

function namesJson(): string {
  const profiles = Object.fromEntries(PROFILE_NAMES.map((name) => [name, localhostProfile(name)]));
  return `${JSON.stringify({ hash: setHash(), profiles })}\n`;
}

async function once(root: string, io: CliIo, label: LabelNode | undefined): Promise<number> {
  const done = await installProfiles(root, io.now(), randomBytes(6).toString("hex"));
  const labelled = label === undefined ? undefined : await setLabel(label, done.ok ? done.value.hash : undefined);
  if (done.ok) io.stdout(`${JSON.stringify({ event: "in-place", ...done.value })}\n`);
  else io.stderr(`sluice seccomp: ${done.problem}\n`);
  if (labelled?.ok === false) io.stderr(`sluice seccomp: the node is not labelled: ${labelled.problem}\n`);
  return done.ok && labelled?.ok !== false ? EXIT.yes : EXIT.unavailable;
}

async function keep(root: string, interval: number, io: CliIo, label: LabelNode | undefined): Promise<number> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, stop);
  await keepInstalled({
    root,
    interval,
    signal: end.signal,
    tell: (round) => io.stdout(`${JSON.stringify(round)}\n`),
    ...(label === undefined ? {} : { label }),
  });
  for (const name of ["SIGTERM", "SIGINT"] as const) process.off(name, stop);
  return EXIT.yes;
}
