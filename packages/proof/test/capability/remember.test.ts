import { expect, test } from 'vitest';
import { type CryptoPort, type InvocationExpectation, rememberSignatures, verifyInvocation } from '../../src/index.ts';
import { type Doc, party } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';
import {
  day,
  delegation,
  expecting,
  invocation,
  now,
  owner,
  phone,
  rootDoc,
  tablet,
  toPhone,
  toTablet,
} from '../support/wallet.ts';

/** Counts what really is verified. */
function counting(answer: (good: boolean) => boolean | Promise<boolean> = (good) => good) {
  const count = { signatures: 0 };
  const port: CryptoPort = {
    sha256: nodePort.sha256,
    verify: (...asked) => {
      count.signatures++;
      return answer(nodePort.verify(...asked) as boolean);
    },
  };
  return { count, port };
}

const sent = (document: Doc) => JSON.stringify(document);
const call = sent(invocation(toPhone, phone));

test('a delegation is verified once, an invocation each time', async () => {
  for (const answer of [undefined, (good: boolean) => Promise.resolve(good)]) {
    const { count, port } = counting(answer);
    const expected = expecting({ crypto: port, delegationCrypto: rememberSignatures(port) });
    await verifyInvocation(call, expected);
    expect(count.signatures).toBe(2);
    await verifyInvocation(call, expected);
    expect(count.signatures).toBe(3);
    // The second link is new, the first is the one above.
    await verifyInvocation(sent(invocation(toTablet, tablet)), expected);
    expect(count.signatures).toBe(5);
  }
});

test('everything else is asked anew', async () => {
  const delegationCrypto = rememberSignatures(nodePort);
  const check = (change: Partial<InvocationExpectation>) =>
    verifyInvocation(call, expecting({ delegationCrypto, ...change }));
  await check({});
  const late = { now: (now + day) * 1000, maxAge: Number.POSITIVE_INFINITY, clockTolerance: day * 1000 };
  await expect(check(late)).rejects.toMatchObject({ code: 'capability.expired' });
  await expect(check({ maxLifetime: 1000 })).rejects.toMatchObject({ code: 'capability.lifetime' });
  await expect(check({ root: () => undefined })).rejects.toMatchObject({ code: 'capability.root_unknown' });
  await check({});
});

test('what is not good is not remembered, and nothing near what is', async () => {
  const { count, port } = counting();
  const expected = expecting({ crypto: port, delegationCrypto: rememberSignatures(port) });
  await verifyInvocation(call, expected);
  const wider = sent(invocation({ ...toPhone, allowedAction: ['read', 'write', 'grant'] }, phone));
  for (let i = 0; i < 2; i++) {
    const before = count.signatures;
    await expect(verifyInvocation(wider, expected)).rejects.toMatchObject({ code: 'integrity.signature' });
    expect(count.signatures).toBe(before + 1);
  }
  const memory = rememberSignatures(nodePort);
  const { jwk, data, signature } = await asked();
  expect(memory.verify('Ed25519', jwk, data, signature)).toBe(true);
  const changed = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
  expect(memory.verify('Ed25519', jwk, changed(data), signature)).toBe(false);
  expect(memory.verify('Ed25519', jwk, data, changed(signature))).toBe(false);
  expect(memory.verify('Ed25519', (await asked(phone, tablet)).jwk, data, signature)).toBe(false);
});

/** What the port is asked for one delegation. */
async function asked(by = owner, to = phone) {
  const calls: Parameters<CryptoPort['verify']>[] = [];
  const crypto: CryptoPort = {
    sha256: nodePort.sha256,
    verify: (...one) => {
      calls.push(one);
      return true;
    },
  };
  const capability = by === owner ? delegation(rootDoc, by, to) : delegation(toPhone, by, to);
  await verifyInvocation(sent(invocation(capability, to)), expecting({ crypto }));
  const [, jwk, data, signature] = calls.at(-2) as Parameters<CryptoPort['verify']>;
  return { jwk, data, signature };
}

test('the memory is bounded', async () => {
  const { count, port } = counting();
  const expected = expecting({ crypto: port, delegationCrypto: rememberSignatures(port, 2) });
  await verifyInvocation(call, expected);
  for (let i = 0; i < 5; i++) {
    const other = party(`other ${i}`);
    await verifyInvocation(sent(invocation(delegation(rootDoc, owner, other), other)), expected);
  }
  const before = count.signatures;
  await verifyInvocation(call, expected);
  expect(count.signatures).toBe(before + 2);
});
