import assert from "node:assert/strict";
import { test } from "node:test";
import { isCalledHere } from "../../../../router/core/mcp/local-caller.ts";
import { parseAuthority } from "../../../../router/core/wire/authority.ts";
import { HTTP_PORT } from "../../../../router/core/wire/request-target.ts";

const rows: readonly (readonly [host: string, origins: readonly string[], expected: boolean])[] = [
  ["127.0.0.1:18084", [], true],
  ["[::1]:18084", [], true],
  ["localhost", [], true],
  ["agent.localhost", [], true],
  // A container's name, and an address of the pod's: no page bears them.
  ["sluice:18084", [], true],
  ["10.1.2.3:18084", [], true],
  ["evil.example", [], false],
  ["evil.example:18084", [], false],
  ["localhost.evil.example", [], false],
  ["127.0.0.1.evil.example", [], false],
  ["localhost", ["http://localhost:3000"], true],
  ["127.0.0.1:18084", ["https://127.0.0.1"], true],
  ["10.1.2.3:18084", ["http://10.1.2.3:18084"], true],
  ["sluice:18084", ["http://sluice:18084"], true],
  ["localhost", ["https://evil.example"], false],
  ["localhost", ["http://localhost", "https://evil.example"], false],
  ["localhost", ["http://localhost.evil.example"], false],
  ["localhost", ["http://10.1.2.3"], false],
  ["localhost", ["null"], false],
  ["localhost", [""], false],
  ["localhost", ["file://"], false],
  ["localhost", ["http://localhost/path"], false],
  ["evil.example", ["http://evil.example"], false],
];
for (const [host, origins, expected] of rows) {
  test(`called here: Host ${host}, Origin ${origins.join(" and ") || "none"}`, () => {
    const authority = parseAuthority(host, HTTP_PORT);
    assert.ok(authority.ok);
    assert.equal(isCalledHere(authority.value.host, origins), expected);
  });
}
