import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { auditRecord } from "../fakes/audit-records.ts";
import { tcpOrigin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { startSidecar } from "../fakes/sidecar.ts";

test("INV-CHAIN-NO-LOOP: a parent that leads back here is asked once, and counts as well", async () => {
  let asked = 0;
  let back = 0;
  /** Leads whoever comes to the sidecar, with every field of theirs. */
  const parent = createServer((socket) => {
    asked += 1;
    socket.on("error", () => undefined);
    const onward = connect(back, "127.0.0.1");
    onward.on("error", () => socket.destroy());
    socket.pipe(onward).pipe(socket);
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  }).listen(0, "127.0.0.1");
  await once(parent, "listening");
  const origin = await tcpOrigin((socket) => socket.end("reached"));
  try {
    await using sidecar = await startSidecar({
      allow: [
        "{ id: loop, hosts: [loop.example], ports: [443], protocol: tcp, proxy: round }",
        `{ id: direct, hosts: [direct.example], ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: tcp }`,
      ],
      hosts: { "direct.example": ["127.0.0.1"] },
      settings: [
        "limits: { drain: 100ms, connectTimeout: 3s }",
        `proxies: [{ name: round, endpoint: "http://127.0.0.1:${(parent.address() as AddressInfo).port}", send: name }]`,
      ],
    });
    back = sidecar.port;
    const { text } = await rawRequest(
      sidecar.port,
      "CONNECT loop.example:443 HTTP/1.1\r\nHost: loop.example:443\r\n\r\n",
    );
    assert.match(text, /^HTTP\/1\.1 502 [^]*Sluice-Reason: upstream_unreachable\r/);
    assert.equal(asked, 1);
    const refused = await auditRecord(sidecar.auditDirectory, ({ reason }) => reason === "address_not_allowed");
    assert.match(String(refused.detail["detail"]), /leads back to this router/);

    // The token is this process's own: other routers' pass.
    const host = `direct.example:${origin.port}`;
    const other = `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nSluice-Hop: ${"ab".repeat(16)}\r\n\r\n`;
    const reached = await rawRequest(sidecar.port, other, { quiet: 5_000, until: /reached$/ });
    assert.match(reached.text, /^HTTP\/1\.1 200 [^]*reached$/);
  } finally {
    await origin[Symbol.asyncDispose]();
    parent.close();
  }
});
