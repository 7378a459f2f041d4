import { expect, test } from 'vitest';
import {
  createDidPeer4,
  createRootCapability,
  type DidDocument,
  decodeMultibase,
  encodeMultibase,
  type InvocationExpectation,
  keyResolver,
  ProofError,
  parseDidDocument,
  verifyInvocation,
} from '../../src/index.ts';
import type { Doc, Party } from '../support/capability.ts';
import { hostileMultikeys } from '../support/hostile-keys.ts';
import { nodePort } from '../support/message.ts';
import { delegation, expecting, invocation, owner, phone, tablet, target, thief, toPhone } from '../support/wallet.ts';

/** A party with a DID document of its own, that lists its one key where it is told to. */
function documented(did: string, by: Party, purposes: readonly string[], controller = did): DidDocument {
  const id = `${did}#key-1`;
  const publicKeyMultibase = by.did.slice('did:key:'.length);
  const lists = Object.fromEntries(purposes.map((purpose) => [purpose, [id]]));
  const verificationMethod = [{ id, type: 'Multikey', controller, publicKeyMultibase }];
  return parseDidDocument({ id: did, verificationMethod, ...lists }, did);
}

const did = 'did:web:owner.example';
const as = (by: Party, name: string): Party => ({ ...by, did: name, kid: `${name}#key-1` });
const webOwner = as(owner, did);
const webRoot = createRootCapability(target, did);
const rootDoc: Doc = { ...webRoot } as Doc;
const purposes = ['capabilityDelegation', 'capabilityInvocation'];

function knowing(...documents: readonly DidDocument[]): Partial<InvocationExpectation> {
  const known = (asked: string) => documents.find(({ id }) => id === asked);
  return { root: webRoot, resolve: keyResolver({ crypto: nodePort, known }, expecting().now) };
}

const check = (document: Doc, change: Partial<InvocationExpectation>) =>
  verifyInvocation(JSON.stringify(document), expecting(change));
const given = invocation(delegation(rootDoc, webOwner, phone), phone);
const own = invocation(webRoot.id, webOwner);

test('a method is looked up in the document of its controller, for the purpose', async () => {
  const whole = knowing(documented(did, owner, purposes));
  expect(await check(given, whole)).toMatchObject({ controllers: [[did], [phone.did]] });
  expect(await check(own, whole)).toMatchObject({ invoker: did });
});

test('a method that is listed for one of the two purposes is not good for the other', async () => {
  const delegates = knowing(documented(did, owner, ['capabilityDelegation']));
  const invokes = knowing(documented(did, owner, ['capabilityInvocation']));
  expect(await check(given, delegates)).toMatchObject({ nonce: expect.any(String) });
  await expect(check(own, delegates)).rejects.toMatchObject({ code: 'did.relationship', pointer: '/proof' });
  expect(await check(own, invokes)).toMatchObject({ nonce: expect.any(String) });
  await expect(check(given, invokes)).rejects.toMatchObject({
    code: 'did.relationship',
    pointer: '/proof/capability/proof',
  });
  const logsIn = knowing(documented(did, owner, ['authentication', 'assertionMethod']));
  for (const document of [given, own]) {
    await expect(check(document, logsIn)).rejects.toMatchObject({ code: 'did.relationship' });
  }
});

test('what a method says of itself is not believed', async () => {
  const foreign = knowing(documented(did, owner, purposes, 'did:web:other.example'));
  await expect(check(own, foreign)).rejects.toMatchObject({ code: 'did.method_controller' });
  const unknown = knowing();
  await expect(check(own, unknown)).rejects.toMatchObject({ code: 'did.unknown' });
  await expect(check(own, { root: webRoot })).rejects.toMatchObject({ code: 'integrity.key_unknown' });
  const thieves = 'did:web:thief.example';
  const thiefSigned = invocation(webRoot.id, as(thief, thieves));
  const both = knowing(documented(did, owner, purposes), documented(thieves, thief, purposes, did));
  await expect(check(thiefSigned, both)).rejects.toMatchObject({ code: 'invocation.invoker' });
});

test('a document of who may not sign is not read: it may be made to take long', async () => {
  const asked: string[] = [];
  const resolve = (url: string) => {
    asked.push(url);
    throw new Error('asked');
  };
  const thieves = as(thief, 'did:web:thief.example');
  const invoked = check(invocation(webRoot.id, thieves), { root: webRoot, resolve });
  await expect(invoked).rejects.toMatchObject({ code: 'invocation.invoker', pointer: '/proof/verificationMethod' });
  const passedOn = check(invocation(delegation({ ...webRoot } as Doc, thieves, phone), phone), {
    root: webRoot,
    resolve,
  });
  const pointer = '/proof/capability/proof/verificationMethod';
  await expect(passedOn).rejects.toMatchObject({ code: 'capability.delegator', pointer });
  expect(asked).toEqual([]);
});

test('a port is not asked for a did:key, and cannot say what it stands for', async () => {
  const resolve = () => {
    throw new Error('asked');
  };
  expect(await check(invocation(toPhone, phone), { resolve })).toMatchObject({ invoker: phone.did });
});

test('a mistake of the port is no refusal', async () => {
  const failure = new Error('the store does not answer');
  const resolve = () => Promise.reject(failure);
  await expect(check(own, { root: webRoot, resolve })).rejects.toBe(failure);
});

test('a did:peer:4 is its short form, whichever form signs', async () => {
  const multikey = owner.did.slice('did:key:'.length);
  const input = {
    verificationMethod: [{ id: '#key-1', type: 'Multikey', publicKeyMultibase: multikey }],
    capabilityDelegation: ['#key-1'],
    capabilityInvocation: ['#key-1'],
  };
  const peer = await createDidPeer4(input, nodePort);
  const root = createRootCapability(target, peer.short);
  const known = (asked: string) => (asked === peer.short ? peer.document : undefined);
  for (const [form, source] of [
    [peer.short, { crypto: nodePort, known }],
    [peer.long, { crypto: nodePort }],
  ] as const) {
    const capability = delegation({ ...root } as Doc, as(owner, form), phone);
    const change = { root, resolve: keyResolver(source, expecting().now) };
    expect(await check(invocation(capability, phone), change)).toMatchObject({
      controllers: [[peer.short], [phone.did]],
    });
  }
  const other = await createDidPeer4({ ...input, authentication: ['#key-1'] }, nodePort);
  const theirs = createRootCapability(target, other.short);
  const swapped = peer.long.replace(peer.short, other.short);
  const capability = delegation({ ...theirs } as Doc, as(owner, swapped), phone);
  const change = { root: theirs, resolve: keyResolver({ crypto: nodePort, known }, expecting().now) };
  await expect(check(invocation(capability, phone), change)).rejects.toMatchObject({ code: 'did_peer.hash' });
});

const named = (verificationMethod: string) => invocation(toPhone, phone, { proof: { verificationMethod } });
const multikey = phone.did.slice('did:key:'.length);

test.each([
  ['another fragment', `${phone.did}#key-1`, 'did_key.fragment'],
  ['the fragment of another', `${phone.did}#${tablet.did.slice('did:key:'.length)}`, 'did_key.fragment'],
  ['no fragment', phone.did, 'did.url'],
  ['an empty fragment', `${phone.did}#`, 'did_key.fragment'],
  ['a query', `${phone.did}?signedIetfJsonPatch=e30#${multikey}`, 'did_key.malformed'],
  ['a path', `${phone.did}/x#${multikey}`, 'did_key.malformed'],
  ['a version', `${phone.did.replace('did:key:', 'did:key:1.1:')}#${multikey}`, 'did_key.malformed'],
  ['a key of 9,000 characters', `did:key:z${'1'.repeat(9000)}`, 'invocation.method_missing'],
])('a did:key with %s is none', async (_, method, code) => {
  await expect(check(named(method), {})).rejects.toMatchObject({ code });
});

test('no key that is unsound, or is not for signatures, signs an invocation', async () => {
  for (const { name, multikey, stage } of hostileMultikeys) {
    if (multikey.length > 8000 || /[^\x21-\x7e]/.test(multikey)) continue;
    const method = `did:key:${multikey}#${multikey}`;
    const refusal = await check(named(method), {}).catch((error: unknown) => error);
    expect(refusal, name).toBeInstanceOf(ProofError);
    expect([stage, 'did_key.malformed', 'did_key.too_large'], name).toContain((refusal as ProofError).code);
  }
  const agreement = named(
    'did:key:z6LSmj99jDmtGRf67cjCwaavf1oEdEwMcWZ8mh9Q7yTjWrP3#z6LSmj99jDmtGRf67cjCwaavf1oEdEwMcWZ8mh9Q7yTjWrP3',
  );
  await expect(check(agreement, {})).rejects.toMatchObject({ code: 'did.key_role' });
});

test.each([
  ['the suite of 2020', { type: 'JcsEd25519Signature2020' }, 'integrity.type'],
  ['a suite over RDF', { cryptosuite: 'eddsa-rdfc-2022' }, 'integrity.cryptosuite'],
  ['the suite of another curve', { cryptosuite: 'ecdsa-jcs-2019' }, 'integrity.key_type'],
  ['no suite', { cryptosuite: undefined }, 'integrity.cryptosuite'],
  ['a domain that is not ours', { domain: 'https://evil.example' }, 'integrity.domain'],
])('a proof of %s is refused', async (_, proof: Doc, code) => {
  await expect(check(invocation(toPhone, phone, { proof }), {})).rejects.toMatchObject({ code, pointer: '/proof' });
});

test.each([
  ['without its prefix', (value: string) => value.slice(1)],
  ['in base64url', () => `u${'A'.repeat(86)}`],
  ['of 63 bytes', () => `z${'2'.repeat(86)}`],
  ['of a megabyte', (value: string) => value + '2'.repeat(50_000)],
])('a proof value %s is refused', async (_, change: (value: string) => string) => {
  const good = invocation(toPhone, phone);
  const proof = good.proof as Doc;
  const bad = { ...good, proof: { ...proof, proofValue: change(proof.proofValue as string) } };
  await expect(check(bad, {})).rejects.toMatchObject({ code: 'integrity.proof_value' });
});

test('the second spelling of a signature (S + L) is refused', async () => {
  const good = invocation(toPhone, phone);
  const proof = good.proof as Doc;
  const signature = decodeMultibase(proof.proofValue as string, 90) as Uint8Array;
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`) + order;
  const twin = Buffer.concat([signature.slice(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
  const bad = { ...good, proof: { ...proof, proofValue: encodeMultibase(twin) } };
  await expect(check(bad, {})).rejects.toMatchObject({ code: 'integrity.signature' });
});
