/** `sluice quickstart` as a user starts it, from source. Some 15 s. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { haveNetns, IP, SYSTEM_PATH } from "../netns/system.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { requirement } from "../require.ts";

const netns = requirement("netns", haveNetns(), "needs root, ip netns, iptables, setpriv and /usr/bin/python3");
/** Root without a capability builds no network namespace, and the tour must find out by itself. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];

/** One run, with a directory of its own for everything that it writes. */
class Run implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "sluice-test-quickstart-"));
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  text = "";

  constructor(args: readonly string[], before: readonly string[] = UNPRIVILEGED) {
    const entry = join(import.meta.dirname, "../../cli/sluice.ts");
    const [program = "", ...rest] = [...before, process.execPath, entry, "quickstart", ...args];
    this.child = spawn(program, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: SYSTEM_PATH,
        TMPDIR: this.directory,
        SLUICE_AUDIT_MODE: "ignored",
        HTTPS_PROXY: "http://127.0.0.1:9",
      },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.exit = new Promise((resolve) => this.child.once("close", resolve));
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline && this.child.exitCode === null; await sleep(10)) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
    }
    throw new Error(`it never said ${pattern}:\n${this.text}`);
  }

  /** Processes that the run has started, by a part of their command lines. */
  processes(part: string): readonly number[] {
    const { pid } = this.child;
    const children = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8") : "";
    const numbers = children.split(" ").filter((number) => number !== "");
    return numbers.map(Number).filter((number) => readFileSync(`/proc/${number}/cmdline`, "utf8").includes(part));
  }

  /** Nothing of it is left. */
  assertGone(processes: readonly number[]): void {
    assert.deepEqual(readdirSync(this.directory), []);
    for (const number of processes) assert.ok(!existsSync(`/proc/${number}`), `process ${number} is left`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.exit;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The rows of the table that end in this verdict. */
function rows(text: string, verdict: "ok" | "FAILED"): readonly string[] {
  return text.split("\n").filter((line) => new RegExp(`^ *[0-9]+  .*  ${verdict}$`).test(line));
}

const MODEL_ROWS = [
  ["GET /v1/models: what may be called", "200: small, preview"],
  ["the model itself, asked without a key", "401"],
  ["a chat call of the agent, who has no key", "200, with the sidecar's key"],
  ["the same as a stream, with its usage", "200, whole, with its usage"],
  ["the model's host, through a tunnel", "403 inference_only"],
  ["a model that the policy does not name", "403 model_not_allowed"],
  ["a prompt with a cloud's access key in it", "403 guardrail_blocked"],
  ["three calls of a model with two a minute", "200, 200, 429 rate_limited"],
  ["calls until the budget is used up", "429 budget_exhausted, retry: false"],
  ["GET /budget: what it counted", "200, as the model counted"],
  ["sluice status: how it all stands", "exit 0: READY"],
  ["version 2 of the models: a larger budget", "v2 loaded"],
  ["the call that the budget had refused", "200, with the sidecar's key"],
  ["the key: in an answer, a record, a log line", "nowhere"],
] as const;

const GOVERNANCE_ROWS = [
  ["a program that a rule allows", "allow, git"],
  ["the same, with what a deny rule names", "deny, no-push"],
  ["a program that no rule names", "deny, no rule"],
  ["a call with two tools, one of them refused", "200, the model is told of search"],
  ["the model calls the tool that is allowed", "200, the call came"],
  ["the model calls the other all the same", "403 governance_denied, no call came"],
  ["three helpers, where two an hour may be started", "allow, allow, rate_limit"],
  ["a host that a person has to allow", "403 approval_required"],
  ["asked for, just as the refusal says", "202 pending"],
  ["an operator applies what it asks for, approved", "approved"],
  ["the same host now", "200"],
  ["once more: it was approved for once", "403 approval_expired"],
  ["sluice status: what is approved", "exit 0: 0 of 1 use left"],
  ["the approval removed: the tunnel that is open", "cut: approval_expired"],
  ["all of that, in the audit log", "every verdict, the approval's life"],
] as const;

const AUDIT_ROWS = [
  ["the audit log, to signed heads kept elsewhere", "exit 0: verified to an anchor"],
  ["the same, to a head that a witness has cosigned", "exit 0: verified to an anchor"],
  ["a copy, the last records cut off: the chain alone", "exit 4: intact, not anchored"],
  ["the same, against the head kept elsewhere", "exit 3: not what was signed"],
  ["a copy, one bit of one record turned", "exit 1: tampered"],
  ["one record, proved without the rest of the log", "exit 0: ok"],
  ["the same proof, one bit of its record turned", "exit 1: wrong"],
  ["what runs, attested: these policies, this log", "exit 0: verified"],
  ["the same, against a policy that was edited", "exit 1: wrong"],
] as const;

/** The commands that the tour has shown, each with the exit code that it gave, run anew by a shell: what they give now. */
function repeated(text: string): { readonly before: readonly number[]; readonly now: readonly number[] } {
  const shown = text.matchAll(/-> exit ([0-9]+): .*((?:\n {9,}.*)+)/g);
  const groups = [...shown].map(([, exit, lines = ""]) => ({
    exit: Number(exit),
    commands: [...lines.matchAll(/\n +\$ sluice (.*)/g)].map(([, command = ""]) => command),
  }));
  const directory = /\n +\$ (D=\S+); alias /.exec(text)?.[1] ?? "";
  const entry = join(import.meta.dirname, "../../cli/sluice.ts");
  const script = [
    directory,
    `sluice() { '${process.execPath}' '${entry}' "$@"; }`,
    ...groups.map(({ commands }) => `(${commands.map((command) => `sluice ${command}`).join(" && ")}) >&2; echo $?`),
  ];
  const { stdout } = spawnSync("sh", ["-c", script.join("\n")], { encoding: "utf8" });
  return { before: groups.map(({ exit }) => exit), now: stdout.trim().split("\n").map(Number) };
}

test("without privileges: every verdict as expected, the guard left out and why, exit 0", async () => {
  await using run = new Run(["--once"]);
  assert.equal(await run.exit, 0, run.text);
  assert.equal(rows(run.text, "ok").length, 59, run.text);
  assert.deepEqual(rows(run.text, "FAILED"), []);
  assert.match(run.text, /\n {2}left out, for it needs root, network namespaces and iptables: \S/);
  assert.match(run.text, /\nAll 59 steps gave the expected verdict\.\n/);
  assert.match(run.text, / 7 {2}another name \(SNI\) in an allowed tunnel +cut: sni_mismatch +cut: sni_mismatch +ok\n/);
  for (const [tried, expected] of [...MODEL_ROWS, ...GOVERNANCE_ROWS, ...AUDIT_ROWS]) {
    assert.ok(
      rows(run.text, "ok").some((row) => row.includes(`  ${tried}  `) && row.includes(expected)),
      tried,
    );
  }
  // Where the bit was turned: file, line, octet and record.
  assert.match(
    run.text,
    /\n {9,}\$D\/forged\/turned\/audit-[0-9a-f-]+\.jsonl:[0-9]+, octet [0-9]+, record [0-9]+: edited\n/,
  );
  assert.match(run.text, /anchored: the first [0-9]+ records, by cosigned\.log, signed with a key that you named\n/);
  // Of a table with a bar, as `sluice status` shows it.
  assert.match(run.text, /\n {9,}hour +1h00m +[0-9]+ +400 +tokens +\[#+\.*\] +[0-9]+ +1h0[01]m\n/);
  // How to ask, and what an operator is shown of it.
  assert.match(run.text, /\n {9,}POST \/egress\/v1\/requests on the agent API with \{"host":"reports\.wild\.example",/);
  assert.match(run.text, /\n {9,}spec:\n {9,}action:\n[^]*?\n {9,}uses: 1\n/);
  assert.match(run.text, /\n {9,}ok +governance\n {9,}approved +request-[0-9a-f]{20}@/);
  assert.ok(!run.text.includes("sk-local-"), "the key of the model");
  assert.ok(!run.text.includes("\u001B"), "colours in a pipe");
  run.assertGone([]);
});

test("an origin that dies: the steps that needed it FAILED, exit 1", async () => {
  await using run = new Run(["--once"]);
  await run.until(/ok +start with a policy/);
  const [origin = 0] = run.processes("quickstart/origin");
  process.kill(origin, "SIGKILL");
  assert.equal(await run.exit, 1, run.text);
  assert.ok(
    rows(run.text, "FAILED").some((row) => /plain HTTP, an allowed path +200 +502 upstream_unreachable/.test(row)),
    run.text,
  );
  assert.ok(
    rows(run.text, "ok").some((row) => row.includes("403 host_not_allowed")),
    run.text,
  );
  assert.match(run.text, /\n[0-9]+ of 59 steps FAILED/);
  run.assertGone([]);
});

test("a model that dies: the steps that needed it FAILED, those of the audit log did not, exit 1", async () => {
  await using run = new Run(["--once"]);
  await run.until(/ok +a chat call of the agent/);
  const [model = 0] = run.processes("quickstart/model");
  process.kill(model, "SIGKILL");
  assert.equal(await run.exit, 1, run.text);
  assert.ok(
    rows(run.text, "FAILED").some((row) => row.includes("the call that the budget had refused")),
    run.text,
  );
  for (const [tried] of AUDIT_ROWS)
    assert.ok(
      rows(run.text, "ok").some((row) => row.includes(`  ${tried}  `)),
      tried,
    );
  run.assertGone([]);
});

test("interrupted in the middle: nothing is left, exit 1", async () => {
  await using run = new Run(["--once"]);
  await run.until(/ok +a host that no rule names/);
  const started = run.processes("/cli/");
  assert.equal(started.length, 5);
  // As npm does: it passes on what the terminal has sent already.
  run.child.kill("SIGINT");
  run.child.kill("SIGINT");
  assert.equal(await run.exit, 1, run.text);
  assert.match(run.text, /interrupted/);
  run.assertGone(started);
});

test("without --once it serves on, and signs the draft at each change", async () => {
  await using run = new Run([]);
  const [, proxy, host, port] = await run.until(
    /curl -x http:\/\/127\.0\.0\.1:(\d+) .* https:\/\/(b\.wild\.example):(\d+)/,
  );
  const [, draft = ""] = await run.until(/edit (\S+draft\.yaml)/);
  await run.until(/sidecar\.log\n/);
  const started = run.processes("/cli/");
  (await openTunnel(Number(proxy), `${host}:${port}`)).destroy();
  await assert.rejects(openTunnel(Number(proxy), `evil.example:${port}`), /403/);

  const text = readFileSync(draft, "utf8");
  writeFileSync(
    draft,
    text.replace("hosts: [allowed.example]", "hosts: [evil.example]").replace("mode: enforce", "mode: force"),
  );
  await run.until(/v4 degraded: \w+\n +\S+draft\.yaml:\d+:\d+: \w+: /);
  writeFileSync(draft, text.replace("hosts: [allowed.example]", "hosts: [evil.example]"));
  await run.until(/v5 loaded/);
  // Allowed now, and pinned to no address: nobody is asked for it.
  await assert.rejects(openTunnel(Number(proxy), `evil.example:${port}`), /502[^]*dns_failure/);

  const [, agentApi = ""] = await run.until(/curl (http:\/\/\S+)\/v1\/chat\/completions --json/);
  const call = async (name: string): Promise<number> => {
    const body = JSON.stringify({ model: name, messages: [{ role: "user", content: "hi" }] });
    const headers = { "content-type": "application/json" };
    return (await fetch(`${agentApi}/v1/chat/completions`, { method: "POST", headers, body })).status;
  };
  assert.equal(await call("default"), 200);
  assert.equal(await call("large"), 403);
  const [, models = ""] = await run.until(/ +(\S+draft-models\.yaml) or\n/);
  const named = readFileSync(models, "utf8");
  writeFileSync(models, named.replace("aliases: [default]", "aliases: [preview]"));
  await run.until(/v2 degraded: \w+\n +\S+draft-models\.yaml:\d+:\d+: \w+: /);
  writeFileSync(models, named.replace("aliases: [default]", "aliases: [large]"));
  await run.until(/draft-models\.yaml signed and installed: v3 loaded/);
  assert.deepEqual([await call("default"), await call("large")], [403, 200]);

  const verdictOn = async (program: string): Promise<unknown> => {
    const body = JSON.stringify({ action: { kind: "exec", program, argv: ["status"] } });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${agentApi}/governance/v1/evaluate`, { method: "POST", headers, body });
    return ((await answer.json()) as { readonly decision: unknown }).decision;
  };
  assert.deepEqual([await verdictOn("/usr/bin/git"), await verdictOn("/usr/bin/make")], ["allow", "deny"]);
  const [, actions = ""] = await run.until(/ +(\S+draft-actions\.yaml):/);
  const ruled = readFileSync(actions, "utf8");
  writeFileSync(actions, ruled.replace("effect: rate_limit", "effect: perhaps"));
  await run.until(/v1 degraded: \w+\n +\S+draft-actions\.yaml:\d+:\d+: \w+: /);
  writeFileSync(actions, ruled.replace("/usr/bin/git", "/usr/bin/make"));
  await run.until(/draft-actions\.yaml signed and installed: v2 loaded/);
  assert.deepEqual([await verdictOn("/usr/bin/git"), await verdictOn("/usr/bin/make")], ["deny", "allow"]);

  // The log has grown since, and what was shown of it holds.
  const { before, now } = repeated(run.text);
  const shown = [...MODEL_ROWS, ...GOVERNANCE_ROWS, ...AUDIT_ROWS].map(
    ([, expected]) => /^exit ([0-9])/.exec(expected)?.[1],
  );
  assert.deepEqual(before, shown.filter((exit) => exit !== undefined).map(Number));
  assert.deepEqual(now, before);

  run.child.kill("SIGTERM");
  assert.equal(await run.exit, 0, run.text);
  run.assertGone(started);
});

test("an unknown argument is a usage error", async () => {
  await using run = new Run(["--twice"]);
  assert.equal(await run.exit, 2);
  assert.match(run.text, /^usage: /);
});

test("as root: the agents, UID 0 included, get out through the proxy alone", netns, async () => {
  const traces = (): ReadonlySet<string> => {
    const namespaces = spawnSync(IP, ["netns", "list"], { encoding: "utf8" }).stdout.match(/^sluice-\w+-\w+/gm) ?? [];
    return new Set([...namespaces, ...readdirSync("/tmp").filter((name) => name.startsWith("sluice-quickstart-"))]);
  };
  const before = traces();
  await using run = new Run(["--once"], []);
  assert.equal(await run.exit, 0, run.text);
  for (const family of ["IPv4", "IPv6"]) {
    assert.ok(
      rows(run.text, "ok").some((row) =>
        new RegExp(`no guard yet: UID 1000 .*${family} +connected +connected`).test(row),
      ),
      run.text,
    );
    for (const uid of [1_000, 0]) {
      const [around = "", through = ""] = rows(run.text, "ok").filter(
        (row) => new RegExp(` UID ${uid} .*${family} `).test(row) && !row.includes("no guard"),
      );
      assert.match(around, /straight out.* refused at once +refused at once/, run.text);
      assert.match(through, /through the proxy.* 200 +200/, run.text);
    }
  }
  run.assertGone([]);
  // Another run on this machine may leave its own for a while.
  const left = traces().difference(before);
  const stillThere = (): ReadonlySet<string> => left.intersection(traces());
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && stillThere().size > 0;) await sleep(100);
  assert.deepEqual(stillThere(), new Set());
});
