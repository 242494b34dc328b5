/** The requests of the load generator, made once: the same octets go out every time. */

const TEXT = 'He said \\"no\\", and then:\\n- a list of words, none of them worth a token more than the others;\\n';

/** A chat request with a body of exactly `octets`; at least 128. */
export function chatRequest(headers: readonly string[], octets: number): Buffer {
  return request(
    headers,
    filled(octets, '{"model":"test-model","temperature":0.2,"messages":[{"role":"user","content":"', '"}]}'),
  );
}

/** A chat request of about 1 KB that asks the bench's provider for a stream. */
export function streamRequest(headers: readonly string[], pace: number, words: number): Buffer {
  const before = '{"model":"test-model","stream":true,"messages":[{"role":"user","content":"';
  return request(headers, filled(1_024, before, ` pace=${pace} words=${words}"}]}`));
}

function filled(octets: number, before: string, after: string): string {
  const room = octets - before.length - after.length;
  // Filled up with letters, since a text that is cut could end within an escape.
  const text = TEXT.repeat(Math.floor(room / TEXT.length));
  return `${before}${text}${"x".repeat(room - text.length)}${after}`;
}

function request(headers: readonly string[], body: string): Buffer {
  const fields = [
    "Host: 127.0.0.1",
    "Content-Type: application/json",
    "Accept: application/json",
    "User-Agent: bench",
    ...headers,
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`, "latin1");
}
