import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInPatterns } from "../../../../router/core/guardrail/built-in-patterns.ts";
import type { BuiltInPattern } from "../../../../router/core/guardrail/guardrail-rule.ts";
import { PatternSearch } from "../../../../router/core/guardrail/pattern-search.ts";

const x = (count: number, text = "a1B2"): string => text.repeat(Math.ceil(count / text.length)).slice(0, count);
const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----";
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

interface Rows {
  /** A text, and what of it is found. */
  readonly yes: readonly (readonly [text: string, found: string])[];
  readonly no: readonly string[];
}

/** Keys are made up; card numbers are those that issuers publish for tests; IBANs are the registry's examples. */
const table: Readonly<Record<BuiltInPattern, Rows>> = {
  api_key: {
    yes: [
      [`key sk-${x(48)}.`, `sk-${x(48)}`],
      [`OPENAI_API_KEY=sk-proj-${x(40)}_-z`, `sk-proj-${x(40)}_-z`],
      [`isk-ant-api03-${x(40)}`, `sk-ant-api03-${x(40)}`],
      [`AIza${x(35)}`, `AIza${x(35)}`],
      [`xoxb-123456789012-${x(20)}`, `xoxb-123456789012-${x(20)}`],
      [`sk_live_${x(24)}`, `sk_live_${x(24)}`],
      [`rk_test_${x(24)}`, `rk_test_${x(24)}`],
      [`hf_${x(34)}`, `hf_${x(34)}`],
      [`glpat-${x(20)}`, `glpat-${x(20)}`],
      [`//registry/:_authToken=npm_${x(36)}`, `npm_${x(36)}`],
    ],
    no: ["sk-learn", "task-management-configuration-tool", `desk-${x(30)}`, "AIza", `hf_${x(20)}`, "xoxb-", "sk_live_"],
  },
  private_key: {
    yes: [
      [`here:\n${pem}\nthanks`, pem],
      ["-----BEGIN PRIVATE KEY-----\\nMIIE\\n", "-----BEGIN PRIVATE KEY-----\\nMIIE\\n"],
      ["-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----"],
      ["-----BEGIN PGP PRIVATE KEY BLOCK-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"],
    ],
    no: ["-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "BEGIN PRIVATE KEY", "a PRIVATE KEY-----"],
  },
  aws_access_key: {
    yes: [
      ["id=AKIAIOSFODNN7EXAMPLE;", "AKIAIOSFODNN7EXAMPLE"],
      ["xASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"],
    ],
    no: ["AKIA", "AKIAIOSFODNN7EXAMPL", "akiaiosfodnn7example", "AKIA-IOSFODNN7EXAMPLE"],
  },
  github_token: {
    yes: [
      [`ghp_${x(36)}`, `ghp_${x(36)}`],
      [`isgho_${x(36)}!`, `gho_${x(36)}`],
      [`github_pat_${x(22)}_${x(59)}`, `github_pat_${x(22)}_${x(59)}`],
    ],
    no: [`ghp_${x(35)}`, `ghx_${x(36)}`, "github_pat_short", `ghp-${x(36)}`],
  },
  jwt: {
    yes: [
      [`Bearer ${jwt}, so`, jwt],
      ["eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."],
    ],
    no: ["eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.abc.def", "ey.ey.x", "they are. eyes."],
  },
  credit_card: {
    yes: [
      ["4111111111111111", "4111111111111111"],
      ["4111 1111 1111 1111", "4111 1111 1111 1111"],
      ["n4012-8888-8888-1881.", "4012-8888-8888-1881"],
      ["378282246310005", "378282246310005"],
      ["5555.5555.5555.4444", "5555.5555.5555.4444"],
      ["6011111111111117", "6011111111111117"],
      ["2223003122003222", "2223003122003222"],
      ["3056 930902 5904", "3056 930902 5904"],
      ["3530111333300000", "3530111333300000"],
      ["9 4111111111111111 12/29 123", "4111111111111111"],
      ["4111 1111 1111 1111 123", "4111 1111 1111 1111"],
      ["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
    ],
    no: [
      "4111111111111112",
      "41111111111111112222222",
      "1234567812345670",
      "9780306406157",
      "4111  1111  1111  1111",
      "a4111111111111111b",
      "2024-11-21 05:29:47",
      "1732170000000",
    ],
  },
  us_ssn: {
    yes: [
      ["SSN 078-05-1120.", "078-05-1120"],
      ["078 05 1120", "078 05 1120"],
    ],
    no: [
      "000-12-3456",
      "666-12-3456",
      "900-12-3456",
      "123-00-4567",
      "123-45-0000",
      "1123-45-6789",
      "123-45-67890",
      "123-45 6789",
    ],
  },
  iban: {
    yes: [
      ["DE89370400440532013000", "DE89370400440532013000"],
      ["to GB29 NWBK 6016 1331 9268 19 now", "GB29 NWBK 6016 1331 9268 19"],
      ["NO9386011117947", "NO9386011117947"],
      ["MT84 MALT 0110 0001 2345 MTLC AST0 01S", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"],
    ],
    no: [
      "DE89370400440532013001",
      "DE8937040044053201300",
      "XX89370400440532013000",
      "DE893704004405320130000",
      "GB29",
    ],
  },
  email: {
    yes: [
      ["to john.doe+x@mail.example.com.", "john.doe+x@mail.example.com"],
      ["<a@b.co>", "a@b.co"],
    ],
    no: ["john@localhost", "npm i pkg@1.2.3", "@example.com", "a@.com", "a @b.com"],
  },
  phone: {
    yes: [
      ["+14155552671", "+14155552671"],
      ["call +1 (415) 555-2671!", "+1 (415) 555-2671"],
      ["+44 20 7946 0958", "+44 20 7946 0958"],
      ["(415) 555-2671", "(415) 555-2671"],
      ["415-555-2671", "415-555-2671"],
      ["415.555.2671", "415.555.2671"],
      ["020 7946 0958", "020 7946 0958"],
    ],
    no: ["4155552671", "1+2", "+0123456789", "115-555-2671", "415-555-26711", "2024-11-21", "10.20.30.40"],
  },
  ip_address: {
    yes: [
      ["192.0.2.17", "192.0.2.17"],
      ["from 192.0.2.17.", "192.0.2.17"],
      ["2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"],
      ["2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"],
      ["[fe80::1]", "fe80::1"],
    ],
    no: [
      "256.1.1.1",
      "1.2.3",
      "1.2.3.4.5",
      "12:34:56",
      "std::vector",
      "dead::beef",
      "1:2:3:4:5:6:7",
      "00:1a:2b:3c:4d:5e",
    ],
  },
};

for (const [name, { yes, no }] of Object.entries(table) as [BuiltInPattern, Rows][]) {
  const compiled = PatternSearch.compile(builtInPatterns([name]), true);
  assert.ok(compiled.ok, JSON.stringify(compiled));
  const search = compiled.value;
  test(`${name}: what is one is found, and how far it goes`, () => {
    for (const [text, found] of yes) {
      assert.equal(search.test(text), name, text);
      assert.deepEqual(
        search.find(text)?.map(({ start, end }) => text.slice(start, end)),
        [found],
        text,
      );
    }
  });
  test(`${name}: what only looks like one is not`, () => {
    for (const text of no) assert.equal(search.test(text), undefined, text);
  });
}

test("ordinary prose holds none of them", () => {
  const compiled = PatternSearch.compile(builtInPatterns(Object.keys(table) as BuiltInPattern[]), true);
  assert.ok(compiled.ok);
  const prose =
    "In 2024, version 1.2.3 of the task-runner took 12:34:56 to copy 1,234,567 files (3.5 GB); see section 4.1.2. Room 101 is " +
    "free from 10:30 - 11:45, ask for Ms. O'Neill @ desk 7. std::map<int, a::b> x; v10.20.30 sha256:9f86d081884c7d659a2feaa0c55ad015. " +
    "uuid 123e4567-e89b-12d3-a456-426614174000, 2024-11-21T05:29:47.123Z, ISBN 978-3-16-148410-0, 50% of $1,000,000.00.";
  assert.deepEqual(compiled.value.find(prose), []);
});
