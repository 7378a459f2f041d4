import { describe, expect, test } from 'vitest';
import {
  createInvocation,
  createRootCapability,
  type Delegation,
  delegateCapability,
  type InvocationRequest,
  type JsonObject,
  rootCapabilityId,
  verifyCapabilityChain,
  verifyInvocation,
} from '../../src/index.ts';
import { instant } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';
import {
  audience,
  day,
  delegation,
  expecting,
  now as nowSeconds,
  owner,
  phone,
  requests,
  root,
  rootDoc,
  signerOf,
  tablet,
  target,
  thief,
} from '../support/wallet.ts';

const now = nowSeconds * 1000;
const dayMs = day * 1000;
const base: Delegation = {
  parent: root,
  id: 'urn:uuid:1',
  controller: phone.did,
  allowedAction: ['read', 'write', 'grant'],
  created: now - 1000,
  expires: now + dayMs,
};
const wanted: Omit<InvocationRequest, 'capability'> = {
  id: 'urn:uuid:9',
  request: requests.rpc,
  audience,
  nonce: 'n-1',
  action: 'read',
  created: now,
};
const toPhoneOurs = await delegateCapability(base, signerOf(owner));

describe('a root', () => {
  test('is its target and its controller, and nothing else', () => {
    expect(root).toEqual({
      '@context': 'https://w3id.org/zcap/v1',
      id: 'urn:zcap:root:urn%3Acountersign%3Awallet%3Aalice',
      controller: owner.did,
      invocationTarget: target,
    });
    expect(rootCapabilityId('https://a.test/b?c=d')).toBe('urn:zcap:root:https%3A%2F%2Fa.test%2Fb%3Fc%3Dd');
  });

  test('has one controller, or several of which each may act', async () => {
    const shared = createRootCapability(target, [owner.did, tablet.did]);
    for (const by of [owner, tablet]) {
      const given = await delegateCapability({ ...base, parent: shared }, signerOf(by));
      const chain = await verifyCapabilityChain(JSON.stringify(given), { crypto: nodePort, root: shared, now });
      expect(chain.controllers).toEqual([[owner.did, tablet.did], [phone.did]]);
    }
    const stolen = await delegateCapability({ ...base, parent: shared }, signerOf(thief));
    const refused = verifyCapabilityChain(JSON.stringify(stolen), { crypto: nodePort, root: shared, now });
    await expect(refused).rejects.toMatchObject({ code: 'capability.delegator' });
  });

  test('is not made of a target that is not canonical, or for nobody', () => {
    const refusal = (make: () => unknown) => {
      try {
        make();
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(refusal(() => createRootCapability('urn:X:y', owner.did))).toBe('capability.target_not_canonical');
    for (const nobody of ['', 'owner', [], [owner.did, owner.did]]) {
      expect(refusal(() => createRootCapability(target, nobody))).toBe('capability.controller');
    }
  });
});

test('a chain is delegated on, verified, and says what all of it leaves', async () => {
  const second = await delegateCapability(
    {
      parent: toPhoneOurs,
      id: 'urn:uuid:2',
      controller: tablet.did,
      allowedAction: 'read',
      created: now,
      expires: now + 5000,
    },
    signerOf(phone),
  );
  expect((second.proof as JsonObject).capabilityChain).toEqual([root.id, toPhoneOurs]);
  const chain = await verifyCapabilityChain(JSON.stringify(second), { crypto: nodePort, root, now });
  expect(chain).toEqual({
    ids: [root.id, 'urn:uuid:1', 'urn:uuid:2'],
    controllers: [[owner.did], [phone.did], [tablet.did]],
    target,
    actions: ['read'],
    expiresAt: now + 5000,
  });
  const bytes = new TextEncoder().encode(JSON.stringify(second));
  expect(await verifyCapabilityChain(bytes, { crypto: nodePort, root, now })).toEqual(chain);
});

test('the earliest end of a chain is that of a proof where a proof ends first', async () => {
  const link = delegation(rootDoc, owner, phone, { proof: { expires: instant(nowSeconds + 10) } });
  const chain = await verifyCapabilityChain(JSON.stringify(link), { crypto: nodePort, root, now });
  expect(chain.expiresAt).toBe(now + 10_000);
});

test('without actions a root’s child allows everything, and says so', async () => {
  const all = await delegateCapability({ ...base, allowedAction: undefined }, signerOf(owner));
  expect(Object.hasOwn(all, 'allowedAction')).toBe(false);
  expect(await verifyCapabilityChain(JSON.stringify(all), { crypto: nodePort, root, now })).toMatchObject({
    actions: undefined,
  });
});

describe('is not delegated', () => {
  const rows: readonly (readonly [string, Partial<Delegation>, string])[] = [
    ['an action more', { allowedAction: ['read', 'invite'] }, 'capability.actions_exceed'],
    ['every action of a parent that restricts', { allowedAction: undefined }, 'capability.actions_missing'],
    ['no action', { allowedAction: [] }, 'capability.actions_empty'],
    ['a later end', { expires: now + dayMs + 1000 }, 'capability.expires_exceeds'],
    ['an end that is past', { expires: now - 500, created: now }, 'capability.expired'],
    ['before the parent was made', { created: now - 2000 }, 'capability.created_before_parent'],
    ['another target', { invocationTarget: `${target}2` }, 'capability.target_exceeds'],
    ['a target that is not canonical', { invocationTarget: `${target}%2D` }, 'capability.target_not_canonical'],
    ['to nobody', { controller: [] }, 'capability.controller'],
    ['under the id of a root', { id: root.id }, 'capability.id'],
    ['from something that is no capability', { parent: { parentCapability: 'urn:x:y' } }, 'capability.context'],
  ];

  test.each(rows)('%s', async (_, change, code) => {
    const wish = { ...base, parent: toPhoneOurs, id: 'urn:uuid:2', controller: tablet.did, created: now, ...change };
    await expect(delegateCapability(wish, signerOf(phone))).rejects.toMatchObject({ code });
  });

  test('the eleventh of a chain', async () => {
    let parent = toPhoneOurs;
    for (let i = 2; i < 10; i++) {
      parent = await delegateCapability(
        { ...base, parent, id: `urn:uuid:${i}`, controller: phone.did },
        signerOf(phone),
      );
    }
    expect(await verifyCapabilityChain(JSON.stringify(parent), { crypto: nodePort, root, now })).toMatchObject({
      ids: { length: 10 },
    });
    await expect(delegateCapability({ ...base, parent, id: 'urn:uuid:10' }, signerOf(phone))).rejects.toMatchObject({
      code: 'capability.too_long',
    });
  });
});

describe('a URL', () => {
  const site = createRootCapability('https://wallet.example/alice', owner.did);
  const notes = 'https://wallet.example/alice/notes';

  test('is delegated in part, and invoked in a part of that', async () => {
    const part = await delegateCapability({ ...base, parent: site, invocationTarget: notes }, signerOf(owner));
    const request = { kind: 'http', method: 'GET', uri: `${notes}/1`, message: new Uint8Array() } as const;
    const target = `${notes}/1`;
    const sent = await createInvocation({ ...wanted, request, capability: part, target }, signerOf(phone));
    const expected = { ...expecting(), root: site, request, target };
    expect(await verifyInvocation(JSON.stringify(sent), expected)).toMatchObject({
      target: notes,
      invocationTarget: target,
    });
  });

  test('is not delegated beside itself', async () => {
    const beside = { ...base, parent: site, invocationTarget: 'https://wallet.example/alice2' };
    await expect(delegateCapability(beside, signerOf(owner))).rejects.toMatchObject({
      code: 'capability.target_exceeds',
    });
  });
});

describe('an invocation', () => {
  const accept = async (change: Partial<InvocationRequest>, expected = {}, by = phone) => {
    const sent = await createInvocation({ ...wanted, capability: toPhoneOurs, ...change }, signerOf(by));
    return verifyInvocation(JSON.stringify(sent), expecting(expected));
  };

  test('of a call over RPC says who, what, with which right, and until when its nonce is to be remembered', async () => {
    const verified = await accept({});
    expect(verified).toMatchObject({
      id: 'urn:uuid:9',
      root,
      ids: [root.id, 'urn:uuid:1'],
      controllers: [[owner.did], [phone.did]],
      actions: ['read', 'write', 'grant'],
      action: 'read',
      target,
      invocationTarget: target,
      expiresAt: now + dayMs,
      nonce: 'n-1',
      invoker: phone.did,
      verificationMethod: phone.kid,
      created: now,
      freshUntil: now + 60_000 + 30_000,
    });
    expect(verified.key).toMatchObject({ kty: 'OKP', crv: 'Ed25519' });
  });

  test('passes until it is no longer fresh, and not in that millisecond', async () => {
    const { freshUntil } = await accept({});
    expect(await accept({}, { now: freshUntil - 1 })).toMatchObject({ freshUntil });
    await expect(accept({}, { now: freshUntil })).rejects.toMatchObject({ code: 'invocation.expired' });
    const { freshUntil: exact } = await accept({}, { clockTolerance: 0 });
    expect(exact).toBe(now + 60_000);
  });

  test('of a call over HTTP, of a token request', async () => {
    expect(await accept({ request: requests.http }, { request: requests.http })).toMatchObject({ nonce: 'n-1' });
    const token = { request: requests.token };
    expect(await accept(token, token)).toMatchObject({ freshUntil: now + 300_000 + 30_000 });
  });

  test('of a root, by its controller', async () => {
    const verified = await accept({ capability: root }, {}, owner);
    expect(verified).toMatchObject({ ids: [root.id], actions: undefined, expiresAt: undefined, invoker: owner.did });
  });

  test('looks the root up by its id, once, and only where no root is given', async () => {
    const asked: string[] = [];
    const lookup = async (id: string) => {
      asked.push(id);
      return root;
    };
    expect(await accept({}, { root: lookup, target: undefined })).toMatchObject({ root });
    expect(asked).toEqual([root.id]);
  });

  test('without a target of ours is one of the root as a whole', async () => {
    const site = createRootCapability('https://wallet.example/alice', owner.did);
    const part = { capability: site, target: 'https://wallet.example/alice/notes' };
    await expect(accept(part, { root: site, target: undefined }, owner)).rejects.toMatchObject({
      code: 'invocation.target_unexpected',
    });
  });

  test('is not made at a URI that is not canonical, or without a nonce', async () => {
    const http = { ...requests.http, uri: 'https://wallet.example/a/../b' };
    const make = (change: Partial<InvocationRequest>) =>
      createInvocation({ ...wanted, capability: toPhoneOurs, ...change }, signerOf(phone));
    await expect(make({ request: http })).rejects.toMatchObject({ code: 'invocation.uri' });
    await expect(make({ nonce: '' })).rejects.toMatchObject({ code: 'invocation.nonce' });
    await expect(make({ target: `${target}%2D` })).rejects.toMatchObject({ code: 'invocation.target_not_canonical' });
  });

  test('by one of several controllers, or by the very key that the capability names', async () => {
    const several = await delegateCapability({ ...base, controller: [tablet.did, phone.did] }, signerOf(owner));
    expect(await accept({ capability: several })).toMatchObject({ invoker: phone.did });
    const key = await delegateCapability({ ...base, controller: phone.kid }, signerOf(owner));
    expect(await accept({ capability: key })).toMatchObject({ verificationMethod: phone.kid });
    await expect(accept({ capability: key }, {}, tablet)).rejects.toMatchObject({ code: 'invocation.invoker' });
  });
});
