import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { TunnelEnd } from "../../router/edge/upstream/tunnel.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { atRest, until } from "../fakes/until.ts";
import { type TunnelDoor, tunnelDoor, type TunnelSetup } from "../fakes/tunnel.ts";

let door: TunnelDoor;
before(async () => {
  door = await tunnelDoor();
});
after(async () => {
  await door.close();
  assert.equal(door.pool.lent, 0, "every buffer is back");
  assert.equal(door.watch.size, 0, "nothing is watched any more");
});

async function withOrigin(serve: (socket: Socket) => void, use: (origin: FakeOrigin) => Promise<void>): Promise<void> {
  const origin = await fakeOrigin(serve);
  try {
    await use(origin);
  } finally {
    await origin.close();
  }
}

const random = (below: number): number => Math.floor(Math.random() * below);

interface Received {
  readonly text: string;
  /** `end`, or the code of the error. */
  readonly how: string;
}

/** Reads to the end, or to the error. */
async function drain(socket: Socket): Promise<Received> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (how: string): void => resolve({ text: Buffer.concat(chunks).toString("latin1"), how });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => done("end"));
    socket.on("error", (error) => done("code" in error ? String(error.code) : error.message));
    socket.on("close", () => done("close"));
  });
}

const counts = (end: TunnelEnd): string => `${end.cause} ${end.bytesOut} ${end.bytesIn}`;

for (const pooled of [true, false]) {
  const mode = pooled ? "pooled" : "streamed";

  test(`tunnel (${mode}): bytes pass both ways at once, unchanged`, async () => {
    const up = randomBytes(9_000_001);
    const down = randomBytes(13_000_003);
    const sent = createHash("sha256");
    await withOrigin(
      (socket) => {
        socket.on("data", (chunk) => sent.update(chunk)).on("end", () => socket.end());
        socket.write(down);
      },
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, { pooled });
        const got = createHash("sha256");
        agent.on("data", (chunk: Buffer) => got.update(chunk));
        agent.end(up);
        assert.equal(counts(await relay.ended), `closed ${up.length} ${down.length}`);
        await once(agent, "close");
        assert.equal(got.digest("hex"), createHash("sha256").update(down).digest("hex"));
        assert.equal(sent.digest("hex"), createHash("sha256").update(up).digest("hex"));
      },
    );
  });

  test(`tunnel (${mode}): the agent's FIN is passed on, and the answer still comes`, async () => {
    await withOrigin(
      (socket) => {
        void drain(socket).then(({ text }) => setTimeout(() => socket.end(`heard ${text}`), 20));
      },
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, { pooled });
        agent.end("question");
        assert.deepEqual(await drain(agent), { text: "heard question", how: "end" });
        assert.equal(counts(await relay.ended), "closed 8 14");
      },
    );
  });

  test(`tunnel (${mode}): the origin's FIN is passed on, and the agent may go on`, async () => {
    const body = "x".repeat(1_000_000);
    const { promise: heard, resolve } = Promise.withResolvers<Received>();
    await withOrigin(
      (socket) => {
        void drain(socket).then(resolve);
        socket.end("bye");
      },
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, { pooled });
        assert.deepEqual(await drain(agent), { text: "bye", how: "end" });
        agent.end(body);
        assert.equal((await heard).text.length, body.length);
        assert.equal(counts(await relay.ended), `closed ${body.length} 3`);
      },
    );
  });

  test(`tunnel (${mode}): an agent that resets breaks the origin's side`, async () => {
    const { promise: heard, resolve } = Promise.withResolvers<Received>();
    const { promise: came, resolve: comes } = Promise.withResolvers<void>();
    await withOrigin(
      (socket) => {
        void drain(socket).then(resolve);
        socket.once("data", () => comes());
      },
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, { pooled });
        agent.write("abc");
        await came;
        agent.resetAndDestroy();
        assert.equal(counts(await relay.ended), "agent_reset 3 0");
        assert.deepEqual(await heard, { text: "abc", how: "ECONNRESET" });
      },
    );
  });

  test(`tunnel (${mode}): an origin that resets breaks the agent's side`, async () => {
    await withOrigin(
      (socket) => void socket.on("data", () => socket.resetAndDestroy()),
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, { pooled });
        agent.write("abc");
        assert.deepEqual(await drain(agent), { text: "", how: "ECONNRESET" });
        assert.equal(counts(await relay.ended), "origin_reset 3 0");
      },
    );
  });

  test(`INV-TUNNEL-CUT (${mode}): cut breaks both sides before it returns, and with RST`, async () => {
    const { promise: heard, resolve } = Promise.withResolvers<Received>();
    const { promise: came, resolve: comes } = Promise.withResolvers<void>();
    await withOrigin(
      (socket) => {
        void drain(socket).then(resolve);
        socket.once("data", () => comes());
      },
      async (origin) => {
        const { relay, agent, accepted, upstream } = await door.open(origin.port, { pooled });
        const seen = drain(agent);
        agent.write("abc");
        await came;
        relay.cut("denied_by_rule");
        assert.ok(accepted.destroyed && upstream.destroyed);
        relay.cut("internal");
        assert.deepEqual(await relay.ended, { cause: "cut", reason: "denied_by_rule", bytesOut: 3, bytesIn: 0 });
        assert.deepEqual(await seen, { text: "", how: "ECONNRESET" });
        assert.deepEqual(await heard, { text: "abc", how: "ECONNRESET" });
      },
    );
  });

  test(`tunnel (${mode}): a slow agent stops the origin`, async () => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    await withOrigin(
      (socket) => {
        const more = (): void => {
          while (!socket.destroyed) {
            written += chunk.length;
            if (!socket.write(chunk)) break;
          }
        };
        socket.on("drain", more);
        more();
      },
      async (origin) => {
        const { relay, agent, accepted } = await door.open(origin.port, { pooled });
        agent.pause();
        await atRest(() => written);
        assert.ok(accepted.writableLength <= 2 * 128 * 1024, `${accepted.writableLength} octets are held`);
        assert.ok(door.pool.lent <= 3, `${door.pool.lent} buffers are lent`);
        let got = 0;
        agent.on("data", (bytes: Buffer) => {
          got += bytes.length;
          if (got > 30_000_000) agent.destroy();
        });
        agent.resume();
        assert.equal((await relay.ended).cause, "agent_reset");
      },
    );
  });
}

test("tunnel: a slow origin stops the agent", async () => {
  await withOrigin(
    (socket) => socket.pause(),
    async (origin) => {
      const { relay, agent, upstream } = await door.open(origin.port);
      const chunk = Buffer.alloc(64 * 1024);
      let written = 0;
      const more = (): void => {
        while (!agent.destroyed) {
          written += chunk.length;
          if (!agent.write(chunk)) break;
        }
      };
      agent.on("drain", more);
      more();
      await atRest(() => written);
      assert.ok(upstream.writableLength <= 192 * 1024, `${upstream.writableLength} octets are held`);
      relay.cut("draining");
    },
  );
});

test("tunnel: early bytes go first, also where the agent has ended already", async () => {
  await withOrigin(
    (socket) => void drain(socket).then(({ text }) => socket.end(text.toUpperCase())),
    async (origin) => {
      const { relay, agent } = await door.open(origin.port, {
        early: ["one ", "two "],
        async beforeRelay(sockets) {
          sockets.agent.end();
          sockets.accepted.resume();
          await once(sockets.accepted, "end");
        },
      });
      assert.deepEqual(await drain(agent), { text: "ONE TWO ", how: "end" });
      assert.equal(counts(await relay.ended), "closed 8 8");
    },
  );
});

test("tunnel: an origin that speaks first", async () => {
  await withOrigin(
    (socket) => {
      socket.write("220 ready");
      socket.on("data", () => socket.end());
    },
    async (origin) => {
      const { relay, agent } = await door.open(origin.port, { beforeRelay: () => pause(20) });
      const [greeting] = (await once(agent, "data")) as [Buffer];
      assert.equal(greeting.toString(), "220 ready");
      agent.end("quit");
      assert.equal(counts(await relay.ended), "closed 4 9");
    },
  );
});

test("tunnel: a side that is gone before the relay begins ends it at once", async () => {
  await withOrigin(
    (socket) => void socket.resume(),
    async (origin) => {
      const one = await door.open(origin.port, { beforeRelay: async ({ accepted }) => void accepted.destroy() });
      assert.equal(counts(await one.relay.ended), "agent_reset 0 0");
      assert.ok(one.upstream.destroyed);
      const two = await door.open(origin.port, { beforeRelay: async ({ upstream }) => void upstream.destroy() });
      assert.equal(counts(await two.relay.ended), "origin_reset 0 0");
      assert.ok(two.accepted.destroyed);
      const three = await door.open(origin.port, {
        early: ["lost"],
        async beforeRelay({ agent, accepted }) {
          agent.resetAndDestroy();
          accepted.resume();
          await new Promise((resolve) => accepted.on("close", resolve));
        },
      });
      assert.equal((await three.relay.ended).cause, "agent_reset");
    },
  );
});

test("tunnel: a cut while a FIN is on its way still closes both sockets", async () => {
  await withOrigin(
    (socket) => void socket.on("data", () => socket.end("all of it")),
    async (origin) => {
      for (let round = 0; round < 20; round++) {
        const { relay, agent, accepted, upstream } = await door.open(origin.port);
        const gone = [accepted, upstream].map((socket) => new Promise((resolve) => socket.on("close", resolve)));
        const seen = drain(agent);
        agent.write("x");
        upstream.on("end", () => {
          if (round % 2 === 0) relay.cut("draining");
          else process.nextTick(() => relay.cut("draining"));
        });
        await Promise.all(gone);
        assert.equal((await relay.ended).cause, "cut");
        assert.equal((await seen).text, "all of it");
      }
    },
  );
});

test("tunnel: a late close_notify to an origin that has closed is no reset", async () => {
  await withOrigin(
    (socket) => void socket.on("data", () => socket.end("answer", () => socket.destroy())),
    async (origin) => {
      for (let round = 0; round < 20; round++) {
        const { relay, agent } = await door.open(origin.port);
        agent.write("question");
        assert.deepEqual(await drain(agent), { text: "answer", how: "end" });
        agent.end("close_notify");
        assert.equal((await relay.ended).cause, "closed");
      }
    },
  );
});

const limits: readonly {
  readonly what: string;
  readonly setup: TunnelSetup;
  readonly send: readonly number[];
  readonly answer: number;
  readonly expected: string;
  readonly reaches: number;
}[] = [
  {
    what: "exactly the limit out",
    setup: { bytesOut: 100 },
    send: [60, 40],
    answer: 0,
    expected: "closed 100 0",
    reaches: 100,
  },
  {
    what: "one octet over the limit out",
    setup: { bytesOut: 100 },
    send: [60, 41],
    answer: 0,
    expected: "byte_limit 60 0",
    reaches: 60,
  },
  {
    what: "early bytes count",
    setup: { bytesOut: 10, early: ["12345678901"] },
    send: [],
    answer: 0,
    expected: "byte_limit 0 0",
    reaches: 0,
  },
  {
    what: "early bytes and later ones",
    setup: { bytesOut: 10, early: ["1234567890"] },
    send: [1],
    answer: 0,
    expected: "byte_limit 10 0",
    reaches: 10,
  },
  { what: "exactly the limit in", setup: { bytesIn: 50 }, send: [1], answer: 50, expected: "closed 1 50", reaches: 1 },
  {
    what: "one octet over the limit in",
    setup: { bytesIn: 50 },
    send: [1],
    answer: 51,
    expected: "byte_limit 1 0",
    reaches: 1,
  },
  { what: "nothing may come in", setup: { bytesIn: 0 }, send: [1], answer: 1, expected: "byte_limit 1 0", reaches: 1 },
];

for (const row of limits) {
  for (const pooled of [true, false]) {
    test(`INV-TUNNEL-BYTES: ${row.what} (${pooled ? "pooled" : "streamed"})`, async () => {
      let reached = 0;
      await withOrigin(
        (socket) => {
          socket.on("data", (chunk: Buffer) => {
            reached += chunk.length;
            if (row.answer > 0) socket.write("y".repeat(row.answer));
          });
          socket.on("end", () => socket.end());
        },
        async (origin) => {
          const { relay, agent } = await door.open(origin.port, { ...row.setup, pooled });
          let got = 0;
          agent.on("data", (chunk: Buffer) => (got += chunk.length));
          let sent = row.setup.early?.join("").length ?? 0;
          for (const [at, length] of row.send.entries()) {
            // Apart from the one before, which is there.
            if (at > 0) await until(() => reached === sent);
            agent.write("x".repeat(length));
            sent += length;
          }
          await pause(10);
          if (!agent.destroyed) agent.end();
          const end = await relay.ended;
          await pause(10);
          assert.equal(counts(end), row.expected);
          assert.ok(reached <= row.reaches, `the origin got ${reached} octets`);
          assert.ok(got <= end.bytesIn, `the agent got ${got} octets`);
        },
      );
    });
  }
}

test("INV-TUNNEL-BYTES: a flood passes the limit by nothing, and stops within a buffer of it", async () => {
  const limit = 3_000_000;
  await withOrigin(
    (socket) => {
      const chunk = Buffer.alloc(100_000);
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("drain", more);
      more();
    },
    async (origin) => {
      const { relay, agent } = await door.open(origin.port, { bytesIn: limit });
      let got = 0;
      agent.on("data", (chunk: Buffer) => (got += chunk.length));
      const end = await relay.ended;
      assert.equal(end.cause, "byte_limit");
      assert.ok(end.bytesIn <= limit && end.bytesIn > limit - 128 * 1024, `${end.bytesIn}`);
      await new Promise((resolve) => agent.on("close", resolve));
      assert.ok(got <= limit);
    },
  );
});

const deadlines: readonly { what: string; setup: TunnelSetup; expected: string; between: readonly [number, number] }[] =
  [
    { what: "idle", setup: { idle: 100 }, expected: "idle_timeout", between: [90, 2_500] },
    {
      what: "lifetime, though bytes flow",
      setup: { lifetime: 900, idle: 600 },
      expected: "lifetime_limit",
      between: [890, 2_500],
    },
  ];
for (const row of deadlines) {
  test(`tunnel: ${row.what}`, async () => {
    await withOrigin(
      (socket) => void socket.pipe(socket),
      async (origin) => {
        const { relay, agent } = await door.open(origin.port, row.setup);
        const began = performance.now();
        const busy = setInterval(() => {
          if (row.setup.lifetime !== undefined) agent.write("x");
        }, 10);
        const end = await relay.ended;
        clearInterval(busy);
        const took = performance.now() - began;
        assert.equal(end.cause, row.expected);
        assert.ok(took >= row.between[0] && took <= row.between[1], `${took} ms`);
      },
    );
  });
}

test("tunnel: a byte now and then, either way, keeps a tunnel from being idle", async () => {
  await withOrigin(
    (socket) => {
      const timer = setInterval(() => socket.write("."), 40);
      socket.on("close", () => clearInterval(timer)).resume();
    },
    async (origin) => {
      const { relay, agent } = await door.open(origin.port, { idle: 600 });
      agent.resume();
      await pause(1_300);
      assert.ok(!agent.destroyed);
      relay.cut("draining");
      assert.equal((await relay.ended).cause, "cut");
    },
  );
});

test("INV-BUFFER-POOL: after 1,000 tunnels with random ends every buffer is back, and nothing warned", async () => {
  const ends: Record<string, number> = {};
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on("warning", warned);
  await withOrigin(
    (socket) => {
      socket.on("data", () => {
        if (!socket.destroyed && socket.writable) socket.write(Buffer.alloc(random(300_000)));
      });
      const how = random(6);
      const timer = setTimeout(() => {
        if (how === 0) socket.resetAndDestroy();
        else if (how === 1) socket.destroy();
        else if (how === 2) socket.end();
      }, random(20));
      socket.on("end", () => socket.end()).on("close", () => clearTimeout(timer));
    },
    async (origin) => {
      const one = async (): Promise<void> => {
        const { relay, agent } = await door.open(origin.port, {
          ...(random(5) === 0 ? { bytesIn: random(200_000) } : {}),
          ...(random(5) === 0 ? { lifetime: random(20) } : {}),
          idle: 60,
        });
        if (random(3) > 0) agent.resume();
        agent.write(Buffer.alloc(1 + random(50_000)));
        const how = random(6);
        setTimeout(() => {
          if (how === 0) agent.resetAndDestroy();
          else if (how === 1) agent.destroy();
          else if (how === 2) relay.cut("draining");
          else if (how === 3) agent.end("bye");
        }, random(20));
        const end = await relay.ended;
        ends[end.cause] = (ends[end.cause] ?? 0) + 1;
        agent.destroy();
      };
      const worker = async (): Promise<void> => {
        for (let round = 0; round < 10; round++) await one();
      };
      await Promise.all(Array.from({ length: 100 }, worker));
      await until(() => door.pool.lent === 0 && door.watch.size === 0);
      assert.ok(Object.keys(ends).length >= 5, JSON.stringify(ends));
    },
  );
  process.off("warning", warned);
  assert.deepEqual(warnings, []);
});
