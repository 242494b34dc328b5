import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { epochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { longestText, parseLearned } from "../router/core/learning/learned-text.ts";
import { shapeText } from "../router/core/learning/path-shape.ts";
import type { SeenEntry, Tally } from "../router/core/learning/seen.ts";
import { suggest, type Suggestion } from "../router/core/learning/suggestion.ts";
import { parseEgressPolicy } from "../router/core/policy/parse-egress-policy.ts";
import { formatHost } from "../router/core/wire/host.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { readLines } from "../router/edge/audit/read-segments.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";
import { auditSources, messageOf } from "./audit-sources.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type KeptPolicy, readKeptPolicy } from "./policy-suggest-given.ts";
import { SeenLog } from "./policy-suggest-log.ts";
import { suggestedText } from "./policy-suggest-text.ts";
import { readRecord } from "./shown-record.ts";

const USAGE = "sluice policy suggest (--audit DIR... | --learned FILE) [--policy DIR] [--name NAME] [--json]";
const LIFE_MILLIS = 90 * 86_400_000;
/** Of a sidecar's `learning.entries`. */
const MOST_ENTRIES = 65_536;

/** What was seen, wherever it was read. */
interface Seen {
  readonly entries: readonly SeenEntry[];
  readonly overflow: Tally | undefined;
  readonly about: { readonly policy: string; readonly version: number } | undefined;
  readonly namespaces: readonly string[];
  readonly agents: readonly string[];
  readonly notes: readonly string[];
}

interface Options {
  readonly audit: readonly string[];
  readonly learned: string | undefined;
  readonly policy: string | undefined;
  readonly name: string | undefined;
  readonly json: boolean;
}

/**
 * `sluice policy suggest (--audit DIR... | --learned FILE) [--policy DIR] [--name NAME] [--json]`: an allowlist of what was
 * seen in learn mode, with a note for a reviewer at each entry. With --policy its rules stay, and what they lack is added.
 * 0: written to standard output; 1: nothing was seen; 2: wrong usage, or something cannot be read.
 */
export async function policySuggest(argv: readonly string[], io: CliIo): Promise<number> {
  const say = (sentence: string): void => io.stderr(`sluice policy suggest: ${safeText(sentence, 1_000)}\n`);
  const options = parseOptions(argv);
  if (!options.ok) {
    say(options.problem);
    io.stderr(`usage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { audit, learned, policy, name, json } = options.value;
  const kept = policy === undefined ? undefined : await readKeptPolicy(io.cwd, policy);
  if (kept?.ok === false) return unreadable(io, kept.problem);
  const seen = learned === undefined ? await seenInLogs(io.cwd, audit) : await seenInFile(io.cwd, learned);
  if (!seen.ok) {
    for (const sentence of seen.problem) say(sentence);
    return EXIT.usage;
  }
  if (seen.value.entries.every(({ count }) => count === 0)) {
    for (const note of seen.value.notes) say(note);
    say(
      seen.value.overflow === undefined
        ? "no traffic was allowed in what was read, so there is nothing to suggest: is the policy's mode learn?"
        : "of what was allowed, nothing but the number of exchanges is known",
    );
    return EXIT.no;
  }
  const suggestion = suggest(seen.value.entries, kept?.value.given);
  const text = documentOf(io, seen.value, suggestion, kept?.value, name);
  const checked = parseEgressPolicy("the suggestion", text);
  if (!checked.ok) return unreadable(io, checked.problem);
  for (const note of seen.value.notes) say(note);
  io.stdout(json ? `${JSON.stringify(formOf(seen.value, suggestion, text))}\n` : text);
  return EXIT.yes;
}

function parseOptions(argv: readonly string[]): Result<Options, string> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        audit: { type: "string", multiple: true },
        learned: { type: "string" },
        policy: { type: "string" },
        name: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const { audit = [], learned, policy, name, json } = values;
    if (audit.length > 0 === (learned !== undefined)) return fail("one of --audit and --learned is needed");
    return ok({ audit, learned, policy, name, json });
  } catch (error) {
    return fail(messageOf(error));
  }
}

function unreadable(io: CliIo, problems: readonly DocumentProblem[]): number {
  for (const problem of problems) io.stderr(`${safeText(formatProblem(problem), 8_192)}\n`);
  return EXIT.usage;
}

async function seenInLogs(cwd: string, paths: readonly string[]): Promise<Result<Seen, readonly string[]>> {
  const { files, problems } = await auditSources(cwd, paths);
  const log = new SeenLog();
  let damaged = 0;
  for (const file of files) {
    try {
      await readLines(file, ({ text, ended }) => {
        const record = ended ? readRecord(text) : fail("half a line");
        if (record.ok) log.read(record.value);
        else damaged += 1;
        return true;
      });
    } catch (error) {
      return fail([...problems, messageOf(error)]);
    }
  }
  if (problems.length > 0) return fail(problems);
  log.finish();
  const notes = [
    damaged > 0 ? `! ${damaged} lines are no records: "sluice audit verify" says more.` : undefined,
    log.unreadable > 0
      ? `! ${log.unreadable} decisions do not say what they were about: redacted, or damaged.`
      : undefined,
    log.pathless > 0
      ? `! ${log.pathless} requests in clear are on record without their paths: all paths are suggested.`
      : undefined,
    log.policies.size > 1
      ? `! It was seen under ${log.policies.size} policies: ${[...log.policies.keys()].join(", ")}.`
      : undefined,
  ].filter((note) => note !== undefined);
  const { book, about, namespaces, agents } = log;
  return ok({
    entries: book.entries(),
    overflow: book.overflow,
    about,
    namespaces: [...namespaces].toSorted(),
    agents: [...agents].toSorted(),
    notes,
  });
}

async function seenInFile(cwd: string, file: string): Promise<Result<Seen, readonly string[]>> {
  const read = await readCapped(resolve(cwd, file), longestText(MOST_ENTRIES));
  if (!read.ok) return fail([`${file}: ${read.problem.message}`]);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read.value);
  } catch {
    return fail([`${file}: The file is not UTF-8 text.`]);
  }
  const learned = parseLearned(text, (whole) => createHash("sha256").update(whole).digest("hex"));
  if (!learned.ok) return fail([`${file}: ${learned.problem}`]);
  const { about, entries, overflow } = learned.value;
  return ok({ entries, overflow, about, namespaces: [about.namespace], agents: [about.agent], notes: [] });
}

function documentOf(
  io: CliIo,
  seen: Seen,
  suggestion: Suggestion,
  kept: KeptPolicy | undefined,
  name: string | undefined,
): string {
  const keptAbout = kept === undefined ? undefined : { ...kept.policy.identity, policy: kept.policy.identity.name };
  const { policy, version } = keptAbout ?? seen.about ?? { policy: "suggested", version: 0 };
  const seenVersion = seen.about?.policy === policy ? seen.about.version : 0;
  const ruled = seen.entries.some(({ rule }) => rule !== undefined);
  const refused = seen.entries.some((entry) => entry.refused?.reason === "denied_by_rule");
  const notes = [
    ...seen.notes,
    kept === undefined && ruled
      ? "! Rules allowed some of it already: their limits, fields and secrets are not known here. --policy keeps them."
      : undefined,
    kept === undefined && refused
      ? "! Deny rules refused some of it, and are not known here. --policy keeps them."
      : undefined,
  ].filter((note) => note !== undefined);
  const now = io.now();
  return suggestedText({
    name: name ?? policy,
    version: Math.max(version, seenVersion) + 1,
    issuedAt: now,
    expiresAt: epochMillis(now + LIFE_MILLIS),
    audience: kept?.audience ?? JSON.stringify({ namespaces: seen.namespaces, agents: seen.agents }),
    suggestion,
    kept,
    overflow: seen.overflow,
    notes,
  });
}

function formOf({ overflow }: Seen, { rules, leftOut, ruled }: Suggestion, document: string): unknown {
  return {
    document,
    rules: rules.map(({ entries, ...rule }) => ({ ...rule, entries: entries.map(entryForm) })),
    ruled: Object.fromEntries([...ruled].map(([id, entries]) => [id, entries.map(entryForm)])),
    leftOut: leftOut.map(({ entry, why }) => ({ ...entryForm(entry), why })),
    unkept: overflow?.count ?? 0,
  };
}

function entryForm({ host, shape, ...entry }: SeenEntry): Readonly<Record<string, unknown>> {
  return { host: formatHost(host), ...entry, path: shape === undefined ? undefined : shapeText(shape) };
}
