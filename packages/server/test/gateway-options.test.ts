import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOptions } from '../src/gateway/options.ts';
import { startGateway } from '../src/gateway/start.ts';
import { temporaryDir } from './support/context.ts';
import { newKey } from './support/gateway.ts';

const safe = { listenForOtherMachines: false, allowPlainHttp: false };
const { d: _, ...withoutPrivatePart } = newKey('k');

/** The options of a file, good but for `change`, and what the command line says. */
function read(change: object = {}, given: Readonly<Record<string, unknown>> = {}) {
  const dir = temporaryDir();
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const files = {
    clientSecretFile: write('secret', 'the-secret\n'),
    key: write('key.jwk', JSON.stringify(newKey('k'))),
  };
  write('text.jwk', 'not JSON');
  write('half.jwk', JSON.stringify(withoutPrivatePart));
  const named = Object.entries(change).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replace('$dir', dir) : value,
  ]);
  const good = { upstream: 'http://127.0.0.1:3000', issuer: 'https://auth.example/realms/x', clientId: 'c', ...files };
  const config = write('gateway.json', JSON.stringify({ ...good, ...Object.fromEntries(named) }));
  return readOptions(given, config, safe);
}

test('little has to be said', () => {
  const options = read();
  expect(options).toMatchObject({
    listen: { host: '127.0.0.1', port: 8443 },
    adminListen: { host: '127.0.0.1', port: 8445 },
    forwardListen: undefined,
    maxBody: 1_048_576,
    accept: ['message'],
    trustedProxies: [],
    unsigned: [],
    timeout: 30_000,
    participant: { clientSecret: 'the-secret', form: 'rfc7797' },
  });
});

test('whoever only logs people in needs no key', () => {
  const options = read({ key: undefined, accept: 'basic, session', trustedProxies: '10.0.0.0/8, 192.0.2.1' });
  expect(options).toMatchObject({
    accept: ['basic', 'session'],
    trustedProxies: ['10.0.0.0/8', '192.0.2.1'],
    participant: undefined,
    client: { clientId: 'c', clientSecret: 'the-secret' },
  });
});

test('the command line wins over the file', () => {
  const options = read(
    { maxBody: '2MiB', maxResponse: '1GiB', publicUrl: 'https://api.example/ocen/' },
    { maxBody: '512KiB', unsigned: '/health, /files/*', forwardListen: '[::1]:8444' },
  );
  expect(options).toMatchObject({
    maxBody: 524_288,
    maxResponse: 1_073_741_824,
    publicUrl: 'https://api.example/ocen',
    unsigned: ['/health', '/files/*'],
    forwardListen: { host: '[::1]', port: 8444 },
  });
});

describe('what cannot be meant stops the start and is named', () => {
  test.each([
    ['upstream', { upstream: 'http://127.0.0.1:3000/path' }],
    ['upstream', { upstream: 'http://user@127.0.0.1:3000' }],
    ['upstream', { upstream: 'file:///etc/passwd' }],
    ['upstream', { upstream: undefined }],
    ['listen', { listen: '8443' }],
    ['listen', { listen: '127.0.0.1:70000' }],
    ['forwardListen', { forwardListen: '0.0.0.0:8444' }],
    ['forwardListen', { forwardListen: '[::]:8444' }],
    ['adminListen', { adminListen: 'gateway.example:8445' }],
    ['unsigned', { unsigned: ['health'] }],
    ['unsigned', { unsigned: '/a*b' }],
    ['maxBody', { maxBody: '65MiB' }],
    ['maxBody', { maxBody: '1MB' }],
    ['maxBody', { maxBody: '0' }],
    ['maxResponse', { maxResponse: '5GiB' }],
    ['publicUrl', { publicUrl: 'api.lender.example' }],
    ['publicUrl', { publicUrl: 'https://api.lender.example/?x' }],
    ['publicUrl', { publicUrl: 'https://user@api.lender.example' }],
    ['form', { form: 'loose' }],
    ['timeoutSeconds', { timeoutSeconds: 0 }],
    ['timeoutSeconds', { timeoutSeconds: 151 }],
    ['clientSecretFile', { clientSecretFile: '$dir/nowhere' }],
    ['key', { key: '$dir/nowhere' }],
    ['key', { key: '$dir/text.jwk' }],
    ['private part', { key: '$dir/half.jwk' }],
    ['tlsCert', { tlsCert: '$dir/secret', tlsKey: '$dir/secret' }],
    ['issuer', { issuer: 'https://auth.example/realms/x/' }],
    ['tlsCert', { tlsCert: '$dir/secret' }],
    ['key', { key: undefined }],
    ['key', { key: undefined, accept: 'basic', forwardListen: '127.0.0.1:8444' }],
    ['accept', { accept: 'anything' }],
    ['accept', { accept: [] }],
    ['accept', { accept: 'basic', listen: '0.0.0.0:8443' }],
    ['subjectAudience', { subjectAudience: 'a b' }],
    ['trustedProxies', { trustedProxies: 'localhost' }],
    ['issuer', { issuer: 'http://auth.example/realms/x' }],
    ['allowPlainHttp', { allowPlainHttp: true }],
    ['dangerouslyListenForOtherMachines', { dangerouslyListenForOtherMachines: true }],
  ])('%s: %j', async (name, change) => {
    const started = (async () => startGateway(read(change)))();
    await expect(started).rejects.toThrow(name);
    await expect(started).rejects.not.toThrow('the-secret');
  });
});
