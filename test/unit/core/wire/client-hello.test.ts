import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { connect } from "node:tls";
import { type ClientHelloReading, readClientHello } from "../../../../router/core/wire/client-hello.ts";
import { latin1Octets } from "../../../fuzz/fuzz-target.ts";
import {
  alpn,
  clientHello,
  extension,
  type HelloParts,
  octets,
  records,
  serverName,
  vector,
} from "../../../fuzz/wire/client-hello-octets.ts";
import { cpuMillis } from "./cpu-time.ts";

function read(bytes: Uint8Array): ClientHelloReading {
  return readClientHello(bytes, bytes.length);
}

/** A hello with these extensions, in one record. */
function hello(...extensions: readonly Uint8Array[]): Uint8Array {
  return records(clientHello({ extensions }));
}

const KEY_SHARE = extension(51, vector(2, octets(0, 29, 0, 1, 7)));
const GREASE = extension(0x0a0a, new Uint8Array());

const accepted: readonly (readonly [
  name: string,
  bytes: Uint8Array,
  hello: { readonly serverName: string | undefined; readonly ech?: boolean; readonly alpn?: readonly string[] },
])[] = [
  ["a name", hello(serverName("api.example.com")), { serverName: "api.example.com" }],
  ["a name in upper case", hello(serverName("API.Example.COM")), { serverName: "api.example.com" }],
  ["an A-label", hello(serverName("xn--zca.example")), { serverName: "xn--zca.example" }],
  ["a name with an underscore", hello(serverName("a_b.example")), { serverName: "a_b.example" }],
  ["no server_name", hello(KEY_SHARE), { serverName: undefined }],
  ["an empty list of extensions", hello(), { serverName: undefined }],
  ["no extensions (TLS 1.0)", records(clientHello({ version: 0x0301 })), { serverName: undefined }],
  ["SSL 3.0", records(clientHello({ version: 0x0300 })), { serverName: undefined }],
  [
    "no session id",
    records(clientHello({ sessionId: octets(), extensions: [serverName("a.b")] })),
    { serverName: "a.b" },
  ],
  [
    "a browser's order",
    hello(GREASE, KEY_SHARE, serverName("a.example"), alpn("h2", "http/1.1"), extension(0x1a1a, octets(0))),
    { serverName: "a.example", alpn: ["h2", "http/1.1"] },
  ],
  ["GREASE among the protocols", hello(alpn("\x0a\x0a", "h2")), { serverName: undefined, alpn: ["\x0a\x0a", "h2"] }],
  [
    "encrypted_client_hello",
    hello(serverName("outer.example"), extension(0xfe0d, octets(0, 1, 2))),
    { serverName: "outer.example", ech: true },
  ],
  ["encrypted_client_hello, empty", hello(extension(0xfe0d, octets())), { serverName: undefined, ech: true }],
  ["encrypted SNI (draft -02 to -06)", hello(extension(0xffce, octets(1))), { serverName: undefined, ech: true }],
  ...[0xfe08, 0xfe09, 0xfe0a, 0xfe0b, 0xfe0c].map(
    (type) =>
      [
        `ECH draft 0x${type.toString(16)}`,
        hello(extension(type, octets(1))),
        { serverName: undefined, ech: true },
      ] as const,
  ),
  [
    "octets behind the hello's record",
    Buffer.concat([hello(serverName("a.b")), octets(0x14, 3, 3, 0, 1, 1, 0xff)]),
    { serverName: "a.b" },
  ],
  ["a large hello", hello(serverName("a.b"), extension(21, new Uint8Array(60_000))), { serverName: "a.b" }],
];

for (const [name, bytes, expected] of accepted) {
  test(`ClientHello: ${name}`, () => {
    const complete = { state: "complete", hello: { ech: false, alpn: [], ...expected } };
    assert.deepEqual(read(bytes), complete);
  });
}

test("ClientHello: cut into records of every size", () => {
  const message = clientHello({ extensions: [serverName("a.example"), alpn("h2")] });
  const whole = read(records(message));
  for (let most = Math.ceil(message.length / 64); most <= message.length; most++) {
    assert.deepEqual(read(records(message, most)), whole, `records of ${most}`);
  }
});

test("ClientHello: every prefix is incomplete, from the first octet on", () => {
  const message = clientHello({ extensions: [serverName("a.example"), alpn("h2")] });
  for (const bytes of [records(message), records(message, 3), records(message, 9)]) {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(readClientHello(bytes, length).state, "incomplete", `${length} of ${bytes.length}`);
    }
  }
});

/** `after`: how many octets it takes to say so. */
const notTls: readonly (readonly [name: string, bytes: Uint8Array, after: number])[] = [
  ["HTTP", latin1Octets("GET / HTTP/1.1\r\n\r\n"), 1],
  ["SSH", latin1Octets("SSH-2.0-OpenSSH_9.2\r\n"), 1],
  ["an SSLv2 hello", octets(0x80, 0x2e, 0x01, 0x03, 0x01, 0x00, 0x15), 1],
  ["a TLS alert", octets(21, 3, 3, 0, 2, 2, 40), 1],
  ["application data", octets(23, 3, 3, 0, 2, 1, 1), 1],
  ["QUIC", octets(0xc3, 0, 0, 0, 1), 1],
  ["NUL", octets(0), 1],
  ["record type 22 of version 2", octets(22, 2, 0, 0, 5, 1), 2],
  ["DTLS", octets(22, 0xfe, 0xfd, 0, 0), 2],
  ["an empty record", octets(22, 3, 1, 0, 0), 5],
  ["a record over 2^14", octets(22, 3, 1, 0x40, 1, 1), 5],
  ["a ServerHello", octets(22, 3, 3, 0, 4, 2, 0, 0, 0), 6],
  ["a HelloRequest", octets(22, 3, 1, 0, 4, 0, 0, 0, 0), 6],
];

for (const [name, bytes, after] of notTls) {
  test(`not TLS at the first octet that shows it: ${name}`, () => {
    for (let length = 0; length < after; length++) {
      assert.equal(readClientHello(bytes, length).state, "incomplete", `${length} octets`);
    }
    for (let length = after; length <= bytes.length; length++) {
      assert.equal(readClientHello(bytes, length).state, "not_tls", `${length} octets`);
    }
  });
}

const CUT = "The ClientHello or a part of it is cut short.";
const TOO_LONG = "A part of the ClientHello is followed by octets that do not belong to it.";
const TWO_NAMES = "The server_name extension has more than one name.";
const NO_NAME = "The server_name is not a host name.";
const TWICE = "The ClientHello has an extension twice.";
const EMPTY_RECORD = "A record is empty or longer than 2^14 octets.";
const BETWEEN = "Another record comes between those of the ClientHello.";
const LARGE = "The ClientHello takes more than 64 KiB.";

function parts(some: HelloParts): Uint8Array {
  return records(clientHello(some));
}

/** A hello whose message says `length` for its own. */
function lying(length: number, body: Uint8Array): Uint8Array {
  return records(Buffer.concat([octets(1, length >> 16, (length >> 8) & 0xff, length & 0xff), body]));
}

const NAMED = clientHello({ extensions: [serverName("a.example")] });

const malformed: readonly (readonly [name: string, bytes: Uint8Array, problem: string])[] = [
  ["two names", hello(serverName("a.example", "b.example")), TWO_NAMES],
  ["the same name twice", hello(serverName("a.example", "a.example")), TWO_NAMES],
  ["a name and one of another type", hello(serverName("a.example", [1, "x"])), TWO_NAMES],
  ["a name of another type", hello(serverName([1, "a.example"])), "The server_name is of a type other than host_name."],
  ["server_name twice", hello(serverName("a.example"), serverName("b.example")), TWICE],
  ["any extension twice", hello(serverName("a.example"), KEY_SHARE, KEY_SHARE), TWICE],
  ["an empty name", hello(serverName("")), NO_NAME],
  ["a trailing dot", hello(serverName("a.example.")), NO_NAME],
  ["NUL in the name", hello(serverName("a.example\0.allowed.example")), NO_NAME],
  ["NUL at the end of the name", hello(serverName("a.example\0")), NO_NAME],
  ["an IPv4 address", hello(serverName("10.0.0.1")), NO_NAME],
  ["an IPv4 address in one number", hello(serverName("2130706433")), NO_NAME],
  ["an IPv6 address", hello(serverName("::1")), NO_NAME],
  ["an IPv6 address in brackets", hello(serverName("[::1]")), NO_NAME],
  ["a zone id", hello(serverName("::ffff:1.2.3.4%x.allowed.com")), NO_NAME],
  ["a name with a port", hello(serverName("a.example:443")), NO_NAME],
  ["a name with a space", hello(serverName("a.example ")), NO_NAME],
  ["UTF-8 in the name", hello(serverName("stra\xc3\x9fe.example")), NO_NAME],
  ["a name that is too long", hello(serverName("a".repeat(300))), NO_NAME],
  ["an empty server_name extension", hello(extension(0, octets())), CUT],
  ["an empty list of names", hello(extension(0, octets(0, 0))), CUT],
  ["a list of names that is cut", hello(extension(0, octets(0, 9, 0, 0, 1, 0x61))), CUT],
  ["octets behind the list of names", hello(extension(0, octets(0, 4, 0, 0, 1, 0x61, 0))), TOO_LONG],
  ["an octet behind the name", hello(extension(0, octets(0, 5, 0, 0, 1, 0x61, 0))), TWO_NAMES],
  ["a name that is cut", hello(extension(0, octets(0, 4, 0, 0, 9, 0x61))), CUT],
  ["an empty ALPN extension", hello(extension(16, octets())), CUT],
  ["an empty list of protocols", hello(extension(16, octets(0, 0))), "The list of application protocols is empty."],
  ["an empty protocol", hello(alpn("")), "An application protocol has an empty name."],
  ["a protocol that is cut", hello(extension(16, octets(0, 2, 5, 0x68))), CUT],
  ["octets behind the protocols", hello(extension(16, octets(0, 2, 1, 0x68, 0))), TOO_LONG],
  ["version 0x0203", parts({ version: 0x0203 }), "The ClientHello is of no version of TLS."],
  ["a session id of 33 octets", parts({ sessionId: new Uint8Array(33) }), "The session id is longer than 32 octets."],
  ["no cipher suites", parts({ cipherSuites: octets() }), "The list of cipher suites is empty or has an odd length."],
  [
    "half a cipher suite",
    parts({ cipherSuites: octets(1, 2, 3) }),
    "The list of cipher suites is empty or has an odd length.",
  ],
  ["no compression methods", parts({ compressionMethods: octets() }), "The list of compression methods is empty."],
  ["octets behind the extensions", parts({ extensions: [serverName("a.example")], trailing: octets(0) }), TOO_LONG],
  ["one octet in place of extensions", parts({ trailing: octets(0) }), CUT],
  ["extensions that are cut", parts({ trailing: octets(0, 9, 0, 0) }), CUT],
  ["half an extension", parts({ trailing: octets(0, 3, 0, 0, 0) }), CUT],
  ["an empty message", lying(0, octets()), CUT],
  ["a message that says less than it has", lying(10, NAMED.subarray(4)), "The ClientHello is not alone in its record."],
  ["a message of 16 MiB", lying(0xffffff, NAMED.subarray(4)), LARGE],
  ["a message of 64 KiB", records(Buffer.concat([octets(1, 1, 0, 0), new Uint8Array(65_536)])), LARGE],
  [
    "64 KiB with the records' headers",
    records(Buffer.concat([octets(1, 0, 0xff, 0xf8), new Uint8Array(65_528)])),
    LARGE,
  ],
  [
    "another message in the record",
    records(Buffer.concat([NAMED, NAMED])),
    "The ClientHello is not alone in its record.",
  ],
  ["another record in between", Buffer.concat([records(NAMED.subarray(0, 20)), octets(21, 3, 3, 0, 2, 1, 0)]), BETWEEN],
  [
    "a change of version in between",
    Buffer.concat([records(NAMED.subarray(0, 20)), octets(22, 2)]),
    "A record is of no version of TLS.",
  ],
  ["an empty record in between", Buffer.concat([records(NAMED.subarray(0, 20)), octets(22, 3, 1, 0, 0)]), EMPTY_RECORD],
  [
    "a record over 2^14 in between",
    Buffer.concat([records(NAMED.subarray(0, 20)), octets(22, 3, 1, 0x40, 1)]),
    EMPTY_RECORD,
  ],
  [
    "65 records",
    records(clientHello({ extensions: [extension(21, new Uint8Array(65))] }).subarray(0, 130), 2),
    "The ClientHello spans more than 64 records.",
  ],
];

for (const [name, bytes, problem] of malformed) {
  test(`malformed ClientHello: ${name}`, () => {
    assert.deepEqual(read(bytes), { state: "malformed", problem });
    // Once refused, more octets change nothing.
    const more = Buffer.concat([bytes, new Uint8Array(100)]);
    assert.deepEqual(read(more), { state: "malformed", problem });
  });
}

test("INV-WIRE-HELLO-BOUND: 64 KiB are never incomplete, and a hello that trickles in costs linear time", () => {
  const shapes: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ["five records", records(clientHello({ extensions: [serverName("a.b"), extension(21, new Uint8Array(65_000))] }))],
    [
      "64 records",
      records(clientHello({ extensions: [serverName("a.b"), extension(21, new Uint8Array(64_000))] }), 1_010),
    ],
  ];
  for (const [name, bytes] of shapes) {
    let length = 0;
    const spent = cpuMillis(() => {
      while (readClientHello(bytes, length).state === "incomplete") length++;
    });
    assert.equal(length, bytes.length, name);
    assert.equal(readClientHello(bytes, length).state, "complete", name);
    // Measured: 20 ms and 200 ms for 65,000 reads; parsing anew for each would look at 2 * 10^9 octets.
    assert.ok(spent < 2_000, `${name}: ${spent} ms`);
  }
  const endless = Buffer.concat([octets(22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0), new Uint8Array(65_536)]);
  assert.notEqual(readClientHello(endless, 65_536).state, "incomplete");
});

test("ClientHello: as OpenSSL sends it, by Node", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const client = connect({
      port: address.port,
      host: "127.0.0.1",
      servername: "Real.example",
      ALPNProtocols: ["h2", "http/1.1"],
    });
    client.on("error", () => client.destroy());
    const [socket] = (await once(server, "connection")) as [Socket];
    const [bytes] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    assert.deepEqual(read(bytes), {
      state: "complete",
      hello: { serverName: "real.example", ech: false, alpn: ["h2", "http/1.1"] },
    });
  } finally {
    server.close();
  }
});
