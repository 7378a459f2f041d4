import { describe, expect, test } from 'vitest';
import {
  createInvocation,
  createRootCapability,
  delegateCapability,
  isJsonObject,
  type JsonObject,
  parseInstant,
  parseMultikey,
  type ResolvedKey,
  type RootCapability,
  verifyCapabilityChain,
  verifyInvocation,
} from '../../src/index.ts';
import { type Doc, type Party, partyOf } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';
import { readVector, vectorsPresent } from '../support/vectors.ts';
import { signerOf } from '../support/wallet.ts';

interface Vectors {
  readonly verifyAt: string;
  readonly ownerDid: { readonly json: string; readonly short: string };
  readonly devices: readonly { readonly did: string; readonly seedHex: string }[];
  readonly rootCapability: RootCapability;
  readonly accept: readonly { readonly name: string; readonly doc: JsonObject }[];
  readonly reject: readonly { readonly why: string; readonly doc: JsonObject }[];
}

describe.runIf(vectorsPresent)('the vectors of ZCAP 0.3 under eddsa-jcs-2022', () => {
  const vectors = readVector('zcap/zcap-v03-eddsa-jcs.json') as Vectors;
  const root = vectors.rootCapability;
  const now = parseInstant(vectors.verifyAt) as number;
  const expected = {
    crypto: nodePort,
    root,
    now,
    audience: 'https://wallet.example',
    nonce: 'n-0S6_WzA2Mj',
    request: { kind: 'token' },
    actions: ['read', 'write'],
    resolve: resolveOwner,
  } as const;

  /** The owner is a did:peer:4: its document is the one that was stored with the wallet. */
  function resolveOwner(url: string, purpose: string): ResolvedKey | undefined {
    const { json, short } = vectors.ownerDid;
    const document = JSON.parse(json);
    const fragment = url.startsWith(`${short}#`) ? url.slice(short.length) : undefined;
    if (fragment === undefined || !document[purpose].includes(fragment)) return undefined;
    const method = document.verificationMethod.find(({ id }: { id: string }) => id === fragment);
    const { jwk } = parseMultikey(method.publicKeyMultibase);
    return jwk && { jwk, controller: short };
  }

  test('the root capability is the one that we make of its target and its controller', () => {
    expect(createRootCapability(root.invocationTarget, root.controller)).toEqual(root);
  });

  const depths: Record<string, number> = {
    'root invoked by owner': 1,
    'depth 2 (device 1)': 2,
    'depth 3 (device 2, read only)': 3,
  };

  test.each(vectors.accept.map(({ name, doc }) => [name, doc] as const))('accepted: %s', async (name, doc) => {
    const verified = await verifyInvocation(JSON.stringify(doc), expected);
    expect(verified.ids).toHaveLength(depths[name] as number);
    expect(verified.ids[0]).toBe(root.id);
    expect(verified).toMatchObject({ action: 'read', target: root.invocationTarget, nonce: expected.nonce });
    const { capability } = doc.proof as JsonObject;
    if (!isJsonObject(capability)) return;
    const chain = await verifyCapabilityChain(JSON.stringify(capability), expected);
    expect(chain.ids).toEqual(verified.ids);
    expect(chain.expiresAt).toBe(parseInstant(capability.expires));
    expect(chain.actions).toEqual(capability.allowedAction);
  });

  /** The reason in the vector → the check that refuses, and where. */
  const reasons: Record<string, readonly [string, string]> = {
    'action not in allowedAction': ['invocation.action_not_allowed', '/proof/capabilityAction'],
    'invoker is not the controller': ['invocation.invoker', '/proof/verificationMethod'],
    'root capability embedded as object': ['capability.root_presented', '/proof/capability'],
    'child adds an action its parent lacks': ['capability.actions_exceed', '/proof/capability/allowedAction'],
    'child expires after parent': ['capability.expires_exceeds', '/proof/capability/expires'],
    'delegation signed by someone who is not the parent controller': [
      'capability.delegator',
      '/proof/capability/proof/verificationMethod',
    ],
    'invocationTarget is a string-prefix sibling (alice vs alice2)': [
      'invocation.target_unexpected',
      '/proof/invocationTarget',
    ],
    'chain[0] names another root': ['capability.root_unknown', '/proof/capability/proof/capabilityChain/0'],
  };

  test.each(vectors.reject.map(({ why, doc }) => [why, doc] as const))('refused: %s', async (why, doc) => {
    const [code, pointer] = reasons[why] ?? [];
    expect(code).toBeDefined();
    await expect(verifyInvocation(JSON.stringify(doc), expected)).rejects.toMatchObject({ code, pointer });
  });

  test('the sibling is refused also where it is what is asked for', async () => {
    const { doc } = vectors.reject.find(({ why }) => why.includes('alice2')) as { doc: JsonObject };
    const sibling = { ...expected, target: 'urn:trinsic:wallet:alice2' };
    await expect(verifyInvocation(JSON.stringify(doc), sibling)).rejects.toMatchObject({
      code: 'invocation.target_outside',
    });
  });

  test('what we make of the seeds is what the vectors have, byte for byte', async () => {
    const [first, second] = vectors.devices.map(({ seedHex }) => partyOf(Buffer.from(seedHex, 'hex'))) as [
      Party,
      Party,
    ];
    const { doc } = vectors.accept[2] as { doc: JsonObject };
    const capability = (doc.proof as JsonObject).capability as JsonObject;
    const parent = ((capability.proof as JsonObject).capabilityChain as readonly JsonObject[])[1] as JsonObject;
    const made = await delegateCapability(
      {
        parent,
        id: capability.id as string,
        controller: second.did,
        allowedAction: ['read'],
        created: parseInstant('2026-11-22T00:00:00Z') as number,
        expires: parseInstant('2026-12-01T00:00:00Z') as number,
      },
      signerOf(first),
    );
    expect(made).toEqual(capability);
    const invocation = await createInvocation(
      {
        id: doc.id as string,
        request: { kind: 'token' },
        audience: expected.audience,
        nonce: expected.nonce,
        capability: made,
        action: 'read',
        created: parseInstant('2026-11-22T00:05:00Z') as number,
      },
      signerOf(second),
    );
    // Theirs says no end, ours says the latest.
    expect((invocation.proof as Doc).expires).toBe('2026-11-22T00:10:00Z');
    expect(await verifyInvocation(JSON.stringify(invocation), expected)).toMatchObject({ ids: { length: 3 } });
  });
});

describe.runIf(vectorsPresent)('the examples of the ZCAP specification', () => {
  const examples = readVector('zcap/zcap-spec-examples.json') as { json: JsonObject | null; text: string | null }[];

  test('its root capability is the one that we make', () => {
    const root = examples.find(({ json }) => json !== null && json.parentCapability === undefined)?.json as JsonObject;
    expect(createRootCapability(root.invocationTarget as string, root.controller as string)).toEqual(root);
  });

  test('its delegation hangs together, has expired, and is signed by a suite that is none of ours', async () => {
    const example = examples.find(({ json }) => json?.parentCapability !== undefined)?.json as JsonObject;
    const root = createRootCapability('https://example.com/foo', 'did:key:example');
    const expected = { crypto: nodePort, root, now: Date.UTC(2021, 9, 28) };
    const check = (now: number) => verifyCapabilityChain(JSON.stringify(example), { ...expected, now });
    await expect(check(Date.UTC(2021, 9, 28))).rejects.toMatchObject({ code: 'integrity.type', pointer: '/proof' });
    await expect(check(Date.UTC(2021, 11, 1))).rejects.toMatchObject({ code: 'capability.expired' });
  });

  test('those of older drafts are refused', async () => {
    const root = createRootCapability('https://whatacar.example/a-fancy-car', 'did:key:example');
    const drafts = examples.flatMap(({ text }) =>
      text === null ? [] : [JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''))],
    );
    const codes = await Promise.all(
      drafts.map((draft) =>
        verifyCapabilityChain(JSON.stringify(draft), { crypto: nodePort, root, now: 0 }).catch(({ code }) => code),
      ),
    );
    expect(codes).toEqual([
      'capability.target',
      'capability.parent',
      'capability.caveat',
      'capability.caveat',
      'capability.root_presented',
    ]);
  });
});
