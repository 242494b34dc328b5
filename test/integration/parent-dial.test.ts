import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { systemClock } from "../../router/app/clock.ts";
import { createUpstreamRooms } from "../../router/app/upstream-rooms.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import { parseEndpoint } from "../../router/core/config/endpoint-shape.ts";
import { admitAddresses, admitName } from "../../router/core/policy/admit-address.ts";
import type { DialPermit } from "../../router/core/policy/permit.ts";
import { createBufferPool } from "../../router/edge/upstream/buffer-pool.ts";
import { dial, dialTunnel } from "../../router/edge/upstream/dial.ts";
import { dialThrough, type ParentDialOptions } from "../../router/edge/upstream/parent-dial.ts";
import type { ParentProxy } from "../../router/edge/upstream/parent-proxy.ts";
import { reset } from "../../router/edge/upstream/reset.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { testCa, tlsOrigin } from "../fakes/origins.ts";
import { fakeParent, type ParentSetup } from "../fakes/parent-proxy.ts";
import { ip, network, permitFor } from "../unit/core/policy/policy-fixture.ts";

const NEVER = new AbortController().signal;
let origin: FakeOrigin;

before(async () => {
  origin = await fakeOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
    socket.on("end", () => socket.end());
  });
});
after(async () => {
  await origin.close();
  assert.equal(getEventListeners(NEVER, "abort").length, 0, "nobody listens on");
});

/** Leave to go through the parent `corp`, to these addresses; none: by name. */
function permit(addresses: readonly string[] = ["127.0.0.1"], port = origin.port): DialPermit {
  const named = addresses.map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`));
  const rule = { id: "r", hosts: ["origin.test"], addresses: named, ports: [port], protocol: "tcp", proxy: "corp" };
  const name = permitFor({ allow: [{ ...rule, protocol: "tcp" }] }, `CONNECT origin.test:${port}`);
  if (addresses.length === 0) return admitName(name);
  const admitted = admitAddresses(network(), name, addresses.map(ip));
  assert.ok(admitted.ok);
  return admitted.value.permit;
}

function parent(port: number, more: Partial<ParentProxy> & { readonly url?: string } = {}): ParentProxy {
  const endpoint = parseEndpoint(more.url ?? `http://127.0.0.1:${port}`);
  assert.ok(endpoint.ok);
  return {
    name: "corp",
    kind: "http",
    endpoint: endpoint.value,
    send: "address",
    secrets: async () => ok({ credential: undefined, ca: undefined }),
    ...more,
  };
}

function options(more: Partial<ParentDialOptions> = {}): ParentDialOptions {
  return {
    clock: systemClock,
    resolve: async () => ok([ip("127.0.0.1")]),
    network: () => network(),
    timeout: millis(2_000),
    signal: NEVER,
    ...more,
  };
}

const secrets = (credential: string | undefined, ca?: string): ParentProxy["secrets"] => {
  const colon = credential?.indexOf(":") ?? 0;
  const parts =
    credential === undefined ? undefined : { user: credential.slice(0, colon), password: credential.slice(colon + 1) };
  return async () => ok({ credential: parts, ca });
};

async function echoes(socket: Socket, text: string): Promise<void> {
  socket.write(text);
  socket.resume();
  let got = "";
  while (!got.includes(text)) got += String((await once(socket, "data"))[0]);
  assert.ok(got.includes(`echo ${text}`), got);
}

describe("a parent that keeps its word", () => {
  const rows: readonly {
    readonly what: string;
    readonly setup: ParentSetup;
    readonly parent?: (port: number) => Partial<ParentProxy> & { readonly url?: string };
    readonly addresses?: readonly string[];
    readonly asked: readonly string[];
    readonly reached?: string;
  }[] = [
    { what: "CONNECT, the vetted address", setup: { kind: "http" }, asked: ["127.0.0.1"], reached: "127.0.0.1" },
    {
      what: "CONNECT, the name",
      setup: { kind: "http", hosts: { "origin.test": "127.0.0.1" } },
      parent: () => ({ send: "name" }),
      addresses: [],
      asked: ["origin.test"],
    },
    {
      what: "CONNECT with Basic",
      setup: { kind: "http", credential: "me:a:b c" },
      parent: () => ({ secrets: secrets("me:a:b c") }),
      asked: ["127.0.0.1"],
      reached: "127.0.0.1",
    },
    {
      what: "CONNECT over TLS, its name resolved here",
      setup: { kind: "http", tls: ["parent.test"] },
      parent: (port) => ({
        url: `https://parent.test:${port}`,
        secrets: secrets(undefined, testCa().certificatePem),
      }),
      asked: ["127.0.0.1"],
      reached: "127.0.0.1",
    },
    {
      what: "SOCKS, the vetted address",
      setup: { kind: "socks5" },
      parent: () => ({ kind: "socks5" }),
      asked: ["127.0.0.1"],
      reached: "127.0.0.1",
    },
    {
      what: "SOCKS, the name, with user and password",
      setup: { kind: "socks5", credential: "me:secret", hosts: { "origin.test": "127.0.0.1" } },
      parent: () => ({ kind: "socks5", send: "name", secrets: secrets("me:secret") }),
      addresses: [],
      asked: ["origin.test"],
    },
    {
      what: "SOCKS, a credential that is not asked for",
      setup: { kind: "socks5" },
      parent: () => ({ kind: "socks5", secrets: secrets("me:secret") }),
      asked: ["127.0.0.1"],
      reached: "127.0.0.1",
    },
    {
      what: "the next address where the first is refused",
      setup: { kind: "http", refuses: ["127.0.0.9"] },
      addresses: ["127.0.0.9", "127.0.0.1"],
      asked: ["127.0.0.9", "127.0.0.1"],
      reached: "127.0.0.1",
    },
    {
      what: "the next address where the first is refused (SOCKS)",
      setup: { kind: "socks5", refuses: ["127.0.0.9"] },
      parent: () => ({ kind: "socks5" }),
      addresses: ["127.0.0.9", "127.0.0.1"],
      asked: ["127.0.0.9", "127.0.0.1"],
      reached: "127.0.0.1",
    },
  ];
  for (const row of rows) {
    test(row.what, async () => {
      await using fake = await fakeParent(row.setup);
      const dialled = await dialThrough(
        parent(fake.port, row.parent?.(fake.port) ?? {}),
        permit(row.addresses),
        options(),
      );
      assert.ok(dialled.ok, JSON.stringify(dialled));
      const { socket, address, port } = dialled.value;
      assert.equal(address, row.reached);
      assert.equal(port, origin.port);
      assert.ok(socket.isPaused());
      assert.deepEqual(
        fake.asked,
        row.asked.map((host) => `${host}:${origin.port}`),
      );
      await echoes(socket, "hello");
      // What relays do at a break has to be possible over TLS as well.
      reset(socket);
      await once(socket, "close");
    });
  }

  test("what the origin said behind the answer comes first, in whatever pieces", async () => {
    for (const kind of ["http", "socks5"] as const) {
      await using fake = await fakeParent({ kind, early: "220 early\r\n" });
      const dialled = await dialThrough(parent(fake.port, { kind }), permit(), options());
      assert.ok(dialled.ok);
      const { socket } = dialled.value;
      let got = "";
      socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      socket.resume();
      socket.write("x");
      while (!got.includes("echo x")) await pause(5);
      assert.equal(got, "220 early\r\necho x");
      socket.destroy();
    }
  });

  test("FIN goes through in either direction", async () => {
    await using fake = await fakeParent({ kind: "http" });
    const dialled = await dialThrough(parent(fake.port), permit(), options());
    assert.ok(dialled.ok);
    const { socket } = dialled.value;
    socket.end("last");
    let got = "";
    for await (const chunk of socket) got += String(chunk);
    assert.equal(got, "echo last");
  });
});

const hexOf = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("a parent that does not keep its word", () => {
  /** What it says as soon as it is spoken to, in these pieces; then it is silent, or closes. */
  type Says = readonly (string | Buffer)[];
  const rows: readonly {
    readonly what: string;
    readonly kind?: ParentProxy["kind"];
    readonly says: Says;
    readonly last?: "close" | "reset";
    readonly expected: RegExp;
    readonly timeout?: number;
    readonly most?: number;
    readonly credential?: string;
  }[] = [
    { what: "407", says: ["HTTP/1.1 407 No\r\n\r\n"], expected: /^upstream_unreachable .*\(status 407\)/ },
    {
      what: "407 for a credential",
      credential: "me:swordfish",
      says: ["HTTP/1.1 407 No\r\n\r\n"],
      expected: /^upstream_unreachable .*\(status 407\)/,
    },
    { what: "403", says: ["HTTP/1.1 403 No\r\n\r\nno"], expected: /^upstream_unreachable .*\(status 403\)/ },
    { what: "502", says: ["HTTP/1.0 502 No\r\n\r\n"], expected: /^upstream_unreachable .*\(status 502\)/ },
    { what: "a redirect", says: ["HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n"], expected: /^upstream_unreachable .*302/ },
    { what: "101", says: ["HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"], expected: /^upstream_invalid .*\(101\)/ },
    { what: "a status beyond all", says: ["HTTP/1.1 999 X\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "HTTP/2", says: ["HTTP/2 200\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "TLS where nobody asked", says: [hexOf("15030100020246")], expected: /^upstream_invalid/ },
    { what: "an SSH banner", says: ["SSH-2.0-x\r\n"], expected: /^upstream_invalid/, most: 500 },
    { what: "lone LF", says: ["HTTP/1.1 200 OK\n\n"], expected: /^upstream_invalid/ },
    { what: "a NUL", says: ["HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "a folded field", says: ["HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "a field without a name", says: ["HTTP/1.1 200 OK\r\n: b\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "too many fields", says: ["HTTP/1.1 200 OK\r\n", "a: b\r\n".repeat(300), "\r\n"], expected: /too many/ },
    { what: "a head without end", says: Array(40).fill(`A: ${"b".repeat(1_000)}\r\n`), expected: /^upstream_invalid/ },
    {
      what: "a well-begun head without end",
      says: ["HTTP/1.1 200 OK\r\n", ...Array<string>(40).fill(`A: ${"b".repeat(1_000)}\r\n`)],
      expected: /^upstream_invalid .*without end/,
    },
    {
      what: "interim answers without end",
      says: Array<string>(800).fill("HTTP/1.1 100 Continue\r\n\r\n"),
      expected: /^upstream_invalid .*without end/,
    },
    {
      what: "a head in a trickle",
      says: "HTTP/1.1 200 OK\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".split(""),
      expected: /^upstream_unreachable Parent proxy corp: No connection within 300 ms\.$/,
      timeout: 300,
      most: 900,
    },
    { what: "silence", says: [], expected: /^upstream_unreachable .*within 300 ms/, timeout: 300, most: 900 },
    { what: "FIN", says: [], last: "close", expected: /^upstream_unreachable .*closed the connection/ },
    { what: "RST", says: [], last: "reset", expected: /^upstream_unreachable .*broke/ },
    { what: "half an answer and FIN", says: ["HTTP/1.1 200"], last: "close", expected: /closed the connection/ },
    { what: "SOCKS 4", kind: "socks5", says: [hexOf("005a")], expected: /^upstream_invalid .*version/ },
    { what: "HTTP to SOCKS", kind: "socks5", says: ["HTTP/1.1 200 OK\r\n\r\n"], expected: /^upstream_invalid/ },
    { what: "no method", kind: "socks5", says: [hexOf("05ff")], expected: /^upstream_unreachable .*authenticate/ },
    { what: "GSSAPI", kind: "socks5", says: [hexOf("0501")], expected: /^upstream_invalid .*not offered/ },
    { what: "a password that nobody has", kind: "socks5", says: [hexOf("0502")], expected: /not offered/ },
    {
      what: "a wrong password",
      kind: "socks5",
      credential: "me:swordfish",
      says: [hexOf("0502"), hexOf("0101")],
      expected: /^upstream_unreachable .*refuses the user name/,
    },
    {
      what: "the wrong version of RFC 1929",
      kind: "socks5",
      credential: "me:swordfish",
      says: [hexOf("0502"), hexOf("0500")],
      expected: /^upstream_invalid/,
    },
    { what: "reply 2", kind: "socks5", says: [hexOf("0500"), hexOf("0502")], expected: /rules refuse it \(reply 2\)/ },
    {
      what: "reply 99",
      kind: "socks5",
      says: [hexOf("0500"), hexOf("056300")],
      expected: /^upstream_invalid .*\(99\)/,
    },
    { what: "the reserved octet", kind: "socks5", says: [hexOf("0500 050001")], expected: /^upstream_invalid/ },
    { what: "an unknown address", kind: "socks5", says: [hexOf("0500 05000007")], expected: /^upstream_invalid/ },
    {
      what: "a reply that never ends",
      kind: "socks5",
      says: [hexOf("0500 05000003ff"), "short"],
      expected: /within 300 ms/,
      timeout: 300,
      most: 900,
    },
  ];
  for (const row of rows) {
    test(`INV-CHAIN-NO-FALLBACK: ${row.what}`, async () => {
      const left: Promise<void>[] = [];
      const hostile = await fakeOrigin((socket) => {
        left.push(new Promise((resolve) => socket.once("end", resolve).once("close", () => resolve())));
        socket.once("data", () => void speak(socket).catch(() => undefined));
      });
      async function speak(socket: Socket): Promise<void> {
        for (const piece of row.says) {
          if (socket.destroyed) return;
          socket.write(piece);
          if (row.says.length < 30) await pause(2);
        }
        if (row.last === "close") socket.end();
        if (row.last === "reset") socket.resetAndDestroy();
      }
      const before = origin.accepted;
      const began = performance.now();
      try {
        const asked = parent(hostile.port, { kind: row.kind ?? "http", secrets: secrets(row.credential) });
        const dialled = await dialThrough(asked, permit(), options({ timeout: millis(row.timeout ?? 2_000) }));
        assert.ok(!dialled.ok);
        const said = `${dialled.problem.reason} ${dialled.problem.detail}`;
        assert.match(said, row.expected);
        assert.match(said, /^upstream_\w+ Parent proxy corp: /);
        assert.doesNotMatch(said, /swordfish|c3dvcmRmaXNo|bbbb/, "nothing of a secret or a peer's words");
        assert.ok(performance.now() - began < (row.most ?? 1_500), `${performance.now() - began} ms`);
        await pause(10);
        assert.equal(origin.accepted, before, "the origin was not dialled");
        // Nor is the parent's connection left behind.
        await Promise.all(left);
      } finally {
        await hostile.close();
      }
    });
  }

  test("an answer in single octets, behind interim ones, opens", async () => {
    const slow = await fakeOrigin((socket) => {
      socket.once("data", () => void speak(socket));
    });
    async function speak(socket: Socket): Promise<void> {
      const text = "HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\nHTTP/1.1 200\r\nContent-Length: 5\r\n\r\nearly";
      for (const octet of text) {
        socket.write(octet);
        await pause(0);
      }
    }
    try {
      const dialled = await dialThrough(parent(slow.port), permit(), options());
      assert.ok(dialled.ok, JSON.stringify(dialled));
      let got = "";
      dialled.value.socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      dialled.value.socket.resume();
      while (got.length < 5) await pause(5);
      assert.equal(got, "early");
      dialled.value.socket.destroy();
    } finally {
      await slow.close();
    }
  });

  test("one that hangs on an address is asked for the next, and at most four are asked", async () => {
    const asked: string[] = [];
    const hanging = await fakeOrigin((socket) => {
      socket.once("data", (head: Buffer) => {
        const target = /^CONNECT (\S+):/.exec(head.toString())?.[1] ?? "";
        asked.push(target);
        if (target === "127.0.0.5") socket.write("HTTP/1.1 200 OK\r\n\r\n");
        else if (target !== "127.0.0.2") socket.end("HTTP/1.1 503 Later\r\n\r\n");
      });
    });
    try {
      const four = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
      const dialled = await dialThrough(parent(hanging.port), permit(four), options({ timeout: millis(600) }));
      assert.ok(dialled.ok, JSON.stringify(dialled));
      assert.equal(dialled.value.address, "127.0.0.5");
      dialled.value.socket.destroy();
      asked.length = 0;
      const more = ["127.0.0.3", "127.0.0.4", "127.0.0.6", "127.0.0.7", "127.0.0.5"];
      const refused = await dialThrough(parent(hanging.port), permit(more), options());
      assert.ok(!refused.ok);
      assert.deepEqual(asked, more.slice(0, 4));
    } finally {
      await hanging.close();
    }
  });
});

test("what another address cannot mend is asked once", async () => {
  for (const answer of ["HTTP/1.1 407 No\r\n\r\n", "nonsense", "HTTP/1.1 101 X\r\n\r\n", ""]) {
    const single = await fakeOrigin((socket) => socket.once("data", () => socket.end(answer)));
    try {
      const dialled = await dialThrough(parent(single.port), permit(["127.0.0.1", "127.0.0.2"]), options());
      assert.ok(!dialled.ok);
      assert.equal(single.accepted, 1, answer);
    } finally {
      await single.close();
    }
  }
});

describe("the way to the parent", () => {
  test("TLS: who is not verified is told nothing", async () => {
    const rows = [
      ["another name", ["other.test"], testCa().certificatePem, /upstream_invalid .*another name/],
      ["an unknown authority", ["parent.test"], undefined, /upstream_invalid .*(trusted root|not trusted)/],
      ["certificates that are none", ["parent.test"], "nothing", /certificates that vouch for it cannot be read/],
    ] as const;
    for (const [what, names, ca, expected] of rows) {
      await using fake = await fakeParent({ kind: "http", tls: names });
      const url = `https://parent.test:${fake.port}`;
      const dialled = await dialThrough(parent(0, { url, secrets: secrets("me:swordfish", ca) }), permit(), options());
      assert.ok(!dialled.ok, what);
      assert.match(`${dialled.problem.reason} ${dialled.problem.detail}`, expected, what);
      assert.match(dialled.problem.detail, /^Parent proxy corp: 127\.0\.0\.1: (?!.*127)/, "the origin's address only");
      assert.deepEqual([fake.asked, fake.credentials], [[], []], what);
    }
  });

  test("a plain parent under an https endpoint fails, and is told nothing", async () => {
    await using fake = await fakeParent({ kind: "http" });
    const asked = parent(0, { url: `https://127.0.0.1:${fake.port}`, secrets: secrets("me:swordfish") });
    const dialled = await dialThrough(asked, permit(), options({ timeout: millis(500) }));
    assert.ok(!dialled.ok);
    assert.deepEqual([fake.asked, fake.credentials], [[], []]);
  });

  test("INV-CHAIN-NO-LOOP: an endpoint that is this router is never dialled", async () => {
    await using fake = await fakeParent({ kind: "http" });
    const ours = network({ listenerPorts: [fake.port as never] });
    for (const address of ["127.0.0.1", "127.0.0.7", "::1", "::ffff:127.0.0.1", "0.0.0.0"]) {
      const dialled = await dialThrough(
        parent(0, { url: `http://parent.test:${fake.port}` }),
        permit(),
        options({ network: () => ours, resolve: async () => ok([ip(address)]) }),
      );
      assert.ok(!dialled.ok);
      assert.match(dialled.problem.detail, /this router itself/, address);
    }
    assert.equal(fake.accepted, 0);
  });

  test("a dead parent, a name without address, secrets that cannot be read: said, and nobody is dialled", async () => {
    const before = origin.accepted;
    const closed = await fakeOrigin(() => undefined);
    await closed.close();
    const rows = [
      [parent(closed.port), options(), /^Parent proxy corp: 127\.0\.0\.1: It cannot be reached \(ECONNREFUSED\)\.$/],
      [
        parent(0, { url: `http://parent.test:${closed.port}` }),
        // Where it is, the agent is not told.
        options({ resolve: async () => ok([ip("127.0.0.77"), ip("::1")]) }),
        /: It cannot be reached \(ECONNREFUSED, ECONNREFUSED\)\.$/,
      ],
      [
        parent(0, { url: "http://parent.test:3128" }),
        options({
          resolve: async () => ({ ok: false, problem: { reason: "dns_failure", detail: "A ENOTFOUND" } }) as never,
        }),
        /no address \(A ENOTFOUND\)/,
      ],
      [parent(origin.port, { secrets: async () => ({ ok: false, problem: "Its file is gone." }) }), options(), /gone/],
      [parent(origin.port, { kind: "socks5", secrets: secrets(`me:${"x".repeat(256)}`) }), options(), /1 to 255/],
      [parent(origin.port), options({ signal: AbortSignal.abort() }), /given up/],
    ] as const;
    for (const [asked, how, expected] of rows) {
      const dialled = await dialThrough(asked, permit(), how);
      assert.ok(!dialled.ok);
      assert.match(dialled.problem.detail, expected);
    }
    assert.equal(origin.accepted, before);
  });

  test("an abort while the parent thinks ends it at once, and its socket", async () => {
    const silent = await fakeOrigin((socket) => socket.on("end", () => socket.end()).resume());
    try {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 30);
      const began = performance.now();
      const dialled = await dialThrough(parent(silent.port), permit(), options({ signal: abort.signal }));
      assert.ok(!dialled.ok && dialled.problem.detail.includes("given up"));
      assert.ok(performance.now() - began < 500);
      while (silent.open.size > 0) await pause(5);
    } finally {
      await silent.close();
    }
  });
});

test("INV-CHAIN-NO-FALLBACK: a permit for a parent opens nothing directly, nor one for another parent", async () => {
  const before = origin.accepted;
  const direct = { clock: systemClock, timeout: millis(500), signal: NEVER };
  for (const asked of [permit(), permit([])]) {
    await assert.rejects(dial(asked, direct), /never for a direct dial/);
    await assert.rejects(dialTunnel(asked, direct, createBufferPool(0)), /never for a direct dial/);
    await assert.rejects(dialThrough(parent(1, { name: "other" }), asked, options()), /not for this parent/);
  }
  await assert.rejects(dialThrough(parent(1), permit([]), options()), /without addresses/);
  const plain = permitFor(
    { allow: [{ id: "r", hosts: ["origin.test"], ports: [origin.port], protocol: "tcp" }] },
    `CONNECT origin.test:${origin.port}`,
  );
  assert.throws(() => admitName(plain), /only a parent proxy/);
  assert.equal(origin.accepted, before);
});

describe("TLS to the origin, through a parent", () => {
  const upstream = (setup: ParentSetup, port: number): ReturnType<typeof createUpstreamRooms> => {
    const isTls = setup.tls !== undefined;
    const asked = parent(0, {
      kind: setup.kind,
      url: isTls ? `https://parent.test:${port}` : `http://127.0.0.1:${port}`,
      secrets: secrets(undefined, isTls ? testCa().certificatePem : undefined),
    });
    const trust = createSecureContext({ ca: testCa().certificatePem });
    const limits = { connectTimeout: millis(2_000) } as Parameters<typeof createUpstreamRooms>[1];
    return createUpstreamRooms(systemClock, limits, () => trust, {
      dial: async (_name, permitted, how) => dialThrough(asked, permitted, options(how)),
    });
  };

  for (const setup of [{ kind: "http" }, { kind: "socks5" }, { kind: "http", tls: ["parent.test"] }] as const) {
    const way = `${setup.kind}${"tls" in setup ? " over TLS" : ""}`;
    test(`${way}: the origin's own certificate counts, and a reset ends both`, async () => {
      await using secured = await tlsOrigin(["origin.test"]);
      await using impostor = await tlsOrigin(["parent.test"]);
      await using fake = await fakeParent(setup);
      const rooms = upstream(setup, fake.port);
      const dialled = await rooms.dialSecure(permit(["127.0.0.1"], secured.port), NEVER, ["http/1.1"]);
      assert.ok(dialled.ok, JSON.stringify(dialled));
      const { socket, alpn, address } = dialled.value;
      assert.deepEqual([alpn, address], ["http/1.1", "127.0.0.1"]);
      socket.write("GET /inner HTTP/1.1\r\nHost: origin.test\r\n\r\n");
      let got = "";
      socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      socket.resume();
      while (!got.includes("/inner")) await pause(5);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      reset(socket);
      await closed;
      const refused = await rooms.dialSecure(permit(["127.0.0.1"], impostor.port), NEVER, []);
      assert.ok(!refused.ok && refused.problem.reason === "upstream_invalid", "a parent's certificate is no origin's");
    });

    test(`${way}: given up at any moment, nothing is left and nothing crashes`, async () => {
      await using secured = await tlsOrigin(["origin.test"]);
      await using fake = await fakeParent(setup);
      const rooms = upstream(setup, fake.port);
      for (let wait = 0; wait < 24; wait += 1) {
        const abort = new AbortController();
        const dialling = rooms.dialSecure(permit(["127.0.0.1"], secured.port), abort.signal, []);
        setTimeout(() => abort.abort(), wait / 2);
        const dialled = await dialling;
        if (dialled.ok) dialled.value.socket.destroy();
      }
    });
  }

  test("what came before the handshake was asked for is no origin's", async () => {
    await using secured = await tlsOrigin(["origin.test"]);
    await using fake = await fakeParent({ kind: "http", tls: ["parent.test"], early: "early" });
    const rooms = upstream({ kind: "http", tls: ["parent.test"] }, fake.port);
    const refused = await rooms.dialSecure(permit(["127.0.0.1"], secured.port), NEVER, []);
    assert.ok(!refused.ok && refused.problem.reason === "upstream_invalid", JSON.stringify(refused));
    const plain = await rooms.dialPlain(permit(["127.0.0.1"], secured.port), NEVER);
    assert.ok(!plain.ok && plain.problem.reason === "upstream_invalid", JSON.stringify(plain));
    assert.match(plain.problem.detail, /octets came behind its answer/);
    const tunnel = await rooms.dialTunnel(permit(["127.0.0.1"], secured.port), NEVER);
    assert.ok(tunnel.ok);
    tunnel.value.socket.resume();
    assert.equal(String((await once(tunnel.value.socket, "data"))[0]), "early");
    tunnel.value.socket.destroy();
  });

  test("an answer with FIN or RST behind it opens a link that its holder finds closed", async () => {
    for (const how of ["end", "resetAndDestroy"] as const) {
      const brief = await fakeOrigin((socket) => {
        socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\n", () => void socket[how]()));
      });
      try {
        const dialled = await dialThrough(parent(brief.port), permit(), options());
        if (!dialled.ok) continue;
        const { socket } = dialled.value;
        const closed = new Promise((resolve) => socket.once("close", resolve).once("end", resolve));
        socket.resume();
        await closed;
        socket.destroy();
      } finally {
        await brief.close();
      }
    }
  });
});
