import { describe, expect, test } from 'vitest';
import { capabilityTexts, invocationTexts } from '../../src/capability/refusal.ts';
import { type CryptoPort, ProofError, verifyInvocation } from '../../src/index.ts';
import type { Doc } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';
import { delegation, expecting, invocation, message, phone, rootDoc, tablet, thief } from '../support/wallet.ts';
import { call, chains, goodText, link, links, proof, rows, sound, ten, text } from './hostile-invocations.ts';

for (const [name, presented, code, change = {}] of rows) {
  test(`refused: ${name}`, async () => {
    const sent = typeof presented === 'string' || presented instanceof Uint8Array ? presented : text(presented);
    const refusal = await verifyInvocation(sent, expecting(change)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ProofError);
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(/^(?!.*undefined)\w+ .+\.$/) });
  });
}

test('there are enough of them, and each refusal of the tables is provoked', () => {
  expect(rows.length).toBeGreaterThan(200);
  expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
  const provoked = new Set(rows.map(([, , code]) => code));
  const all = [...Object.keys(capabilityTexts), ...Object.keys(invocationTexts)];
  expect(all.filter((code) => !provoked.has(code))).toEqual([]);
});

test('they fail for their reason alone: what they start from is accepted', async () => {
  for (const [document, change] of sound) {
    expect(await verifyInvocation(text(document), expecting(change))).toMatchObject({ nonce: 'n-0S6_WzA2Mj' });
  }
});

/** A port that counts: what is refused early has cost none of these. */
function countingPort() {
  const counts = { signatures: 0, bytes: 0 };
  const port: CryptoPort = {
    verify: (...asked) => {
      counts.signatures++;
      return nodePort.verify(...asked);
    },
    sha256: (data) => {
      counts.bytes += data.length;
      return nodePort.sha256(data);
    },
  };
  return { counts, port };
}

describe('what is too much is refused before it costs anything', () => {
  const nested = (depth: number) => {
    let inner = '[]';
    for (let i = 0; i < depth; i++) inner = `[{"proof":{"capabilityChain":${inner}}}]`;
    return goodText.replace(/"capabilityChain":\[[^\]]*\]/, `"capabilityChain":${inner}`);
  };
  const bombs: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['10 MB of text', `{"a":"${'x'.repeat(10_000_000)}"}`, 'invocation.document_too_large'],
    ['10 MB of bytes', new Uint8Array(10_000_000), 'invocation.document_too_large'],
    ['10 MB of brackets', '['.repeat(10_000_000), 'invocation.document_too_large'],
    ['10,000 levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'invocation.document_depth'],
    ['10,000 levels that are never closed', '['.repeat(10_000), 'invocation.document_syntax'],
    ['10,000 levels of objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'invocation.document_depth'],
    ['1,000 capabilities within one another', nested(1000), 'invocation.document_depth'],
    ['eleven capabilities within one another', nested(11), 'capability.root_presented'],
    [
      'a chain of 5,000 entries',
      text(link({}, { capabilityChain: Array(5000).fill('urn:x:y') })),
      'capability.too_long',
    ],
  ];

  test.each(bombs)('%s', async (_, bomb, code) => {
    const { counts, port } = countingPort();
    await expect(verifyInvocation(bomb, expecting({ crypto: port }))).rejects.toMatchObject({ code });
    // The message of the call is hashed once; of the bomb, nothing.
    expect(counts).toEqual({ signatures: 0, bytes: code.startsWith('capability') ? message.length : 0 });
  });

  test('a text beyond the limit is not even read', async () => {
    const code = 'invocation.document_too_large';
    // What is no JSON and no UTF-8 would be refused for that, once it was read.
    for (const unreadable of [new Uint8Array(70_000).fill(0xff), '\ud800'.repeat(70_000)]) {
      await expect(verifyInvocation(unreadable, expecting())).rejects.toMatchObject({ code });
    }
  });

  test('a chain that hangs together badly costs no signature, whatever is signed', async () => {
    for (const [name, presented, code, change] of [...chains, ...links]) {
      const { counts, port } = countingPort();
      const refused = verifyInvocation(text(presented as Doc), expecting({ ...change, crypto: port }));
      await expect(refused, name).rejects.toMatchObject({ code });
      expect(counts.signatures, name).toBe(0);
    }
  });

  test('a chain of ten costs ten signatures, and stops at the first that is wrong', async () => {
    const { counts, port } = countingPort();
    await verifyInvocation(text(invocation(ten.tail, ten.holder)), expecting({ crypto: port }));
    expect(counts.signatures).toBe(10);
    const stolen = countingPort();
    const forged = invocation(delegation(delegation(rootDoc, thief, phone), phone, tablet), tablet);
    await expect(verifyInvocation(text(forged), expecting({ crypto: stolen.port }))).rejects.toThrow();
    expect(stolen.counts.signatures).toBe(1);
  });
});

test('no text of a refusal repeats what was presented', async () => {
  const marker = 'MARKER1234';
  const documents = [
    call({ audience: marker }),
    call({ '@context': [marker] }),
    proof({ capabilityAction: marker }),
    proof({ capability: `urn:${marker}:x` }),
    link({ controller: `did:${marker}` }),
    link({ allowedAction: [marker, marker] }),
    proof({ verificationMethod: `did:key:${marker}` }),
  ];
  for (const document of documents) {
    const refusal = await verifyInvocation(text(document), expecting()).catch((error: Error) => error);
    expect(refusal).toBeInstanceOf(ProofError);
    expect(JSON.stringify([refusal, (refusal as Error).message])).not.toContain(marker);
  }
});
