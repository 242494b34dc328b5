import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { approve, deny, revoke } from "../../../cli/approve.ts";
import type { Terminal } from "../../../cli/approve-terminal.ts";
import type { CliIo } from "../../../cli/cli-io.ts";
import { openKubeAccess } from "../../../cli/kube-access.ts";
import { callKube } from "../../../cli/kube-call.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { type FakeApi, kubeconfigOf, type Script, SERVER_TIME, startFakeApi } from "./approve-server.ts";

const ESCAPE = "\u001b[2J";
const MINUTE = 60_000;
const time = (offset: number): string => new Date(SERVER_TIME + offset).toISOString();

const EGRESS = { kind: "egress", host: "api.example.com", port: 443, protocol: "tls" };

function held(spec: object = {}, status?: object, resourceVersion = "7", metadata: object = {}): object {
  return {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: {
      name: "fetch",
      namespace: "research",
      uid: "u",
      resourceVersion,
      creationTimestamp: time(-2 * MINUTE),
      ...metadata,
    },
    spec: {
      action: EGRESS,
      reason: "The report is there.",
      requestedBy: "alice",
      target: { namespace: "research", agent: "coder", pod: "coder-0" },
      uses: 1,
      duration: "10m",
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

const condition = (type: string, status: string, at = -MINUTE): object => ({
  type,
  status,
  lastTransitionTime: time(at),
});
const answered = (status: string, at = -MINUTE): object => ({
  approvedBy: "carol",
  conditions: [condition("Approved", status, at)],
});
const status = (code: number, message: string): object => ({ kind: "Status", code, reason: "Any", message });

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly api: FakeApi;
  readonly patches: readonly unknown[];
}

async function run(
  verb: typeof approve,
  script: Script,
  argv: readonly string[] = ["--yes"],
  answer?: string,
): Promise<Said> {
  await using api = await startFakeApi(script);
  const said = { out: "", err: "" };
  const io: CliIo = {
    stdout: (text) => void (said.out += text),
    stderr: (text) => void (said.err += text),
    cwd: api.directory,
    now: () => epochMillis(SERVER_TIME + 77 * MINUTE),
  };
  const terminal: Terminal = {
    interactive: answer !== undefined,
    ask: async (question) => {
      said.err += question;
      return answer === "closed" ? undefined : answer;
    },
  };
  const code = await verb(["fetch", "--kubeconfig", api.kubeconfig, ...argv], io, terminal);
  const patches = api.asked.filter(({ method }) => method === "PATCH").map(({ body }) => body);
  return { code, ...said, api, patches };
}

test("approves with the server's clock, what others wrote kept, against the version that was shown", async () => {
  const ready = { ...condition("Ready", "False"), reason: "Waiting" };
  const { code, out, err, patches, api } = await run(approve, { objects: [held({}, { conditions: [ready] })] }, [
    "--yes",
    "--reason",
    "Fine.",
  ]);
  assert.equal(code, 0, err);
  const lastTransitionTime = "2026-11-21T12:00:00Z";
  const answer = { type: "Approved", status: "True", lastTransitionTime, reason: "Approved", message: "Fine." };
  assert.deepEqual(patches, [
    { metadata: { resourceVersion: "7" }, status: { approvedBy: "bob", conditions: [ready, answer] } },
  ]);
  assert.equal(out, "approved research/fetch as bob; it ends at 2026-11-21T12:10:00.000Z at the latest\n");
  assert.equal(
    err,
    `EgressApproval research/fetch
  action     egress tls api.example.com:443
  for        agent coder, pod coder-0, namespace research
  bounds     1 use in each life of the pod, within 10m00s of the approval, or less by policy
  asked by   alice, 2m00s ago
             in the words of who asked: "The report is there."
`,
  );
  assert(api.asked.every(({ authorization }) => authorization === "Bearer secret-token"));
});

test("denies and revokes", async () => {
  const denied = await run(deny, { objects: [held()] });
  assert.equal(denied.code, 0, denied.err);
  const [patch] = denied.patches as { status: { conditions: { status: string; reason: string }[] } }[];
  assert.deepEqual(
    patch?.status.conditions.map((one) => [one.status, one.reason]),
    [["False", "Denied"]],
  );
  for (const state of [undefined, answered("True"), answered("False")]) {
    const revoked = await run(revoke, { objects: [held({}, state)] });
    assert.equal(revoked.code, 0, revoked.err);
    assert.deepEqual(revoked.patches, [{ metadata: { uid: "u" }, spec: { revoked: true } }]);
  }
  const own = await run(revoke, { username: "alice", allowed: ["patch"], objects: [held()] });
  assert.equal(own.code, 0, own.err);
});

test("asks before it does anything", async () => {
  for (const no of ["", "n", "no", "yess", "approve", "closed"]) {
    const { code, err, patches } = await run(approve, { objects: [held()] }, [], no);
    assert.deepEqual([code, patches.length], [1, 0], no);
    assert.match(err, /approve it as bob\? \[y\/N\] sluice approve: nothing was changed\n$/);
  }
  for (const yes of ["y", "Y", " yes ", "YES"]) {
    assert.equal((await run(approve, { objects: [held()] }, [], yes)).code, 0, yes);
  }
  const changed = await run(approve, { objects: [held(), held({ uses: 1_000 }, undefined, "8")] }, [], "y");
  assert.deepEqual([changed.code, changed.patches.length], [1, 0]);
  assert.match(changed.err, /another one by now/);
  const answeredMeanwhile = await run(approve, { objects: [held(), held({}, answered("False"))] }, [], "y");
  assert.deepEqual([answeredMeanwhile.code, answeredMeanwhile.patches.length], [1, 0]);
});

test("whoever was quicker is looked at again", async () => {
  const objects = [held(), held({}, { conditions: [condition("Ready", "True")] }, "8")];
  const { code, patches } = await run(approve, { objects, patches: [status(409, "conflict"), {}] });
  assert.equal(code, 0);
  const [first, second] = patches as { metadata: object; status: { conditions: object[] } }[];
  assert.deepEqual([first?.metadata, second?.metadata], [{ resourceVersion: "7" }, { resourceVersion: "8" }]);
  assert.deepEqual(second?.status.conditions[0], condition("Ready", "True"));
  const lost = await run(approve, { objects: [held(), held({}, answered("False"), "8")], patches: [status(409, "c")] });
  assert.equal(lost.code, 1);
  assert.match(lost.err, /was denied by carol/);
  const never = await run(approve, { objects: [held()], patches: [status(409, "conflict")] });
  assert.deepEqual([never.code, never.patches.length], [1, 8]);
  assert.match(never.err, /being changed by others, too: try again/);
});

test("another object of the same name and spec is another one", async () => {
  const objects = [held(), held({}, undefined, "8", { uid: "v" })];
  const replaced = /metadata\.uid: Invalid value: "u": field is immutable/;
  for (const [verb, refusal] of [
    [approve, status(409, "conflict")],
    [revoke, status(422, replaced.source.replaceAll("\\", ""))],
  ] as const) {
    const { code, err, patches } = await run(verb, { objects, patches: [refusal, {}] });
    assert.deepEqual([code, patches.length], [1, 1], err);
    assert.match(err, /another one by now: look at it again/);
  }
  const answeredOther = await run(
    approve,
    { objects: [held(), held({}, answered("True"), "8", { uid: "v" })] },
    [],
    "y",
  );
  assert.deepEqual([answeredOther.code, answeredOther.patches.length], [1, 0]);
  assert.match(answeredOther.err, /another one by now/);
  // Meanwhile revoked, it is the same one.
  const revokedMeanwhile = await run(approve, { objects: [held(), held({ revoked: true })] }, [], "y");
  assert.match(revokedMeanwhile.err, /was revoked/);
});

test("what was deleted and is held is not answered, and can be revoked", async () => {
  const deleted = { deletionTimestamp: time(-MINUTE), finalizers: ["example.com/hold"] };
  for (const [verb, state] of [
    [approve, undefined],
    [deny, undefined],
    [approve, answered("True")],
  ] as const) {
    const { code, err, patches } = await run(verb, { objects: [held({}, state, "7", deleted)] });
    assert.deepEqual([code, patches.length], [1, 0], err);
    assert.match(err, /fetch is deleted, and only held by a finalizer.* sluice revoke fetch\n$/);
  }
  assert.equal((await run(revoke, { objects: [held({}, answered("True"), "7", deleted)] })).code, 0);
});

test("what is too long to be shown is not approved", async () => {
  const action = { kind: "exec", program: "/bin/sh", argv: ["-c", "\u05d0".repeat(20_000), "evil"] };
  for (const [argv, answer] of [
    [["--yes"], undefined],
    [[], "y"],
  ] as const) {
    const { code, err, patches } = await run(approve, { objects: [held({ action })] }, argv, answer);
    assert.deepEqual([code, patches.length], [1, 0]);
    assert.match(err, /too long to be shown here.*kubectl get egr fetch -n research -o yaml/);
  }
  for (const verb of [deny, revoke]) assert.equal((await run(verb, { objects: [held({ action })] })).code, 0);
  assert.equal(
    (await run(approve, { objects: [held({ action: { ...action, argv: ["\u05d0".repeat(400)] } })] })).code,
    0,
  );
});

const REFUSED: readonly { name: string; verb: typeof approve; script: Script; code: number; says: RegExp }[] = [
  {
    name: "who asked",
    verb: approve,
    script: { username: "alice", objects: [held()] },
    code: 1,
    says: /You \(alice\) asked for fetch yourself: somebody else/,
  },
  {
    name: "who asked, saying no",
    verb: deny,
    script: { username: "alice", objects: [held()] },
    code: 1,
    says: /asked for fetch yourself/,
  },
  {
    name: "nobody asked",
    verb: approve,
    script: { objects: [held({ requestedBy: undefined })] },
    code: 1,
    says: /does not say who asked/,
  },
  {
    name: "no role",
    verb: approve,
    script: { allowed: ["patch"], objects: [held()] },
    code: 1,
    says: /bob may not approve in namespace research: .* kubectl create rolebinding sluice-approver -n research --clusterrole=sluice-approver --user=bob\./,
  },
  {
    name: "no right to write",
    verb: deny,
    script: { allowed: ["approve"], objects: [held()] },
    code: 1,
    says: /bob may not deny/,
  },
  {
    name: "another's, without the role",
    verb: revoke,
    script: { allowed: ["patch"], objects: [held()] },
    code: 1,
    says: /bob may not revoke.*or to have asked for it/,
  },
  {
    name: "a name with a quote",
    verb: approve,
    script: { username: "o'hara; rm", allowed: [], objects: [held()] },
    code: 1,
    says: /--user='o'\\''hara; rm'/,
  },
  {
    name: "denied before",
    verb: approve,
    script: { objects: [held({}, answered("False"))] },
    code: 1,
    says: /denied by carol at 2026-11-21T11:59:00.000Z, and an answer stands. Whoever/,
  },
  {
    name: "approved before",
    verb: deny,
    script: { objects: [held({}, answered("True"))] },
    code: 1,
    says: /approved by carol .* sluice revoke fetch/,
  },
  {
    name: "approved, and over by the clock",
    verb: approve,
    script: { objects: [held({}, answered("True", -11 * MINUTE))] },
    code: 1,
    says: /is over/,
  },
  {
    name: "approved, and used up",
    verb: approve,
    script: {
      objects: [
        held({}, { approvedBy: "carol", conditions: [condition("Approved", "True"), condition("Expired", "True")] }),
      ],
    },
    code: 1,
    says: /is over/,
  },
  {
    name: "expired unanswered",
    verb: approve,
    script: { objects: [held({}, { conditions: [condition("Expired", "True")] })] },
    code: 1,
    says: /has expired: nobody answered in time/,
  },
  { name: "revoked", verb: approve, script: { objects: [held({ revoked: true })] }, code: 1, says: /was revoked/ },
  {
    name: "what no router follows",
    verb: approve,
    script: { objects: [held({ action: { ...EGRESS, host: "169.254.169.254" } })] },
    code: 2,
    says: /No router follows it: .*address_not_approvable/,
  },
  { name: "no object", verb: approve, script: { objects: [[]] }, code: 2, says: /is no object/ },
  {
    name: "no name",
    verb: approve,
    script: { objects: [status(404, 'egressapprovals.sluice.dev "fetch" not found')] },
    code: 2,
    says: /There is no EgressApproval fetch in namespace research/,
  },
  {
    name: "no kind",
    verb: approve,
    script: { objects: [status(404, "the server could not find the requested resource")] },
    code: 69,
    says: /CRDs are not installed/,
  },
  {
    name: "credentials that ended",
    verb: approve,
    script: { objects: [status(401, "Unauthorized")] },
    code: 1,
    says: /renew the credentials/,
  },
  {
    name: "no right to look",
    verb: approve,
    script: { objects: [status(403, 'User "bob" cannot get resource')] },
    code: 1,
    says: /bob may not approve .*cannot get resource/,
  },
  {
    name: "a policy's no",
    verb: approve,
    script: {
      objects: [held()],
      patches: [status(403, "ValidatingAdmissionPolicy 'x' denied request: bob asked for this")],
    },
    code: 1,
    says: /Refused: .*bob asked for this/,
  },
  {
    name: "a schema's no",
    verb: approve,
    script: { objects: [held()], patches: [status(422, "is invalid")] },
    code: 1,
    says: /Refused: is invalid/,
  },
  { name: "too many requests", verb: approve, script: { objects: [429] }, code: 69, says: /cannot do it now \(429/ },
  {
    name: "a server that fails",
    verb: approve,
    script: { objects: [held()], patches: [500] },
    code: 69,
    says: /cannot do it now \(500/,
  },
  { name: "a redirect", verb: approve, script: { objects: [302] }, code: 1, says: /refuses it \(302/ },
  {
    name: "nobody",
    verb: approve,
    script: { username: "system:anonymous", objects: [held()] },
    code: 1,
    says: /has no credentials/,
  },
  {
    name: "a megabyte too many",
    verb: approve,
    script: { objects: [held({ reason: "x".repeat(5_000_000) })] },
    code: 69,
    says: /larger than/,
  },
];

for (const { name, verb, script, code, says } of REFUSED) {
  test(`refused: ${name}`, async () => {
    const said = await run(verb, script);
    assert.equal(said.code, code, said.err);
    assert.match(said.err, says);
    assert.equal(said.out, "");
    assert.equal(said.patches.length, script.patches === undefined ? 0 : 1);
  });
}

test("what is so already is no failure", async () => {
  for (const [verb, object, says] of [
    [approve, held({}, answered("True")), "fetch was approved before, by carol at 2026-11-21T11:59:00.000Z.\n"],
    [deny, held({}, answered("False")), "fetch was denied before, by carol at 2026-11-21T11:59:00.000Z.\n"],
    [revoke, held({ revoked: true }), "fetch was revoked before.\n"],
  ] as const) {
    const { code, out, patches } = await run(verb, { objects: [object] });
    assert.deepEqual([code, out, patches.length], [0, says, 0]);
  }
  const { out } = await run(approve, { objects: [held({}, answered("True"))] }, ["--yes", "--json"]);
  const expected = { verb: "approve", namespace: "research", name: "fetch", changed: false, by: "bob", at: null };
  assert.deepEqual(JSON.parse(out), { ...expected, uses: 1, expiresAt: null });
});

test("everything that is bound is shown, and nothing of it steers a terminal", async () => {
  const shown = async (spec: object): Promise<string> => (await run(approve, { objects: [held(spec)] })).err;
  const tool = { kind: "tool", server: "github", tool: "create_issue" };
  assert.match(
    await shown({ action: { ...tool, arguments: { title: ESCAPE } } }),
    /tool github\/create_issue \{"title":"\\u001b\[2J"\}/,
  );
  const digest = `sha256:${"0a".repeat(32)}`;
  assert.match(
    await shown({ action: { ...tool, argumentsDigest: digest } }),
    new RegExp(`not written out, bound by ${digest}`),
  );
  const long = await shown({ action: { ...tool, arguments: { title: "x".repeat(5_000), last: "the end" } } });
  assert.match(long, /action +all of it, one member a row\n.* {2}arguments .*"last":"the end"\}\n/s);
  assert.match(await shown({ target: undefined }), /for +EVERY agent, any of its pods\n/);
  assert.match(await shown({ target: { namespace: "other" } }), /ATTENTION: it lies in research/);
  assert.match(await shown({ uses: undefined }), /any number of uses, within 10m00s/);
  assert.match(
    await shown({ duration: undefined }),
    /1 use in each life of the pod, for as long as the policy lets any grant last/,
  );
  assert.match(
    await shown({ uses: 3, target: { agent: "coder" } }),
    /bounds +3 uses in each pod, in each life of the pod, within/,
  );
  assert.match(await shown({ reason: 'a" asked by root' }), /"a\\u0022 asked by root"\n/);
  const steering = await run(approve, { objects: [status(403, `no${ESCAPE}`)] });
  assert.doesNotMatch(steering.err, /\u001b/);
  assert.doesNotMatch((await run(approve, { username: `bob${ESCAPE}`, objects: [held()] })).err, /\u001b/);
});

test("usage: nothing is sent", async () => {
  const script: Script = { objects: [held()] };
  for (const argv of [
    ["more"],
    ["-n", "../x"],
    ["-n", "Research"],
    ["--reason", ""],
    ["--reason", "a\nb"],
    ["--force"],
    ["--reason", "x".repeat(1_025)],
  ]) {
    const { code, err, api } = await run(approve, script, [...argv, "--yes"]);
    assert.deepEqual([code, api.asked.length], [2, 0], JSON.stringify(argv));
    assert.match(err, /\nusage: sluice approve NAME/);
  }
  assert.equal((await run(revoke, script, ["--reason", "x", "--yes"])).code, 2);
  const { code, err, api } = await run(approve, script, []);
  assert.deepEqual([code, api.asked.length], [2, 0]);
  assert.match(err, /no terminal to ask on/);
  const io: CliIo = { stdout: assert.fail, stderr: () => undefined, cwd: "/", now: () => epochMillis(0) };
  for (const name of ["../secrets", "a/b", "A", "", "a%2fb", ".", "x".repeat(254)]) {
    assert.equal(await approve([name, "--yes", "--kubeconfig", "/none"], io), 2, name);
  }
});

test("kubeconfigs that lead nowhere", async () => {
  await using api = await startFakeApi({ objects: [held()], prefix: "/k8s/clusters/c-1" });
  const path = join(api.directory, "other");
  const use = async (text: string): Promise<[number, string]> => {
    let err = "";
    const io: CliIo = {
      stdout: () => undefined,
      stderr: (said) => void (err += said),
      cwd: "/",
      now: () => epochMillis(0),
    };
    writeFileSync(path, text);
    return [await approve(["fetch", "--yes", "--kubeconfig", path], io), err];
  };
  const [prefixed, said] = await use(kubeconfigOf(`http://127.0.0.1:${api.port}/k8s/clusters/c-1/`));
  assert.equal(prefixed, 0, said);
  for (const [text, code, says] of [
    ["{", 2, /cannot be read/],
    ["[]", 2, /cannot be read|no whole context/],
    ["{}", 2, /no whole context|cannot be read/],
    [kubeconfigOf("http://203.0.113.1"), 2, /not https/],
    [kubeconfigOf("ftp://127.0.0.1"), 2, /not https/],
    [kubeconfigOf("no url"), 2, /no URL/],
    [kubeconfigOf("https://user@127.0.0.1"), 2, /no URL/],
    [kubeconfigOf("http://127.0.0.1:1"), 69, /does not answer/],
  ] as const) {
    const [got, err] = await use(text);
    assert.equal(got, code, `${text}: ${err}`);
    assert.match(err, says);
  }
});

test("an API server that hangs is given up", async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await using api = await startFakeApi({ objects: [] });
  writeFileSync(api.kubeconfig, kubeconfigOf(`http://127.0.0.1:${port}`));
  const access = await openKubeAccess({ kubeconfig: api.kubeconfig, context: undefined });
  assert(access.ok);
  const answer = await callKube(access.value, { method: "GET", path: "/" }, 50);
  assert.equal(answer.ok ? 200 : answer.problem.status, 0);
  await access.value.sender.destroy();
  server.closeAllConnections();
  server.close();
});
