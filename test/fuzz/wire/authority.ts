import assert from "node:assert/strict";
import { portOf } from "../../../router/core/base/quantity.ts";
import { formatAuthority, parseAuthority } from "../../../router/core/wire/authority.ts";
import { type FuzzTarget, inputs, latin1 } from "../fuzz-target.ts";
import { oracleAuthority } from "./authority-oracle.ts";
import { HOST_PIECES, HOSTS } from "./host-pieces.ts";

export const AUTHORITY: FuzzTarget = {
  name: "authority",
  input: inputs([...HOSTS.map((host) => `${host}:443`), ...HOSTS], HOST_PIECES),
  examine(input, random) {
    const text = random.once(8) ? Buffer.from(input).toString("utf8") : latin1(input);
    const defaultPort = random.once(2) ? 80 : undefined;
    const parsed = parseAuthority(text, defaultPort === undefined ? undefined : portOf(defaultPort));
    const canonical = parsed.ok ? formatAuthority(parsed.value) : undefined;
    assert.equal(canonical, oracleAuthority(text, defaultPort), "the oracle says otherwise");
    if (canonical !== undefined) assert.deepEqual(parseAuthority(canonical, undefined), parsed, "not idempotent");
    return parsed.ok;
  },
};
