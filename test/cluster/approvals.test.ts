/** Who may ask, answer and take back, held by a real API server; and the command line and `kubectl` against it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { approve, deny, revoke } from "../../cli/approve.ts";
import type { CliIo } from "../../cli/cli-io.ts";
import { stampApproval } from "../../controller/approvals/stamp.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { changed } from "../unit/policies/documents.ts";
import { EGRESS_APPROVAL, EGRESS_APPROVAL_ROWS } from "../unit/policies/egress-approval-rows.ts";
import { startAdmissionServer } from "./admission-server.ts";
import type { ApiAnswer, KubeObject, Method } from "./api-request.ts";
import {
  answerOf,
  approvalOf,
  type ApprovalsWorld,
  NAMESPACE,
  PATH,
  ROUTER,
  startApprovalsWorld,
} from "./approvals-world.ts";
import { type ApiOptions, requireCluster, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

const JSON_PATCH = "application/json-patch+json";
const APPLY = "application/apply-patch+yaml";
const MINUTE = 60_000;

describe("approvals", requireCluster(), () => {
  let world: ApprovalsWorld;
  const ends: (() => void | Promise<void>)[] = [];
  before(async () => {
    world = await startApprovalsWorld(await startCluster({ after: (end) => void ends.push(end) }));
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  const api = async (
    method: Method,
    path: string,
    body?: unknown,
    options?: ApiOptions,
  ): Promise<ApiAnswer<KubeObject>> => world.cluster.api(method, path, body, options);

  function is({ status, body }: ApiAnswer<KubeObject>, expected: number, message?: RegExp): void {
    assert.equal(status, expected, body.message ?? "");
    if (message !== undefined) assert.match(body.message ?? "", message);
  }

  const statusOf = async (name: string): Promise<unknown> => (await api("GET", `${PATH}/${name}`)).body.status;

  test("INV-EGR-REQUESTER: who asks is who asks, and asks unanswered", async () => {
    const { alice } = world;
    is(await api("POST", PATH, approvalOf("forged", "bob"), { as: alice }), 403, /must be who asks, alice/);
    is(await api("POST", PATH, approvalOf("nameless", undefined), { as: alice }), 403, /must be who asks, alice/);
    const answered = { ...approvalOf("answered", "alice"), status: answerOf("True", "bob") };
    is(await api("POST", PATH, answered, { as: alice }), 201);
    assert.equal(await statusOf("answered"), undefined);
    const applied = JSON.stringify({ ...approvalOf("applied", "bob"), status: answerOf("True", "bob") });
    is(
      await api("PATCH", `${PATH}/applied?fieldManager=x`, applied, { as: alice, contentType: APPLY }),
      403,
      /who asks/,
    );
    is(await api("PUT", `${PATH}/put`, approvalOf("put", "bob"), { as: alice }), 404);
  });

  test("INV-EGR-APPROVER: the verb alone answers, and never who asked", async () => {
    const { alice, bob, carol, dave, ask, answer } = world;
    await ask("verbs", alice);
    await ask("carols", carol);
    is(await answer("verbs", alice, answerOf("True", "alice")), 403, /cannot patch resource "egressapprovals\/status"/);
    is(await answer("verbs", dave, answerOf("True", "dave")), 403, /dave may not answer .* verb "approve"/);
    is(await answer("verbs", dave, answerOf("True", "bob")), 403, /dave may not answer/);
    is(await answer("verbs", dave, { approvedBy: "bob" }), 403, /dave may not answer/);
    is(await answer("carols", carol, answerOf("True", "carol")), 403, /carol asked for this/);
    is(await answer("carols", carol, answerOf("False", "carol")), 403, /carol asked for this/);
    assert.equal(await statusOf("verbs"), undefined);
    is(await answer("carols", bob, answerOf("True", "bob")), 200);
  });

  test("INV-EGR-DATED: an answer says who gave it, and when; and is nothing else", async () => {
    const { alice, bob, controller, ask, answer } = world;
    await ask("form", alice);
    const refused: [object, RegExp][] = [
      [answerOf("True", "carol"), /approvedBy must be who answers, bob/],
      [{ ...answerOf("True", "bob"), approvedBy: null }, /approvedBy must be who answers, bob/],
      [answerOf("Unknown", "bob"), /with the status True or False/],
      [{ approvedBy: "bob" }, /with the status True or False/],
      [answerOf("True", "bob", { ahead: MINUTE / 3 }), /lies in the future/],
      [answerOf("True", "bob", { ahead: 10 * MINUTE }), /lies in the future/],
      [answerOf("True", "bob", { ahead: 1_000 * 365 * 24 * 60 * MINUTE }), /lies in the future|should match/],
      [answerOf("True", "bob", { phase: "Active" } as object), /only the condition Approved/],
      [answerOf("True", "bob", { expiresAt: "2036-01-01T00:00:00Z" } as object), /only the condition Approved/],
      [answerOf("True", "bob", { pods: { matching: 1, active: 1 } } as object), /only the condition Approved/],
      [answerOf("True", "bob", { observedGeneration: 1 } as object), /only the condition Approved/],
    ];
    for (const [status, message] of refused) {
      const done = await answer("form", bob, status);
      assert([403, 422].includes(done.status), `${JSON.stringify(status)}: ${done.status}`);
      assert.match(done.body.message ?? "", message, JSON.stringify(status));
    }
    // The server's own time cannot be taken out of the object.
    const bare = { metadata: { managedFields: [{}] }, status: answerOf("True", "bob", { ahead: 10 * MINUTE }) };
    is(await api("PATCH", `${PATH}/form/status`, bare, { as: bob }), 403, /lies in the future/);
    is(await answer("form", controller, { phase: "Pending" }), 200);
    for (const entry of [
      { manager: "x", operation: "Update" },
      { manager: "x", operation: "Apply" },
      { manager: "t", operation: "Update" },
      { manager: "old", operation: "Update", time: "2020-01-01T00:00:00Z" },
    ]) {
      const { metadata, ...held } = (await api("GET", `${PATH}/form`)).body;
      const known = (metadata as { managedFields?: object[] }).managedFields ?? [];
      const lie = {
        apiVersion: "sluice.dev/v1alpha1",
        subresource: "status",
        time: "2036-01-01T00:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:status": { "f:phase": {} } },
        ...entry,
      };
      const later = answerOf("True", "bob", { ahead: 10 * MINUTE });
      const forged = { ...held, metadata: { ...metadata, managedFields: [...known, lie] } };
      const status = { ...(held.status as object), ...later };
      is(
        await api("PUT", `${PATH}/form/status?fieldManager=t`, { ...forged, status }, { as: bob }),
        403,
        /lies in the future/,
      );
      // The main resource lets anybody write such entries beforehand.
      is(await api("PUT", `${PATH}/form?fieldManager=u`, forged, { as: bob }), 200);
      const kept = (await api("GET", `${PATH}/form`)).body.metadata as { managedFields?: { time: string }[] };
      assert(kept.managedFields?.some(({ time }) => time === lie.time));
      is(
        await api("PATCH", `${PATH}/form/status?fieldManager=t`, { status: later }, { as: bob }),
        403,
        /lies in the future/,
      );
    }
    const two = answerOf("True", "bob");
    const twice = { ...two, conditions: [...two.conditions, ...two.conditions] };
    is(await answer("form", bob, twice), 422, /Duplicate/);
    is(
      await answer("form", bob, { ...two, conditions: [{ type: "Approved", status: "True" }] }),
      422,
      /lastTransitionTime/,
    );
    assert.deepEqual(await statusOf("form"), { phase: "Pending" });
    is(await answer("form", bob, answerOf("True", "bob")), 200);
  });

  test("every way to write a status is held alike", async () => {
    const { alice, bob, carol, ask } = world;
    const writes: [string, (by: string, held: KubeObject) => [Method, string, unknown, string?]][] = [
      ["merge", (by) => ["PATCH", "/status", { status: answerOf("True", by) }]],
      ["json", (by) => ["PATCH", "/status", [{ op: "add", path: "/status", value: answerOf("True", by) }], JSON_PATCH]],
      [
        "apply",
        (by) => [
          "PATCH",
          "/status?fieldManager=t&force=true",
          JSON.stringify({ apiVersion: "sluice.dev/v1alpha1", kind: "EgressApproval", status: answerOf("True", by) }),
          APPLY,
        ],
      ],
      ["put", (by, held) => ["PUT", "/status", { ...held, status: answerOf("True", by) }]],
    ];
    for (const [way, write] of writes) {
      const name = `way-${way}`;
      await ask(name, carol);
      const held = (await api("GET", `${PATH}/${name}`)).body;
      for (const [as, code, message] of [
        [carol, 403, /carol asked for this/],
        [alice, 403, /cannot/],
        [bob, 200, undefined],
        [bob, 403, /an answer stands/],
      ] as const) {
        const [method, rest, body, contentType] = write(as.name, (await api("GET", `${PATH}/${name}`)).body);
        const later =
          code === 403 && as === bob
            ? (JSON.parse(JSON.stringify(body).replaceAll("Reviewed", "Again")) as unknown)
            : body;
        is(
          await api(method, `${PATH}/${name}${rest}`, later, {
            as,
            ...(contentType === undefined ? {} : { contentType }),
          }),
          code,
          message,
        );
      }
      // The main resource carries no status, whoever writes it.
      is(
        await api(
          "PUT",
          `${PATH}/${name}`,
          { ...held, metadata: { name }, status: answerOf("False", "carol") },
          { as: carol },
        ),
        422,
        /resourceVersion/,
      );
      const now = (await api("GET", `${PATH}/${name}`)).body;
      is(await api("PUT", `${PATH}/${name}`, { ...now, status: {} }, { as: carol }), 200);
      is(await api("PATCH", `${PATH}/${name}`, { status: null }, { as: carol }), 200);
      assert.deepEqual(await statusOf(name), now.status);
    }
  });

  test("INV-EGR-FINAL: an answer stands, and the rest of the status is the controller's", async () => {
    const { alice, bob, carol, dave, controller, ask, answer } = world;
    await ask("stands", alice);
    is(await answer("stands", controller, answerOf("True", controller)), 403, /may not answer/);
    is(
      await answer("stands", controller, { phase: "Pending", observedGeneration: 1, pods: { matching: 1, active: 0 } }),
      200,
    );
    is(await answer("stands", bob, answerOf("True", "bob")), 200);
    const given = (await statusOf("stands")) as { conditions: object[] };
    is(await answer("stands", carol, answerOf("False", "carol")), 403, /an answer stands/);
    is(await answer("stands", bob, answerOf("True", "bob", { ahead: 5_000 })), 403, /an answer stands/);
    is(await answer("stands", bob, { conditions: [] }), 403, /an answer stands/);
    is(await answer("stands", bob, { approvedBy: null }), 403, /an answer stands/);
    is(await answer("stands", controller, { conditions: [] }), 403, /may not answer/);
    const ready = { type: "Ready", status: "True", lastTransitionTime: "2026-11-20T10:00:00Z", reason: "Echoed" };
    is(await answer("stands", bob, { conditions: [...given.conditions, ready] }), 403, /only the condition Approved/);
    is(await answer("stands", dave, { conditions: [...given.conditions, ready] }), 403, /only the condition Approved/);
    is(await answer("stands", controller, { phase: "Active", conditions: [...given.conditions, ready] }), 200);
    await ask("gone", alice);
    is(await api("DELETE", `${PATH}/gone`, undefined, { as: alice }), 403, /cannot delete/);
    is(await api("DELETE", `${PATH}/gone`, undefined, { as: bob }), 200);
  });

  test("INV-EGR-HOLD: who asks keeps nothing that was deleted, and ends nothing by an owner", async () => {
    const { alice, bob, carol, dave, controller, ask, answer } = world;
    const finalizers = ["example.com/hold"];
    const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name: "x", uid: "11111111-1111-1111-1111-111111111111" }];
    const message = /may not change what keeps this approval once it is deleted/;
    for (const held of [{ finalizers }, { ownerReferences }]) {
      const [member = ""] = Object.keys(held);
      const name = `held-${member.toLowerCase()}`;
      const objectOf = (metadata: object, by: string): object => ({ ...approvalOf("", by), metadata });
      is(await api("POST", PATH, objectOf({ name, ...held }, "alice"), { as: alice }), 403, message);
      is(await api("POST", PATH, objectOf({ generateName: name, ...held }, "alice"), { as: alice }), 403, message);
      const applied = JSON.stringify({ ...objectOf({ name, ...held }, "alice") });
      is(
        await api("PATCH", `${PATH}/${name}?fieldManager=x`, applied, { as: alice, contentType: APPLY }),
        403,
        message,
      );
      const carols = objectOf({ name: `${name}-carols`, ...held }, "carol");
      is(await api("POST", `${PATH}?dryRun=All`, carols, { as: carol }), 201);
      await ask(name, alice);
      for (const as of [alice, dave]) {
        is(await api("PATCH", `${PATH}/${name}`, { metadata: held }, { as }), 403, message);
        const add = [{ op: "add", path: `/metadata/${member}`, value: Object.values(held)[0] }];
        is(await api("PATCH", `${PATH}/${name}`, add, { as, contentType: JSON_PATCH }), 403, message);
      }
      // Where a status is written, they are not.
      is(await api("PATCH", `${PATH}/${name}/status`, { metadata: held }, { as: dave }), 200);
      assert.equal(Object.hasOwn((await api("GET", `${PATH}/${name}`)).body.metadata, member), false);
      for (const as of [bob, controller]) {
        is(await api("PATCH", `${PATH}/${name}`, { metadata: held }, { as }), 200);
        is(await api("PATCH", `${PATH}/${name}`, { metadata: { [member]: null } }, { as: alice }), 403, message);
        // Everything else of it is still the requester's to do.
        is(
          await api("PATCH", `${PATH}/${name}`, { metadata: { labels: { a: as === bob ? "1" : "2" } } }, { as: alice }),
          200,
        );
        is(await api("PATCH", `${PATH}/${name}`, { metadata: { [member]: null } }, { as }), 200);
      }
    }
    // As Kubernetes' garbage collector, which knows no verb of ours.
    const collector = "system:serviceaccount:kube-system:generic-garbage-collector";
    await ask("collected", alice);
    is(await api("PATCH", `${PATH}/collected`, { metadata: { finalizers: ["example.com/other"] } }, { as: bob }), 200);
    is(await api("DELETE", `${PATH}/collected`, undefined, { as: bob }), 200);
    // New finalizers on what is being deleted the API server itself refuses to all.
    is(await api("PATCH", `${PATH}/collected`, { metadata: { ownerReferences } }, { as: collector }), 403, message);
    is(await answer("collected", bob, answerOf("True", "bob")), 403, /was deleted, and only a finalizer holds it/);
    is(await api("PATCH", `${PATH}/collected`, { metadata: { finalizers: null } }, { as: collector }), 200);
    is(await api("GET", `${PATH}/collected`), 404);
  });

  test("a spec never changes, but to be revoked", async () => {
    const { alice, ask } = world;
    const tool = {
      action: { kind: "tool", server: "github", tool: "create_issue", arguments: { title: "x", n: [1, null] } },
    };
    await ask("fixed", alice);
    await ask("tooled", alice, tool);
    await ask("bare", alice, { duration: null, target: null });
    const rows: [string, object, RegExp][] = [
      ["fixed", { action: { host: "evil.example.com" } }, /action is never changed/],
      ["fixed", { action: { port: 8443 } }, /action is never changed/],
      ["fixed", { reason: "another" }, /reason is never changed/],
      ["fixed", { requestedBy: "carol" }, /requestedBy is never changed/],
      ["fixed", { requestedBy: null }, /requestedBy is never changed/],
      ["fixed", { target: { pod: null } }, /target is never changed/],
      ["fixed", { target: null }, /target is never changed/],
      ["fixed", { uses: 1000 }, /uses is never changed/],
      ["fixed", { uses: null }, /uses is never changed/],
      ["fixed", { duration: "24h" }, /duration is never changed/],
      ["fixed", { duration: null }, /duration is never changed/],
      ["bare", { duration: "24h" }, /duration is never changed/],
      ["bare", { target: { agent: "a" } }, /target is never changed/],
      ["tooled", { action: { arguments: { title: "y" } } }, /action is never changed/],
      ["tooled", { action: { arguments: { more: 1 } } }, /action is never changed/],
      ["tooled", { action: { arguments: { n: [1] } } }, /action is never changed/],
      [
        "tooled",
        { action: { arguments: null, argumentsDigest: `sha256:${"0a".repeat(32)}` } },
        /action is never changed/,
      ],
    ];
    for (const [name, spec, message] of rows) is(await api("PATCH", `${PATH}/${name}`, { spec }), 422, message);
    is(
      await api("PATCH", `${PATH}/fixed`, { metadata: { labels: { "sluice.dev/pod": "agent-0" } } }, { as: alice }),
      200,
    );
  });

  test("INV-EGR-FINAL: revoking is one way, for who asked, who answers and the controller", async () => {
    const { alice, bob, carol, dave, controller, ask, answer } = world;
    const revoked = { spec: { revoked: true } };
    for (const [name, as] of [
      ["own", alice],
      ["approvers", bob],
      ["controllers", controller],
    ] as const) {
      await ask(name, alice);
      is(await answer(name, carol, answerOf("True", "carol")), 200);
      is(await api("PATCH", `${PATH}/${name}`, revoked, { as: dave }), 403, /dave may not revoke/);
      is(
        await api("PATCH", `${PATH}/${name}`, [{ op: "add", path: "/spec/revoked", value: true }], {
          as: dave,
          contentType: JSON_PATCH,
        }),
        403,
        /dave may not revoke/,
      );
      is(await api("PATCH", `${PATH}/${name}`, revoked, { as }), 200);
      for (const back of [false, null])
        is(await api("PATCH", `${PATH}/${name}`, { spec: { revoked: back } }), 422, /stays revoked/);
    }
    await ask("early", alice);
    await ask("carols-own", carol);
    is(await api("PATCH", `${PATH}/carols-own`, revoked, { as: alice }), 403, /alice may not revoke/);
    is(await api("PATCH", `${PATH}/early`, revoked, { as: alice }), 200);
    is(await answer("early", bob, answerOf("True", "bob")), 403, /was revoked/);
  });

  test("INV-EGR-ROUTER: a router asks, and does nothing else", async () => {
    const { routerToken: token } = world;
    is(await api("POST", PATH, approvalOf("request-1", ROUTER), { token }), 201);
    is(await api("POST", PATH, approvalOf("request-2", "alice"), { token }), 403, /who asks/);
    is(await api("GET", PATH, undefined, { token }), 200);
    is(
      await api("PATCH", `${PATH}/request-1/status`, { status: answerOf("True", ROUTER) }, { token }),
      403,
      /cannot patch/,
    );
    is(
      await api(
        "PUT",
        `${PATH}/request-1/status`,
        { ...approvalOf("request-1", ROUTER), status: answerOf("True", ROUTER) },
        { token },
      ),
      403,
      /cannot update/,
    );
    is(await api("PATCH", `${PATH}/request-1`, { spec: { revoked: true } }, { token }), 403, /cannot patch/);
    is(await api("DELETE", `${PATH}/request-1`, undefined, { token }), 403, /cannot delete/);
    is(await api("GET", PATH.replace(NAMESPACE, "default"), undefined, { token }), 403, /cannot list/);
  });

  test("the API server takes what the routers' parser takes", async () => {
    // What the rows replace is YAML's, and JSON does not have it; or is the envelope's or the status's.
    const other = /octal|number that is two numbers|unquoted|answers|time of|word for it|name of its own/;
    for (const row of EGRESS_APPROVAL_ROWS.filter(({ name }) => !other.test(name))) {
      const document = parse(changed(EGRESS_APPROVAL, row)) as { spec: object };
      const object = {
        ...document,
        spec: typeof document.spec === "object" ? { ...document.spec, requestedBy: "admin" } : document.spec,
      };
      const { status, body } = await api("POST", `${PATH}?dryRun=All&fieldValidation=Strict`, object);
      const expected = row.problems.length === 0 ? [201] : [422, 400];
      assert(expected.includes(status), `${row.name}: ${status} ${body.message ?? ""}`);
    }
  });

  test("hosts and durations are bounded as by the routers' parser", async () => {
    const host = (text: string): object => ({ action: { kind: "egress", host: text, port: 443, protocol: "tls" } });
    const rows: [boolean, object][] = [
      ...[
        "localhost",
        "a_b.example",
        "_x.example",
        "xn--bcher-kva.example",
        "API.Example.",
        "8.8.8.8",
        "[2606:4700::1111]",
        `${"a".repeat(63)}.example`,
        "[2606:4700::5efe:0:0:1]",
        "1.example",
      ].map((text): [boolean, object] => [true, host(text)]),
      ...[
        "",
        ".",
        "a..b",
        "*.com",
        "*",
        "-a.example",
        "a-.example",
        "127.1",
        "0x7f.1",
        "0x7F000001",
        "1.2.3.4.",
        "1.2.3.0x",
        "0177.0.0.1",
        "01.2.3.4",
        "2606:4700::1111",
        "[8.8.8.8]",
        "[example.com]",
        "[fe80::1%eth0]",
        "[::]",
        "[::1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::808:808]",
        "[2002:808:808::]",
        "[2001:db8::1]",
        "[2001::1]",
        "[fd00::1]",
        "[4000::1]",
        "[2606:4700::5efe:8.8.8.8]",
        "[2606:4700::200:5efe:808:808]",
        "[2606:4700:0:0:0000:5EFE:808:808]",
        "[2606:4700::5efe:0:0]",
        "[2606:4700::1111",
        "2606:4700::1111]",
        "a.example:443",
        "a.example/x",
        "user@a.example",
        "a%2eexample",
        "a\u0000.example",
        "Kelvin\u212a.example",
        `${"a".repeat(64)}.example`,
        `${"a.".repeat(127)}b`,
        "10.0.0.1",
        "100.64.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
      ].map((text): [boolean, object] => [false, host(text)]),
      ...[
        "5s",
        "5000ms",
        "24h",
        "1d",
        "1d0h0s",
        "0d5s",
        "000000001d",
        "86400s",
        "1440m",
        "86400000ms",
        "1h30m",
        "23h59m60s",
      ].map((duration): [boolean, object] => [true, { duration }]),
      ...[
        "",
        "4999ms",
        "4s",
        "0d",
        "1d1ms",
        "1d0h1s",
        "2d",
        "25h",
        "86401s",
        "999999999d",
        "999999999h",
        "999999999m",
        "999999999s",
        "999999999ms",
        "1h1h",
        "1m1h",
        "1.5h",
        "-5s",
        "1w",
        "P1D",
        "10",
        "5 s",
        "1000000000ms",
        "24h1ms",
      ].map((duration): [boolean, object] => [false, { duration }]),
      [true, { action: { kind: "tool", server: "a", tool: "b", arguments: "any text" } }],
      [true, { action: { kind: "tool", server: "a", tool: "b", arguments: [1, { deep: [[{}]] }] } }],
      [true, { action: { kind: "exec", program: "/bin/sh", argv: [] } }],
      [true, { action: { kind: "exec", program: "/bin/sh", argv: ["x".repeat(65_536)] } }],
      [false, { action: { kind: "exec", program: "/bin/sh", argv: ["x".repeat(65_536), "y"] } }],
      [false, { action: { kind: "exec", program: "/bin/sh", argv: Array.from({ length: 1_025 }, () => "") } }],
      [false, { action: { kind: "inference", model: "a", argumentsDigest: `sha256:${"0a".repeat(32)}` } }],
      [false, { action: { kind: "inference", model: "a", arguments: {} } }],
      [false, { action: { kind: "spawn", agent: "a", depth: -1 } }],
      [false, { action: { kind: "egress", host: "a.example", port: 1.5, protocol: "tls" } }],
      [false, { reason: "turned\u202earound" }],
      ...(
        [
          { kind: "inference", model: "X" },
          { kind: "exec", program: "X", argv: [] },
          { kind: "spawn", agent: "X" },
          { kind: "tool", server: "X", tool: "a", arguments: {} },
          { kind: "tool", server: "a", tool: "X", arguments: {} },
          { kind: "mesh.send", peer: "X" },
          { kind: "mesh.send", peer: "a", topic: "X" },
          { kind: "admin", operation: "X" },
          { kind: "egress", host: "a.example", port: 80, protocol: "http", method: "X", path: "/" },
          { kind: "egress", host: "a.example", port: 80, protocol: "http", method: "GET", path: "/X" },
        ] as const
      ).flatMap((action) => {
        const named = (text: string): object => ({
          action: JSON.parse(JSON.stringify(action).replace("X", JSON.stringify(text).slice(1, -1))) as object,
        });
        return [
          ...["/usr/bin/git", "создать", "a b"].map((text): [boolean, object] => [true, named(text)]),
          ...["a\u202eb", "a\nb", "\u001b[2K", "a\u200b"].map((text): [boolean, object] => [false, named(text)]),
        ];
      }),
      [true, { action: { kind: "exec", program: "/bin/sh", argv: ["\u202e\n\u001b"], directory: "/a\u202eb" } }],
      [true, { action: { kind: "tool", server: "a", tool: "b", arguments: { "\u202e": "\n" } } }],
      [false, { target: { pod: "a\nb" } }],
    ];
    for (const [isGood, spec] of rows) {
      const { status, body } = await api(
        "POST",
        `${PATH}?dryRun=All&fieldValidation=Strict`,
        approvalOf("row", "admin", spec),
      );
      assert.equal(
        status,
        isGood ? 201 : 422,
        `${JSON.stringify(spec).slice(0, 200)}: ${body.message?.slice(0, 300) ?? ""}`,
      );
    }
  });

  test("kubectl get egr says it in one line", async () => {
    const { alice, bob, controller, ask, answer, cluster } = world;
    const others = (await api("GET", PATH)).body.items ?? [];
    for (const { metadata } of others) await api("DELETE", `${PATH}/${metadata.name ?? ""}`);
    await ask("fetch-report", alice);
    await ask("push", alice, {
      action: { kind: "tool", server: "github", tool: "create_issue", arguments: {} },
      target: { agent: "coder" },
    });
    const http = { kind: "egress", host: "api.example.com", port: 80, protocol: "http", method: "DELETE" };
    await ask("remove", alice, { action: { ...http, path: "/everything/there/is/under/a/long/path" } });
    is(await answer("fetch-report", bob, answerOf("True", "bob")), 200);
    is(await answer("fetch-report", controller, { phase: "Active", expiresAt: "2026-11-21T12:10:00Z" }), 200);
    is(await answer("push", controller, { phase: "Pending" }), 200);
    const printed = async (...args: string[]): Promise<string> => {
      const { stdout, stderr } = await cluster.kubectl(["get", "egr", "-n", NAMESPACE, ...args]);
      return stdout.replaceAll(/\b\d+s\b( *)/g, (age) => "AGE".padEnd(age.length)).replaceAll(/ +$/gm, "") + stderr;
    };
    assert.equal(
      await printed(),
      `NAME           KIND     ACTION            PORT   METHOD   PHASE     APPROVED   APPROVED-BY   EXPIRES                AGE   PATH
fetch-report   egress   api.example.com   443             Active    True       bob           2026-11-21T12:10:00Z   AGE
push           tool     create_issue                      Pending                                                   AGE
remove         egress   api.example.com   80     DELETE                                                             AGE   /everything/there/is/under/a/long/path
`,
    );
    assert.equal(
      (await printed("-o", "wide", "--field-selector", "spec.target.agent=coder", "--no-headers")).replaceAll(
        / +/g,
        " ",
      ),
      "push tool create_issue Pending AGE coder alice The report is published there only.\n",
    );
    assert.match((await cluster.kubectl(["get", "sluice", "-n", NAMESPACE])).stdout, /egressapproval.sluice.dev\/push/);
  });

  test("policies are kept as they were signed", async () => {
    const spec = {
      version: 7,
      issuedAt: "2026-11-20T00:00:00Z",
      expiresAt: "2027-02-20T00:00:00Z",
      audience: { namespaces: ["research"], agents: ["*"] },
      allow: [{ id: "x", odd: null, n: 1e21, f: 0.1, deep: [[{}]] }],
    };
    for (const [kind, plural] of [
      ["EgressPolicy", "egresspolicies"],
      ["InferencePolicy", "inferencepolicies"],
      ["GovernancePolicy", "governancepolicies"],
    ] as const) {
      const path = `/apis/sluice.dev/v1alpha1/namespaces/${NAMESPACE}/${plural}`;
      const object = { apiVersion: "sluice.dev/v1alpha1", kind, metadata: { name: "research-agent" }, spec };
      const { status, body } = await api("POST", path, object);
      assert.equal(status, 201, body.message ?? "");
      assert.deepEqual(body.spec, spec);
      is(
        await api("POST", path, { ...object, metadata: { name: "bad" }, spec: { ...spec, version: 0 } }),
        422,
        /version/,
      );
      const now = { lastTransitionTime: "2026-11-20T10:00:00Z", reason: "Fine", message: "" };
      const written = {
        digest: `sha256:${"0a".repeat(32)}`,
        shortDigest: "0a0a0a0a0a0a",
        version: 7,
        conditions: [{ type: "Loaded", status: "False", ...now }],
        pods: { total: 2, loaded: 1, behind: [{ name: "agent-1", message: "an older one" }] },
      };
      is(await api("PATCH", `${path}/research-agent/status`, { status: written }), 200);
      assert.deepEqual((await api("GET", `${path}/research-agent`)).body.status, written);
      const { stdout } = await world.cluster.kubectl(["get", plural, "-n", NAMESPACE, "--no-headers"]);
      assert.match(stdout, /^research-agent +7 +0a0a0a0a0a0a +False +\d+s\n$/);
    }
  });

  test("the webhook writes who asked", async (t) => {
    const { alice, cluster } = world;
    await using server = await startAdmissionServer([], ({ object, userInfo }) => {
      const stamped = stampApproval(object, userInfo.username);
      return "refused" in stamped
        ? { allowed: false, message: stamped.refused }
        : { allowed: true, patch: stamped.patch };
    });
    const webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    t.after(async () => cluster.api("DELETE", `${webhooks}/stamp`));
    is(
      await api("POST", webhooks, {
        metadata: { name: "stamp" },
        webhooks: [
          {
            name: "stamp.sluice.dev",
            clientConfig: { url: `https://127.0.0.1:${server.port}/stamp`, caBundle: server.caBundle },
            rules: [
              { apiGroups: ["sluice.dev"], apiVersions: ["*"], operations: ["CREATE"], resources: ["egressapprovals"] },
            ],
            sideEffects: "None",
            admissionReviewVersions: ["v1"],
            failurePolicy: "Fail",
          },
        ],
      }),
      201,
    );
    await eventually(async () => is(await api("POST", PATH, approvalOf("stamped", undefined), { as: alice }), 201));
    assert.equal(((await api("GET", `${PATH}/stamped`)).body.spec as { requestedBy: string }).requestedBy, "alice");
    is(await api("POST", PATH, approvalOf("stamped-2", "bob"), { as: alice }), 400, /filled in/);
  });

  describe("the command line", () => {
    /** What a verb printed and how it ended. */
    async function run(verb: typeof approve, ...argv: string[]): Promise<{ code: number; out: string; err: string }> {
      const said = { out: "", err: "" };
      const io: CliIo = {
        stdout: (text) => void (said.out += text),
        stderr: (text) => void (said.err += text),
        cwd: "/",
        now: () => epochMillis(Date.now()),
      };
      const code = await verb([...argv, "-n", NAMESPACE, "--yes"], io);
      return { code, ...said };
    }

    test("approves with a client certificate, and says so again", async () => {
      const { alice, bob, ask } = world;
      await ask("cli-1", alice);
      const first = await run(approve, "cli-1", "--kubeconfig", bob.kubeconfig, "--reason", "Fine by me.");
      assert.equal(first.code, 0, first.err);
      assert.match(first.out, /^approved research\/cli-1 as bob; it ends at \S+Z at the latest\n$/);
      assert.match(first.err, /action +egress tls api\.example\.com:443\n/);
      const { conditions, approvedBy } = (await statusOf("cli-1")) as { conditions: object[]; approvedBy: string };
      assert.equal(approvedBy, "bob");
      const [{ lastTransitionTime, ...condition }] = conditions as [{ lastTransitionTime: string }];
      assert.deepEqual(condition, { type: "Approved", status: "True", reason: "Approved", message: "Fine by me." });
      assert(Math.abs(Date.parse(lastTransitionTime) - Date.now()) < 10_000);
      const again = await run(approve, "cli-1", "--kubeconfig", bob.kubeconfig);
      assert.deepEqual([again.code, /^cli-1 was approved before, by bob at /.test(again.out)], [0, true]);
      const other = await run(deny, "cli-1", "--kubeconfig", bob.kubeconfig);
      assert.equal(other.code, 1);
      assert.match(other.err, /an answer stands. To take it back: sluice revoke cli-1/);
    });

    test("INV-EGR-REVOKE: revokes however fast others change its labels, and never another object", async () => {
      const { alice, bob, carol, ask, answer } = world;
      await ask("flood", carol);
      is(await answer("flood", bob, answerOf("True", "bob")), 200);
      const state = { isOver: false, changes: 0 };
      const flood = async (): Promise<void> => {
        while (!state.isOver) {
          state.changes += 1;
          await api("PATCH", `${PATH}/flood`, { metadata: { labels: { n: `${state.changes}` } } }, { as: alice });
        }
      };
      const floods = [flood(), flood(), flood()];
      await eventually(async () => assert(state.changes > 20));
      const before = state.changes;
      const revoked = await run(revoke, "flood", "--kubeconfig", bob.kubeconfig);
      assert(state.changes > before);
      state.isOver = true;
      await Promise.all(floods);
      assert.equal(revoked.code, 0, revoked.err);
      const { spec } = (await api("GET", `${PATH}/flood`)).body;
      assert.equal((spec as { revoked?: boolean }).revoked, true);
      await ask("other", carol);
      const uid = "11111111-1111-1111-1111-111111111111";
      const patch = { metadata: { uid }, spec: { revoked: true } };
      is(await api("PATCH", `${PATH}/other`, patch, { as: bob }), 422, /metadata\.uid/);
    });

    test("does not answer what was deleted and is held, and revokes it", async () => {
      const { alice, bob, ask } = world;
      await ask("held", alice);
      is(await api("PATCH", `${PATH}/held`, { metadata: { finalizers: ["example.com/hold"] } }, { as: bob }), 200);
      is(await api("DELETE", `${PATH}/held`, undefined, { as: bob }), 200);
      for (const verb of [approve, deny]) {
        const refused = await run(verb, "held", "--kubeconfig", bob.kubeconfig);
        assert.equal(refused.code, 1);
        assert.match(refused.err, /held is deleted, and only held by a finalizer/);
      }
      const revoked = await run(revoke, "held", "--kubeconfig", bob.kubeconfig);
      assert.equal(revoked.code, 0, revoked.err);
    });

    test("says which role is missing, and who may not", async () => {
      const { alice, carol, dave, ask } = world;
      await ask("cli-2", carol);
      const requester = await run(approve, "cli-2", "--kubeconfig", alice.kubeconfig);
      assert.equal(requester.code, 1);
      assert.match(
        requester.err,
        /alice may not approve in namespace research: .*kubectl create rolebinding sluice-approver -n research --clusterrole=sluice-approver --user=alice/,
      );
      assert.match((await run(deny, "cli-2", "--kubeconfig", dave.kubeconfig)).err, /dave may not deny/);
      const own = await run(approve, "cli-2", "--kubeconfig", carol.kubeconfig);
      assert.equal(own.code, 1);
      assert.match(own.err, /You \(carol\) asked for cli-2 yourself/);
      const revoked = await run(revoke, "cli-2", "--kubeconfig", alice.kubeconfig);
      assert.match(revoked.err, /or to have asked for it/);
      assert.equal((await run(revoke, "cli-2", "--kubeconfig", carol.kubeconfig)).code, 0);
      assert.match((await run(approve, "cli-2", "--kubeconfig", carol.kubeconfig)).err, /was revoked/);
      const stranger = await run(approve, "cli-2", "--kubeconfig", world.cluster.user("eve").kubeconfig);
      assert.equal(stranger.code, 1);
      assert.match(stranger.err, /eve may not approve in namespace research/);
    });

    test("takes a token, an exec plugin, and a chosen context", async () => {
      const { alice, ask, cluster } = world;
      const token = await cluster.serviceAccountToken(NAMESPACE, "approver");
      const name = `system:serviceaccount:${NAMESPACE}:approver`;
      await ask("cli-3", alice);
      await ask("cli-4", alice);
      const byToken = await run(deny, "cli-3", "--kubeconfig", cluster.tokenKubeconfig(token), "--json");
      assert.equal(byToken.code, 0, byToken.err);
      const { at, ...said } = JSON.parse(byToken.out) as { at: string };
      assert(!Number.isNaN(Date.parse(at)));
      assert.deepEqual(said, {
        verb: "deny",
        namespace: NAMESPACE,
        name: "cli-3",
        changed: true,
        by: name,
        uses: 1,
        expiresAt: null,
      });
      const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
      const script = `process.stdout.write(${JSON.stringify(JSON.stringify(credential))})`;
      const exec = {
        apiVersion: "client.authentication.k8s.io/v1",
        command: process.execPath,
        args: ["-e", script],
        interactiveMode: "Never",
      };
      const path = join(cluster.directory, "exec.kubeconfig");
      writeFileSync(
        path,
        JSON.stringify({
          clusters: [
            {
              name: "c",
              cluster: {
                server: cluster.url,
                "certificate-authority-data": Buffer.from(cluster.caPem).toString("base64"),
              },
            },
          ],
          users: [
            { name: "u", user: { exec } },
            { name: "broken", user: { exec: { ...exec, args: ["-e", "console.error('no login');process.exit(1)"] } } },
          ],
          contexts: [
            { name: "good", context: { cluster: "c", user: "u", namespace: NAMESPACE } },
            { name: "bad", context: { cluster: "c", user: "broken" } },
          ],
          "current-context": "bad",
        }),
      );
      const broken = await run(approve, "cli-4", "--kubeconfig", path);
      assert.equal(broken.code, 2);
      assert.match(broken.err, /credentials cannot be had: no login/);
      assert.match(
        (await run(approve, "cli-4", "--kubeconfig", path, "--context", "none")).err,
        /no whole context "none"/,
      );
      const good = await run(approve, "cli-4", "--kubeconfig", path, "--context", "good");
      assert.equal(good.code, 0, good.err);
    });

    test("an unknown name, and a server that is not there", async () => {
      const { bob, cluster } = world;
      const unknown = await run(approve, "nothing", "--kubeconfig", bob.kubeconfig);
      assert.deepEqual([unknown.code, /There is no EgressApproval nothing/.test(unknown.err)], [2, true]);
      await cluster.stop();
      const gone = await run(approve, "nothing", "--kubeconfig", bob.kubeconfig);
      assert.deepEqual([gone.code, /does not answer/.test(gone.err)], [69, true]);
    });
  });
});
