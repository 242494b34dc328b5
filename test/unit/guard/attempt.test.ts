import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attempt, sentPackets } from "../../../init-egress-guard/attempt.ts";

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  111 222 0 0 0 0 0 0 333 444 0 0 0 0 0 0
  eth0:5555 666 0 0 0 0 0 0 777 8 0 0 0 0 0 0
  net1: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0
`;

const directory = mkdtempSync(join(tmpdir(), "sluice-attempt-"));
const netDev = join(directory, "dev");
writeFileSync(netDev, NET_DEV);
test.after(() => rmSync(directory, { recursive: true }));

test("packets sent by all devices but loopback", () => assert.equal(sentPackets(netDev), 12));

const at = (transport: "tcp" | "udp", port: number, redirected: boolean) =>
  attempt({ family: "ipv4", transport, address: "127.0.0.1", port, redirected }, netDev);

test("a reset is a refusal", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const check = await at("tcp", port, true);
  assert.deepEqual([check.outcome, check.error], ["refused", "ECONNREFUSED"]);
});

test("an answer is a way out, unless the port is the router's", async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  assert.equal((await at("tcp", port, false)).outcome, "left");
  assert.equal((await at("tcp", port, true)).outcome, "redirected");
  server.close();
});

test("a datagram that was sent is a way out, unless the port is the router's", async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  assert.equal((await at("udp", port, false)).outcome, "left");
  assert.equal((await at("udp", port, true)).outcome, "redirected");
  socket.close();
});
