import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { after, before, test } from "node:test";
import { systemClock } from "../../router/app/clock.ts";
import { millis } from "../../router/core/base/quantity.ts";
import type { DialPermit } from "../../router/core/policy/permit.ts";
import { createBufferPool } from "../../router/edge/upstream/buffer-pool.ts";
import { dial, type DialOptions, dialTunnel } from "../../router/edge/upstream/dial.ts";
import { dialPermit } from "../fakes/dial-permit.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { silentListener } from "../fakes/silent-listener.ts";
import { until } from "../fakes/until.ts";

const NEVER = new AbortController().signal;
const options = (more: Partial<DialOptions> = {}): DialOptions => ({
  clock: systemClock,
  timeout: millis(2_000),
  signal: NEVER,
  attemptDelay: millis(60),
  ...more,
});

// One port on several loopback addresses: .1 and ::1 answer, .2 is silent, the rest refuse.
let origin: FakeOrigin;
let origin6: FakeOrigin;
let silent: { close(): Promise<void> };
let port = 0;

before(async () => {
  origin = await fakeOrigin((socket) => socket.resume());
  port = origin.port;
  origin6 = await fakeOrigin((socket) => socket.resume(), { host: "::1", port });
  silent = await silentListener("127.0.0.2", port);
});
after(async () => {
  await Promise.all([origin.close(), origin6.close(), silent.close()]);
  assert.equal(getEventListeners(NEVER, "abort").length, 0, "nobody listens on");
});

const table: readonly {
  readonly what: string;
  readonly addresses: readonly string[];
  readonly reached?: string;
  readonly detail?: RegExp;
  /** Milliseconds; the upper ones leave room for a busy machine. */
  readonly between: readonly [number, number];
  readonly timeout?: number;
  readonly delay?: number;
}[] = [
  { what: "one address", addresses: ["127.0.0.1"], reached: "127.0.0.1", between: [0, 2_500] },
  { what: "IPv6", addresses: ["::1"], reached: "::1", between: [0, 2_500] },
  { what: "the first answers", addresses: ["::1", "127.0.0.1"], reached: "::1", between: [0, 2_500], delay: 3_000 },
  {
    what: "a refusal starts the next attempt at once",
    addresses: ["127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1"],
    reached: "127.0.0.1",
    between: [0, 2_500],
    delay: 3_000,
  },
  {
    what: "silence starts the next attempt after the delay",
    addresses: ["127.0.0.2", "127.0.0.1"],
    reached: "127.0.0.1",
    between: [50, 2_500],
  },
  {
    what: "families take turns",
    addresses: ["127.0.0.2", "127.0.0.1", "::1"],
    reached: "::1",
    between: [50, 2_500],
  },
  {
    what: "all refuse",
    addresses: ["127.0.0.3", "127.0.0.4"],
    detail: /^127\.0\.0\.3 ECONNREFUSED, 127\.0\.0\.4 ECONNREFUSED$/,
    between: [0, 2_500],
  },
  {
    what: "the deadline is for all attempts together",
    addresses: ["127.0.0.3", "127.0.0.2"],
    detail: /^127\.0\.0\.3 ECONNREFUSED, no answer within 150 ms$/,
    between: [140, 2_500],
    timeout: 150,
  },
  {
    what: "the last attempt is not cut short by the failure of another",
    addresses: ["127.0.0.2", "127.0.0.3"],
    detail: /no answer within 200 ms$/,
    between: [190, 2_500],
    timeout: 200,
  },
];

for (const row of table) {
  test(`dial: ${row.what}`, async () => {
    const permit = dialPermit(port, row.addresses);
    const began = performance.now();
    const dialled = await dial(
      permit,
      options({ timeout: millis(row.timeout ?? 5_000), attemptDelay: millis(row.delay ?? 60) }),
    );
    const took = performance.now() - began;
    if (dialled.ok) {
      assert.equal(dialled.value.address, row.reached);
      assert.equal(dialled.value.port, port);
      assert.equal(dialled.value.socket.remoteAddress, row.reached);
      assert.ok(dialled.value.socket.isPaused());
      assert.ok(dialled.value.connectMillis >= row.between[0] - 1 && dialled.value.connectMillis <= took);
      dialled.value.socket.destroy();
    } else {
      assert.equal(dialled.problem.reason, "upstream_unreachable");
      assert.match(dialled.problem.detail, row.detail ?? /^$/);
    }
    assert.ok(took >= row.between[0] && took <= row.between[1], `${took} ms`);
  });
}

test("dial: an abort ends it at once, before and during", async () => {
  const early = await dial(dialPermit(port, ["127.0.0.1"]), options({ signal: AbortSignal.abort() }));
  assert.equal(!early.ok && early.problem.detail, "given up");
  const abort = new AbortController();
  const pending = dial(dialPermit(port, ["127.0.0.2"]), options({ signal: abort.signal, timeout: millis(10_000) }));
  setTimeout(() => abort.abort(), 20);
  const began = performance.now();
  const late = await pending;
  assert.equal(!late.ok && late.problem.detail, "given up");
  assert.ok(performance.now() - began < 5_000);
});

test("dial: losers are closed, and no more is reached than the winner", async () => {
  const before6 = origin6.accepted;
  const pool = createBufferPool(1 << 20);
  for (let round = 0; round < 20; round++) {
    const dialled = await dialTunnel(
      dialPermit(port, ["127.0.0.2", "::1"]),
      options({ attemptDelay: millis(1) }),
      pool,
    );
    assert.ok(dialled.ok);
    dialled.value.socket.destroy();
    await once(dialled.value.socket, "close");
  }
  // The losers' buffers are back as well.
  await until(() => origin6.accepted - before6 >= 20 && pool.lent === 0);
  assert.equal(origin6.accepted - before6, 20);
});

test("INV-DIAL-PERMIT: nothing but a minted permit opens a socket", async () => {
  const permit = dialPermit(port, ["127.0.0.1"]);
  const forgeries: readonly unknown[] = [
    undefined,
    Object.assign({}, permit),
    { name: permit.name, addresses: ["127.0.0.1"] },
    Object.create(permit),
    new Proxy(permit, {}),
    permit.name,
  ];
  const before = origin.accepted;
  for (const forged of forgeries) {
    await assert.rejects(dial(forged as DialPermit, options()), TypeError);
    await assert.rejects(dialTunnel(forged as DialPermit, options(), createBufferPool(0)), TypeError);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(origin.accepted, before);
});

test("dial: an origin that resets while nobody listens ends no process", async () => {
  const rude = await fakeOrigin((socket) => {
    socket.on("data", () => socket.resetAndDestroy());
  });
  try {
    const dialled = await dial(dialPermit(rude.port), options());
    assert.ok(dialled.ok);
    const { socket } = dialled.value;
    socket.write("x");
    socket.resume();
    await new Promise((resolve) => socket.on("close", resolve));
    assert.equal(socket.errored?.message, "read ECONNRESET");
  } finally {
    await rude.close();
  }
});

test("dial: early bytes of the origin wait in the socket", async () => {
  const eager = await fakeOrigin((socket) => socket.write("220 ready\r\n"));
  try {
    const dialled = await dial(dialPermit(eager.port), options());
    assert.ok(dialled.ok);
    await new Promise((resolve) => setTimeout(resolve, 20));
    dialled.value.socket.resume();
    const [bytes] = (await once(dialled.value.socket, "data")) as [Buffer];
    assert.equal(bytes.toString(), "220 ready\r\n");
    dialled.value.socket.destroy();
  } finally {
    await eager.close();
  }
});
