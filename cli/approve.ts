import type { EpochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { GROUP, mayAct, RESOURCE, whoAmI } from "./approve-access.ts";
import { type HeldApproval, readHeldApproval } from "./approve-object.ts";
import { type ApprovalVerb, approveUsage, type ApproveOptions, parseApproveOptions } from "./approve-options.ts";
import { apiProblem, type ApproveProblem, type Sought } from "./approve-problem.ts";
import { standingOf } from "./approve-state.ts";
import { processTerminal, type Terminal } from "./approve-terminal.ts";
import { approvalText, nameText } from "./approve-text.ts";
import { approvalWrite } from "./approve-write.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type KubeAccess, openKubeAccess } from "./kube-access.ts";
import { callKube, type KubeFailure } from "./kube-call.ts";
import { shownJson, shownText } from "./shown-text.ts";

/** Of a write that others came before. */
const MOST_TRIES = 8;
const LONGEST_MESSAGE = 2_000;

/**
 * `sluice approve NAME`: says yes to what somebody else asked for. 0: it stands approved; 1: no; 2: wrong usage, no such
 * approval, or none that a router would follow; 69: no answer of an API server that has EgressApprovals.
 */
export async function approve(argv: readonly string[], io: CliIo, terminal = processTerminal()): Promise<number> {
  return act("approve", argv, io, terminal);
}

/** `sluice deny NAME`: says no to it; exit codes as above. */
export async function deny(argv: readonly string[], io: CliIo, terminal = processTerminal()): Promise<number> {
  return act("deny", argv, io, terminal);
}

/** `sluice revoke NAME`: ends it, answered or not; also for who asked. */
export async function revoke(argv: readonly string[], io: CliIo, terminal = processTerminal()): Promise<number> {
  return act("revoke", argv, io, terminal);
}

interface Acting {
  readonly options: ApproveOptions;
  readonly access: KubeAccess;
  readonly io: CliIo;
  readonly terminal: Terminal;
  readonly sought: Sought;
  /** Of the object. */
  readonly path: string;
}

async function act(verb: ApprovalVerb, argv: readonly string[], io: CliIo, terminal: Terminal): Promise<number> {
  const say = (what: string): void => io.stderr(`sluice ${verb}: ${shownText(what, LONGEST_MESSAGE)}\n`);
  const parsed = parseApproveOptions(verb, argv);
  if (!parsed.ok) {
    say(parsed.problem);
    io.stderr(`usage: ${approveUsage(verb)}\n`);
    return EXIT.usage;
  }
  const options = parsed.value;
  if (!options.yes && !terminal.interactive) {
    say("there is no terminal to ask on: --yes says that you have looked at it");
    return EXIT.usage;
  }
  const access = await openKubeAccess(options);
  if (!access.ok) {
    say(access.problem);
    return EXIT.usage;
  }
  const namespace = options.namespace ?? access.value.namespace ?? "default";
  const sought = { verb, namespace, name: options.name };
  const path = `/apis/${GROUP}/v1alpha1/namespaces/${encodeURIComponent(namespace)}/${RESOURCE}/${options.name}`;
  try {
    const done = await run({ options, access: access.value, io, terminal, sought, path });
    if (!done.ok) {
      say(done.problem.message);
      return done.problem.exit;
    }
    io.stdout(done.value);
    return EXIT.yes;
  } finally {
    await access.value.sender.destroy();
  }
}

/** What is printed in the end. */
async function run(nameless: Acting): Promise<Result<string, ApproveProblem>> {
  const named = await whoAmI(nameless.access, nameless.sought);
  if (!named.ok) return named;
  const user = named.value;
  const acting = { ...nameless, sought: { ...nameless.sought, user } };
  const { access, options, sought, path } = acting;
  const { verb } = sought;
  let shown: string | undefined;
  for (let tries = 1; ; tries += 1) {
    const looked = await look(acting);
    if (!looked.ok) return looked;
    const { held, now } = looked.value;
    // A name may be taken by another object while somebody reads.
    if (shown !== undefined && shown !== held.asked) {
      return fail({ exit: EXIT.no, message: "It is another one by now: look at it again." });
    }
    const standing = standingOf(verb, held, user, now);
    if (standing.kind === "refused") return fail(standing.problem);
    if (standing.kind === "done") return ok(report(acting, held, user, { before: standing.message }));
    if (shown === undefined) {
      const allowed = await mayAct(access, sought, held);
      if (!allowed.ok) return allowed;
      const confirmed = await confirm(acting, held, user, now);
      if (!confirmed.ok) return confirmed;
      shown = held.asked;
      // Reading took its time: the approval's own begins now.
      if (!options.yes) continue;
    }
    const { subresource, body } = approvalWrite(verb, held, { user, now, reason: options.reason });
    const written = await callKube(access, { method: "PATCH", path: `${path}${subresource}`, body });
    if (written.ok) return ok(report(acting, held, user, { written: now }));
    if (!isOvertaken(written.problem) || tries >= MOST_TRIES) return fail(apiProblem(written.problem, sought));
  }
}

/** By another version, or by another object of that name. */
function isOvertaken({ status, message }: KubeFailure): boolean {
  return status === 409 || (status === 422 && message.includes("metadata.uid"));
}

function tooLong({ approval: { name } }: HeldApproval, namespace: string): string {
  return `It is too long to be shown here, and what was not shown is not approved: read all of it with "kubectl get egr ${name} -n ${namespace} -o yaml", and approve it with kubectl (--subresource=status) or by a file.`;
}

interface Looked {
  readonly held: HeldApproval;
  /** By the API server's clock, against which it judges what is written. */
  readonly now: EpochMillis;
}

async function look({ access, path, sought, io }: Acting): Promise<Result<Looked, ApproveProblem>> {
  const answer = await callKube(access, { method: "GET", path });
  if (!answer.ok) return fail(apiProblem(answer.problem, sought));
  const held = readHeldApproval(answer.value.object);
  if (!held.ok) return fail({ exit: EXIT.usage, message: held.problem });
  return ok({ held: held.value, now: answer.value.at ?? io.now() });
}

async function confirm(
  { sought: { verb, namespace }, io, options, terminal }: Acting,
  held: HeldApproval,
  user: string,
  now: EpochMillis,
): Promise<Result<undefined, ApproveProblem>> {
  // Also where nobody is asked: a script's log says what it was about.
  const { text, isWhole } = approvalText(held, namespace, now);
  io.stderr(text);
  if (verb === "approve" && !isWhole) return fail({ exit: EXIT.no, message: tooLong(held, namespace) });
  if (options.yes) return ok(undefined);
  const answer = await terminal.ask(`${verb} it as ${nameText(user)}? [y/N] `);
  const isYes = answer !== undefined && /^\s*y(?:es)?\s*$/i.test(answer);
  return isYes ? ok(undefined) : fail({ exit: EXIT.no, message: "nothing was changed" });
}

function report(
  { sought: { verb, namespace, name }, options }: Acting,
  { approval }: HeldApproval,
  user: string,
  { written, before }: { readonly written?: EpochMillis; readonly before?: string },
): string {
  const { duration, uses } = approval;
  const isEnding = verb === "approve" && written !== undefined && duration !== undefined;
  const expiresAt = isEnding ? new Date(written + duration).toISOString() : null;
  if (options.json) {
    const at = written === undefined ? null : new Date(written).toISOString();
    const said = { verb, namespace, name, changed: written !== undefined, by: user, at, uses: uses ?? null, expiresAt };
    return `${shownJson(JSON.stringify(said))}\n`;
  }
  if (before !== undefined) return `${shownText(before, LONGEST_MESSAGE)}\n`;
  const past = { approve: "approved", deny: "denied", revoke: "revoked" }[verb];
  const until = expiresAt === null ? "" : `; it ends at ${expiresAt} at the latest`;
  return `${past} ${namespace}/${name} as ${nameText(user)}${until}\n`;
}
