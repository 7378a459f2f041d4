import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** What a module loads when it runs: types are gone by then. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^;]*?\bfrom\s+)?'([^']+)';/gm);
  return [...statements].map(([, target]) => target as string);
}

function reachedFrom(file: string, seen = new Map<string, readonly string[]>()): Map<string, readonly string[]> {
  if (seen.has(file)) return seen;
  const imports = importsOf(file);
  seen.set(file, imports);
  for (const one of imports) if (one.startsWith('.')) reachedFrom(join(dirname(file), one), seen);
  return seen;
}

test.each(['index.ts', 'fetch.ts', 'hono.ts', 'express.ts', 'fastify.ts', 'node.ts'])(
  '%s loads nothing of Node, no framework and no server',
  (entry) => {
    const reached = reachedFrom(join(src, entry));
    expect(reached.size).toBeGreaterThan(5);
    const others = [...reached.values()].flat().filter((one) => !one.startsWith('.'));
    expect(new Set(others)).toEqual(
      new Set(others.filter((one) => /^@countersign\/proof(?:\/argument)?$/.test(one) || one === '#platform-crypto')),
    );
  },
);

test('the web platform is the default of the crypto behind it', () => {
  const { imports } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'));
  expect(imports['#platform-crypto']).toEqual({ node: './src/node-crypto.ts', default: './src/web-crypto.ts' });
  expect([...reachedFrom(join(src, 'web-crypto.ts')).values()].flat()).toEqual(['@countersign/proof']);
});

test('wallets load nothing of Node either, and scrypt in JavaScript by default', () => {
  const reached = reachedFrom(join(src, 'wallet/index.ts'));
  const others = [...reached.values()].flat().filter((one) => !one.startsWith('.'));
  const proof = ['@countersign/proof', '@countersign/proof/argument'];
  expect(new Set(others)).toEqual(new Set([...proof, '#platform-crypto', '#platform-scrypt']));
  const { imports } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'));
  const byDefault = './src/wallet/web-scrypt.ts';
  expect(imports['#platform-scrypt']).toEqual({ node: './src/wallet/node-scrypt.ts', default: byDefault });
  expect([...reachedFrom(join(src, 'wallet/web-scrypt.ts')).values()].flat()).toEqual(['@noble/hashes/scrypt.js']);
  // What is loaded later: the ciphers of packed messages, and protobuf with the generated messages.
  const later = [...reached.keys()].flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/import\('([^']+)'\)/g)]);
  expect(new Set(later.map(([, target]) => target))).toEqual(
    new Set(['@countersign/proof/didcomm', '@bufbuild/protobuf', '../rpc.ts']),
  );
});
