import { describe, expect, test } from 'vitest';
import {
  type CapabilityExplanation,
  createRootCapability,
  type ExplainTerms,
  explainCapability,
  verifyCapabilityChain,
} from '../../src/index.ts';
import { type Doc, instant } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';
import {
  audience,
  day,
  delegation,
  invocation,
  now,
  owner,
  phone,
  root,
  rootDoc,
  tablet,
  target,
  thief,
  toPhone,
  toTablet,
} from '../support/wallet.ts';

const explain = (document: Doc | string, change: Partial<ExplainTerms> = {}) =>
  explainCapability(typeof document === 'string' ? document : JSON.stringify(document), {
    crypto: nodePort,
    root,
    now: now * 1000,
    ...change,
  });

const codes = ({ links, invocation: invoked, refusals }: CapabilityExplanation) => [
  ...refusals.map(({ code }) => code),
  ...links.map((link) => link.refusals.map(({ code }) => code)),
  ...(invoked === undefined ? [] : [invoked.refusals.map(({ code }) => code)]),
];

test('each link says whose it is, what it allows, until when, and who signed it', async () => {
  const explanation = await explain(toTablet);
  expect(explanation).toMatchObject({ kind: 'capability', isSound: true, refusals: [], invocation: undefined });
  expect(explanation.links).toEqual([
    {
      kind: 'root',
      pointer: '/proof/capabilityChain/1/proof/capabilityChain/0',
      id: root.id,
      controllers: [owner.did],
      target,
      actions: undefined,
      created: undefined,
      expires: undefined,
      signedBy: undefined,
      refusals: [],
    },
    {
      kind: 'delegation',
      pointer: '/proof/capabilityChain/1',
      id: toPhone.id,
      controllers: [phone.did],
      target,
      actions: ['read', 'write'],
      created: (now - 100) * 1000,
      expires: (now + day) * 1000,
      signedBy: owner.kid,
      refusals: [],
    },
    {
      kind: 'delegation',
      pointer: '',
      id: toTablet.id,
      controllers: [tablet.did],
      target,
      actions: ['read'],
      created: (now - 100) * 1000,
      expires: (now + day) * 1000,
      signedBy: phone.kid,
      refusals: [],
    },
  ]);
});

test('an invocation is explained with what it invokes', async () => {
  const explanation = await explain(invocation(toPhone, phone));
  expect(explanation).toMatchObject({ kind: 'invocation', isSound: true });
  expect(explanation.invocation).toMatchObject({
    type: 'RpcCall',
    audience,
    action: 'read',
    target,
    signedBy: phone.kid,
  });
  expect(explanation.links.map(({ pointer }) => pointer)).toEqual([
    '/proof/capability/proof/capabilityChain/0',
    '/proof/capability',
  ]);
  const ofRoot = await explain(invocation(root.id, owner));
  expect(ofRoot).toMatchObject({ kind: 'invocation', isSound: true, links: { length: 1 } });
});

describe('without a root of ours', () => {
  test('the one that the document names stands in, and who controls it is not known', async () => {
    const explanation = await explain(toTablet, { root: undefined });
    expect(explanation.links[0]).toMatchObject({ id: root.id, target, controllers: undefined, refusals: [] });
    expect(explanation.isSound).toBe(true);
  });

  test('whoever signed the first link may have; the others are held against it', async () => {
    const stolen = delegation(rootDoc, thief, phone);
    expect(codes(await explain(stolen, { root: undefined }))).toEqual([[], []]);
    const second = delegation(stolen, thief, tablet);
    expect(codes(await explain(second, { root: undefined }))).toEqual([[], [], ['capability.delegator']]);
  });

  test('an id that is none of a root is no root', async () => {
    for (const id of ['urn:x:y', 'urn:zcap:root:%', 'urn:zcap:root:urn%3ax%3ay', 'urn:zcap:root:urn%3AX%3Ay']) {
      const capability = delegation({ ...rootDoc, id }, owner, phone);
      expect(codes(await explain(capability, { root: undefined }))[0], id).toEqual(['capability.root_unknown']);
    }
  });
});

describe('all that speaks against a link is said at once', () => {
  test('where several things are wrong with several links', async () => {
    const first = delegation(rootDoc, thief, phone, { members: { expires: instant(now - 50) } });
    const second = delegation(first, owner, tablet, {
      members: { allowedAction: ['invite'], expires: instant(now + day), invocationTarget: `${target}2` },
    });
    const third = { ...delegation(second, tablet, thief), note: 'added' };
    expect(codes(await explain(third))).toEqual([
      [],
      ['capability.expired', 'capability.delegator'],
      ['capability.target_exceeds', 'capability.actions_exceed', 'capability.expires_exceeds', 'capability.delegator'],
      ['capability.actions_exceed', 'capability.expires_exceeds', 'integrity.signature'],
    ]);
  });

  test('with its place in the document, and a text without any of it', async () => {
    const second = delegation(
      delegation(rootDoc, owner, phone, { members: { allowedAction: ['read'] } }),
      phone,
      tablet,
    );
    const [refusal] = (await explain(second)).links[2]?.refusals ?? [];
    expect(refusal).toEqual({
      code: 'capability.actions_exceed',
      text: 'The delegation allows an action that its parent does not.',
      pointer: '/allowedAction',
    });
  });

  test('where one cannot be read, the others are still explained', async () => {
    const first = delegation(rootDoc, owner, phone, { members: { expires: undefined } });
    const second = delegation(first, phone, tablet, { members: { expires: instant(now - 1) } });
    expect(codes(await explain(second))).toEqual([[], ['capability.expires_missing'], ['capability.expired']]);
    expect(codes(await explain(invocation(second, thief)))).toEqual([
      [],
      ['capability.expires_missing'],
      ['capability.expired'],
      [],
    ]);
  });

  test('where it hangs together badly', async () => {
    const other = createRootCapability('urn:countersign:wallet:bob', owner.did);
    expect(codes(await explain(toPhone, { root: other }))).toEqual([
      ['capability.root_unknown'],
      ['capability.root_unknown', 'capability.target_exceeds'],
    ]);
    const skipping = delegation(toPhone, phone, tablet, { proof: { capabilityChain: [root.id, 'urn:x:y', toPhone] } });
    expect(codes(await explain(skipping))).toEqual([[], [], ['capability.chain_length']]);
  });

  test('where it is too long', async () => {
    let tail = rootDoc;
    for (let i = 0; i < 10; i++) tail = delegation(tail, owner, owner, { members: { id: `urn:uuid:${i}` } });
    const explanation = await explain(tail);
    expect(explanation.isSound).toBe(false);
    expect(explanation.links.at(-1)?.refusals).toMatchObject([{ code: 'capability.too_long' }]);
  });

  test('of an invocation', async () => {
    const wrong = invocation(toTablet, thief, {
      proof: { capabilityAction: 'write', invocationTarget: 'urn:countersign:wallet:bob' },
    });
    expect(codes(await explain(wrong)).at(-1)).toEqual([
      'invocation.action_not_allowed',
      'invocation.target_outside',
      'invocation.invoker',
    ]);
    const unread = invocation(toTablet, tablet, { members: { nonce: undefined } });
    expect((await explain(unread)).invocation).toMatchObject({
      action: undefined,
      refusals: [{ code: 'invocation.nonce' }],
    });
  });
});

describe('what is no capability', () => {
  test.each([
    ['nothing', '', 'capability.document_syntax'],
    ['a list', '[]', 'capability.document_not_object'],
    ['10,000 levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'capability.document_depth'],
    ['10 MB', ' '.repeat(10_000_000), 'capability.document_too_large'],
  ])('is unreadable: %s', async (_, text, code) => {
    const explanation = await explain(text);
    expect(explanation).toMatchObject({ kind: 'unreadable', isSound: false, refusals: [{ code }], links: [] });
  });

  test('is refused for its first fault', async () => {
    for (const document of [{}, { code: 'x', text: 'y' }, { refused: true }, rootDoc]) {
      expect((await explain(document)).isSound).toBe(false);
    }
    const invoked = { proof: { proofPurpose: 'capabilityInvocation' } };
    expect(await explain(invoked)).toMatchObject({ kind: 'invocation', isSound: false });
  });
});

test('an explanation is sound exactly where the chain verifies', async () => {
  const changes: readonly Doc[] = [
    {},
    { allowedAction: 'read' },
    { allowedAction: undefined },
    { allowedAction: ['grant'] },
    { expires: instant(now + 1) },
    { expires: instant(now) },
    { expires: instant(now + 2 * day) },
    { invocationTarget: `${target}2` },
    { controller: [thief.did, tablet.did] },
    { caveat: [] },
    { id: toPhone.id },
  ];
  for (const members of changes) {
    for (const by of [phone, thief]) {
      const capability = JSON.stringify(delegation(toPhone, by, tablet, { members }));
      const verified = await verifyCapabilityChain(capability, { crypto: nodePort, root, now: now * 1000 }).then(
        () => true,
        () => false,
      );
      expect((await explain(capability)).isSound, capability).toBe(verified);
    }
  }
});
