/** What a server answers to a command, and what the terminal of its caller shows of that. */
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { jsonText, visible } from '../src/cli/terminal.ts';
import { temporaryDir } from './support/context.ts';
import { run } from './support/serve.ts';

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function login(url: string) {
  const folder = temporaryDir();
  const password = join(folder, 'password');
  writeFileSync(password, 'correct horse battery staple\n');
  const files = ['--password-file', password, '--session', join(folder, 'session.json')];
  return run(['login', 'alice', '--url', url, ...files], { COUNTERSIGN_DATA_DIR: folder });
}

test('a refusal does not control the terminal', async () => {
  const detail = 'no\u001b]0;title\u0007\u009b2J\u202e';
  const url = await listening((request, response) => {
    request.resume();
    response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ detail }));
  });
  const { code, stderr } = await login(url);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^countersign: no\ufffd\]0;title\ufffd\ufffd2J\ufffd \(403, request unknown\)\n$/);
});

test('an answer does not control it either, and is the same JSON', () => {
  const value = { name: 'a\u009b31m\u202eb\u2028\u007f', persian: '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645' };
  const text = jsonText(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(visible(text.replaceAll('\n', '').replaceAll('\u200c', ''))).not.toContain('\ufffd');
  expect(text).toContain(value.persian);
});
