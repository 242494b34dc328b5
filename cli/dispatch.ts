import { epochMillis } from "../router/core/base/quantity.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { VERSION } from "./version.ts";

type Verb = (argv: readonly string[], io: CliIo) => Promise<number>;

interface VerbRow {
  readonly words: string;
  readonly usage: string;
  readonly does: string;
  /** What `--help` of the verb says besides: its options and exit codes, where they are its own. */
  readonly options?: readonly string[];
  /** Loaded only when asked for: `sluice guard` in an init container needs no policy code, `run` no quickstart. */
  readonly load: () => Promise<Verb>;
}

const FILTERS: readonly string[] = [
  "filters (all must hold; one given twice: either): --kind PREFIX, --decision allow|deny|none, --reason R, --rule R,",
  "  --request ID, --stream PREFIX, --host GLOB|TEXT, --since TIME|15m, --until TIME|5m, --seq A..B",
  "--json: the lines exactly as they stand; --color auto|always|never",
];

const APPROVE: readonly string[] = [
  "--reason TEXT, --context NAME, --kubeconfig FILE; within a pod, its service account",
  "exit codes: 0 done, or already so, 1 refused, 2 no such name or wrong usage, 69 no API server, or no EgressApprovals there",
];

const VERBS: readonly VerbRow[] = [
  {
    words: "run",
    usage: "run [--config FILE] [--<setting> VALUE ...]",
    does: "the sidecar",
    load: async () => (await import("./run.ts")).run,
  },
  {
    words: "quickstart",
    usage: "quickstart [--once]",
    does: "a tour with local origins and a model; what npm start runs",
    load: async () => (await import("./quickstart.ts")).quickstart,
  },
  {
    words: "guard",
    usage: "guard print|install|verify|remove|prove [options]",
    does: "the iptables rules that leave the router alone a way out",
    load: async () => (await import("./guard.ts")).guard,
  },
  {
    words: "controller",
    usage: "controller [--config FILE]",
    does: "admission webhooks and EgressApproval reconciler, in Kubernetes",
    options: [
      "--config FILE (/etc/sluice/controller.yaml); --server URL, --ca-file FILE, --token-file FILE: an API server other than",
      "  that of the pod's own cluster",
    ],
    load: async () => (await import("./controller.ts")).controller,
  },
  {
    words: "approve",
    usage: "approve NAME [-n NAMESPACE] [--yes] [--json] [options]",
    does: "lets an agent do what an EgressApproval asks for",
    options: APPROVE,
    load: async () => (await import("./approve.ts")).approve,
  },
  {
    words: "deny",
    usage: "deny NAME [-n NAMESPACE] [--yes] [--json] [options]",
    does: "answers an EgressApproval with no",
    options: APPROVE,
    load: async () => (await import("./approve.ts")).deny,
  },
  {
    words: "revoke",
    usage: "revoke NAME [-n NAMESPACE] [--yes] [--json] [options]",
    does: "takes an approval back; what it let through is cut",
    options: APPROVE,
    load: async () => (await import("./approve.ts")).revoke,
  },
  {
    words: "seccomp",
    usage: "seccomp install --root DIR [--once] | print NAME | names [--json]",
    does: "the seccomp profiles: put on a node, shown, named",
    options: ["install writes below DIR/sluice, again each --interval (60s), and labels the node that NODE_NAME names"],
    load: async () => {
      const [{ seccomp }, { nodeLabel }] = await Promise.all([import("./seccomp.ts"), import("./node-label.ts")]);
      return (argv, io) => seccomp(argv, io, nodeLabel());
    },
  },
  {
    words: "policy check",
    usage: "policy check PATH... [--trust DIR] [--json]",
    does: "every problem of every document, signatures included",
    load: async () => (await import("./policy-check.ts")).policyCheck,
  },
  {
    words: "policy explain",
    usage: "policy explain --policy DIR (CONNECT host:port | METHOD URL | MODEL name | ACTION ...) [--json]",
    does: "the decision, the rule, and why the others did not match",
    options: [
      "ACTION: exec PROGRAM [ARG...] (options of ours come before it), tool SERVER/NAME ['{...}'|pending], mesh.send PEER [TOPIC],",
      "  spawn AGENT [IMAGE], admin OPERATION [TARGET], inference MODEL, egress tls://host:port, egress GET http://..., or the JSON",
      "  of the evaluation API",
      "--label NAME=VALUE, --score PEER=N, --directory DIR (of exec), --resolve IP,...",
    ],
    load: async () => (await import("./policy-explain.ts")).policyExplain,
  },
  {
    words: "policy test",
    usage: "policy test PATH... [--json]",
    does: "the *.cases.yaml beside the policies",
    load: async () => (await import("./policy-test.ts")).policyTest,
  },
  {
    words: "policy canonical",
    usage: "policy canonical FILE",
    does: "the bytes to sign of a policy that is kept as a Kubernetes resource",
    load: async () => (await import("./policy-canonical.ts")).policyCanonical,
  },
  {
    words: "policy diff",
    usage: "policy diff OLD NEW [--audit DIR]... [--json]",
    does: "which recorded decisions, or cases beside the policies, change verdict",
    options: ["exit codes: 0 all stay, 1 one changes, or may, 2 unreadable, or nothing to compare"],
    load: async () => (await import("./policy-diff.ts")).policyDiff,
  },
  {
    words: "policy suggest",
    usage: "policy suggest (--audit DIR... | --learned FILE) [--policy DIR] [--name NAME] [--json]",
    does: "an allowlist from what learn mode saw, with a note for a reviewer at each entry",
    options: [
      "--audit DIR: audit logs; --learned FILE: learned.json of a sidecar's state directory",
      "--policy DIR: its rules stay as they are, and what they lack is added",
      "exit codes: 0 written to standard output, 1 nothing was seen, 2 unreadable",
    ],
    load: async () => (await import("./policy-suggest.ts")).policySuggest,
  },
  {
    words: "behavior replay",
    usage: "behavior replay --policy DIR|FILE --audit DIR... [--json]",
    does: "the alarms that a policy's detectors would have raised over a recorded log",
    options: ["exit codes: 0 none, 1 some, or a damaged log, 2 unreadable"],
    load: async () => (await import("./behavior.ts")).behaviorReplay,
  },
  {
    words: "audit verify",
    usage: "audit verify (PATH... | --proof FILE) [--key KEY]... [--anchor FILE]... [--json]",
    does: "names the first bad record; 0: verified to a checkpoint that was kept elsewhere",
    options: [
      "PATH: a directory, or the segments of one log in their order; a log of the reference system is read too",
      "--anchor FILE: a checkpoint that was kept elsewhere, or the sidecar's own log with all that it printed",
      "--key KEY: who must have signed: a verifier key (name+hash+base64), a file of them, or a public key (PEM, Ed25519)",
      "--proof FILE: what `audit prove` wrote, without the log",
      "exit codes: 0 verified to an anchor, 1 tampered, 2 unreadable, 3 shorter than an anchor or inconsistent with it,",
      "  4 intact, but unsigned, unanchored, or with gaps",
    ],
    load: async () => (await import("./audit-verify.ts")).auditVerify,
  },
  {
    words: "audit show",
    usage: "audit show PATH... [filters] [--limit N] [--json]",
    does: "records for people, one line each",
    options: FILTERS,
    load: async () => (await import("./audit-show.ts")).auditShow,
  },
  {
    words: "audit tail",
    usage: "audit tail PATH [-n N] [-f] [filters] [--json]",
    does: "the last records, and with -f those to come",
    options: FILTERS,
    load: async () => (await import("./audit-tail.ts")).auditTail,
  },
  {
    words: "audit prove",
    usage: "audit prove PATH... (--seq N [--stream S] | --from OLD.note) [--checkpoint FILE] [--out FILE]",
    does: "a proof that a record is in the log, or that the log only grew",
    load: async () => (await import("./audit-prove.ts")).auditProve,
  },
  {
    words: "audit witness",
    usage: "audit witness --listen ADDRESS:PORT --state DIR [options]",
    does: "keeps and cosigns the heads of logs (C2SP tlog-witness)",
    options: [
      "--listen ADDRESS:PORT (127.0.0.1:18099), --state DIR, --name NAME (sluice.dev/witness), --key FILE (PEM; made in",
      "  the state directory where it is left out)",
      "which logs: --log VKEY, any number; --log-key PEM --origin-prefix P: all below P, signed with one mounted key;",
      "  --enroll P: unknown ones below P bring their key, which is theirs from then on; --origins N (10000) at most",
    ],
    load: async () => (await import("./audit-witness.ts")).auditWitness,
  },
  {
    words: "status",
    usage: "status [--address HOST:PORT] [--json]",
    does: "policies, budgets left, tunnels, audit log and guard of a running sidecar",
    options: [
      "--address HOST:PORT: its admin listener (127.0.0.1:18090); what answers there is not authenticated",
      "exit codes: 0 ready, degraded or not, 1 something has failed, 2 no sidecar's answer, 69 no answer",
    ],
    load: async () => (await import("./status.ts")).status,
  },
  {
    words: "attest",
    usage: "attest [--from URL] [--out FILE] | attest --verify BUNDLE [--key KEY]... [--json]",
    does: "a signed statement of what runs, and its verification",
    options: [
      "--from URL: the router's admin listener (http://127.0.0.1:18090)",
      "--verify BUNDLE with --key KEY, --policy FILE, --checkpoint NOTE, --audit PATH, each any number of times",
      "exit codes: 0 verified with a pinned key, 1 wrong, 2 unreadable, 4 signed by the key that it names itself",
    ],
    load: async () => (await import("./attest.ts")).attest,
  },
];

function usageText(): string {
  const width = Math.max(...VERBS.map((verb) => verb.usage.length));
  const lines = VERBS.map((verb) => `  sluice ${verb.usage.padEnd(width)}  ${verb.does}`);
  return `usage:\n${lines.join("\n")}\n\nexit codes: 0 yes, 1 no, 2 usage or unreadable input, 64 bad configuration, 69 a needed service is missing\n`;
}

/** Runs the verb that the arguments name; resolves to the exit code. */
export async function dispatch(argv: readonly string[]): Promise<number> {
  const io: CliIo = {
    stdout: (text) => void process.stdout.write(text),
    pending: () => process.stdout.writableLength,
    stderr: (text) => void process.stderr.write(text),
    cwd: process.cwd(),
    now: () => epochMillis(Date.now()),
  };
  if (argv.length === 0 || argv[0] === "--help" || argv[0] === "help") {
    if (argv.length > 0) io.stdout(usageText());
    else io.stderr(usageText());
    return argv.length > 0 ? EXIT.yes : EXIT.usage;
  }
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "version")) {
    io.stdout(`sluice ${VERSION}\n`);
    return EXIT.yes;
  }
  for (const verb of VERBS) {
    const words = verb.words.split(" ");
    if (!words.every((word, index) => argv[index] === word)) continue;
    if (argv.includes("--help")) {
      io.stdout([`usage: sluice ${verb.usage}`, verb.does, ...(verb.options ?? []), ""].join("\n"));
      return EXIT.yes;
    }
    const run = await verb.load();
    return run(argv.slice(words.length), io);
  }
  io.stderr(`sluice: no verb "${argv.slice(0, 2).join(" ")}"\n${usageText()}`);
  return EXIT.usage;
}
