/**
 * Invocations that must be refused, each for its own reason and for nothing else: every name says what is wrong with an otherwise
 * sound one.
 */
import { createRootCapability, type InvocationExpectation } from '../../src/index.ts';
import { bytes, contexts, type Doc, instant, type Json, type Party, party } from '../support/capability.ts';
import {
  audience,
  type Change,
  day,
  delegation,
  digest,
  invocation,
  now,
  owner,
  phone,
  procedure,
  requests,
  root,
  rootDoc,
  tablet,
  target,
  thief,
  toPhone,
  toTablet,
  uri,
} from '../support/wallet.ts';

type Presented = Doc | string | Uint8Array;
type Row = readonly [name: string, presented: Presented, code: string, change?: Partial<InvocationExpectation>];

const http = { request: requests.http };
const token = { request: requests.token };

/** By the phone, with something wrong with the invocation. */
export const call = (members: Doc, proof: Doc = {}) => invocation(toPhone, phone, { members, proof });
export const proof = (change: Doc) => call({}, change);
const httpCall = (members: Doc) => invocation(toPhone, phone, { members }, 'http');
const tokenCall = (change: Doc) => invocation(toPhone, phone, { proof: change }, 'token');
const tokenFor = (members: Doc) => invocation(toPhone, phone, { members }, 'token');
const [resource, scope] = ['https://shop.example', 'wallet:read'];
const forService = { request: { kind: 'token', resource } } as const;
const forReading = { request: { kind: 'token', resource, scope } } as const;

/** By the phone, with something wrong with its capability. */
export const link = (members: Doc, change: Doc = {}, by: Party = owner) =>
  invocation(delegation(rootDoc, by, phone, { members, proof: change }), phone);
/** By the tablet, with something wrong with what the phone gave it. */
const second = (change: Change, by: Party = phone, parent = toPhone) =>
  invocation(
    delegation(parent, by, tablet, {
      members: { allowedAction: ['read'], ...change.members },
      ...(change.proof && { proof: change.proof }),
    }),
    tablet,
  );

export const text = (document: Doc) => JSON.stringify(document);
const good = invocation(toPhone, phone);
export const goodText = text(good);
const ids = { root: root.id, phone: toPhone.id as string };
const otherRoot = createRootCapability('urn:countersign:wallet:bob', owner.did);

/** A chain of `length` links, the root and the tail counted. */
function chainOf(length: number): { readonly tail: Doc; readonly holder: Party } {
  let tail = rootDoc;
  let holder = owner;
  for (let i = 1; i < length; i++) {
    const next = party(`device ${i}`);
    tail = delegation(tail, holder, next);
    holder = next;
  }
  return { tail, holder };
}

/** The same as `secured`, and one of its members changed after it was signed. */
function tampered(secured: Doc, path: readonly string[], value: Json): Doc {
  const [name = '', ...rest] = path;
  return { ...secured, [name]: rest.length === 0 ? value : tampered(secured[name] as Doc, rest, value) };
}

export const ten = chainOf(10);
const eleven = chainOf(11);

const documents: readonly Row[] = [
  ['nothing', '', 'invocation.document_syntax'],
  ['half of one', goodText.slice(0, -1), 'invocation.document_syntax'],
  ['two', `${goodText}${goodText}`, 'invocation.document_syntax'],
  ['a list', `[${goodText}]`, 'invocation.document_not_object'],
  ['null', 'null', 'invocation.document_not_object'],
  ['a byte order mark', `\ufeff${goodText}`, 'invocation.document_bom'],
  ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'invocation.document_encoding'],
  [
    'a member twice',
    goodText.replace('"audience"', '"audience":"https://evil.example","audience"'),
    'invocation.document_duplicate_member',
  ],
  [
    'a member twice, once escaped',
    goodText.replace('"audience"', '"\\u0061udience":"https://evil.example","audience"'),
    'invocation.document_duplicate_member',
  ],
  [
    'a member twice in the capability',
    goodText.replace('"allowedAction"', '"allowedAction":["invite"],"allowedAction"'),
    'invocation.document_duplicate_member',
  ],
  ['a lone surrogate', goodText.replace('n-0S6', '\\ud800'), 'invocation.document_lone_surrogate'],
  ['70 kB', text(call({ note: 'x'.repeat(70_000) })), 'invocation.document_too_large'],
  ['50 levels', text(call({ note: JSON.parse('['.repeat(50) + ']'.repeat(50)) })), 'invocation.document_depth'],
];

const invocations: readonly Row[] = [
  ['no context', call({ '@context': undefined }), 'invocation.context'],
  ['a context of older drafts', call({ '@context': 'https://w3id.org/security/v2' }), 'invocation.context'],
  ['the context in second place', call({ '@context': [...contexts].reverse() }), 'invocation.context'],
  ['an invoker beside the controller', call({ invoker: phone.did }), 'invocation.legacy_member'],
  ['the target of 2021', call({ target }), 'invocation.legacy_member'],
  ['a target outside the proof', call({ invocationTarget: target }), 'invocation.legacy_member'],
  ['an action outside the proof', call({ capabilityAction: 'read' }), 'invocation.legacy_member'],
  ['a creator', proof({ creator: phone.kid }), 'invocation.legacy_member'],
  ['no id', call({ id: undefined }), 'invocation.id'],
  ['an id that is no URI', call({ id: '1' }), 'invocation.id'],
  ['no type', call({ type: undefined }), 'invocation.type'],
  ['a token request in place of a call', invocation(toPhone, phone, {}, 'token'), 'invocation.type'],
  ['a call in place of a token request', good, 'invocation.type', token],
  ['a call over HTTP in place of one over RPC', invocation(toPhone, phone, {}, 'http'), 'invocation.type'],
  ['two types', call({ type: ['RpcCall', 'TokenRequest'] }), 'invocation.type'],
  ['a token for ourselves, asked for a service', tokenFor({}), 'invocation.resource', forService],
  ['a token for a service, asked for ourselves', tokenFor({ resource }), 'invocation.resource', token],
  ['a token for another service', tokenFor({ resource: 'https://evil.example' }), 'invocation.resource', forService],
  ['a token for two services', tokenFor({ resource: [resource, uri] }), 'invocation.resource', forService],
  ['a token of all scopes, where one is asked for', tokenFor({ resource }), 'invocation.scope', forReading],
  ['a token of one scope, where all are asked for', tokenFor({ resource, scope }), 'invocation.scope', forService],
  ['a token of another scope', tokenFor({ resource, scope: 'wallet:write' }), 'invocation.scope', forReading],
  ['no audience', call({ audience: undefined }), 'invocation.audience'],
  ['another audience', call({ audience: 'https://evil.example' }), 'invocation.audience'],
  ['two audiences', call({ audience: [audience, 'https://evil.example'] }), 'invocation.audience'],
  ['the audience with a slash more', call({ audience: `${audience}/` }), 'invocation.audience'],
  ['no nonce', call({ nonce: undefined }), 'invocation.nonce'],
  ['an empty nonce', call({ nonce: '' }), 'invocation.nonce'],
  ['a nonce that is a number', call({ nonce: 1 }), 'invocation.nonce'],
  ['a nonce of 513 characters', call({ nonce: 'n'.repeat(513) }), 'invocation.nonce'],
  ['another nonce than the expected one', good, 'invocation.nonce_other', { nonce: 'n-1' }],
  ['another procedure', call({ procedure: procedure.replace('Get', 'Delete') }), 'invocation.procedure'],
  ['no procedure', call({ procedure: undefined }), 'invocation.procedure'],
  ['the procedure without its service', call({ procedure: '/GetWallet' }), 'invocation.procedure'],
  ['no digest', call({ digest: undefined }), 'invocation.digest'],
  ['other message bytes', good, 'invocation.digest', { request: { ...requests.rpc, message: bytes('{}') } }],
  [
    'message bytes with a space more',
    good,
    'invocation.digest',
    { request: { ...requests.rpc, message: bytes('{"walletId": "alice"}') } },
  ],
  ['no message bytes', good, 'invocation.digest', { request: { ...requests.rpc, message: new Uint8Array() } }],
  ['a padded digest', call({ digest: `${digest}=` }), 'invocation.digest'],
  ['another method', httpCall({ method: 'DELETE' }), 'invocation.method', http],
  ['the method in other letters', httpCall({ method: 'post' }), 'invocation.method', http],
  ['another path', httpCall({ uri: uri.replace('alice', 'bob') }), 'invocation.uri', http],
  ['another query', httpCall({ uri: uri.replace('full', 'part') }), 'invocation.uri', http],
  ['another host', httpCall({ uri: uri.replace('wallet.example', 'evil.example') }), 'invocation.uri', http],
  ['no URI', httpCall({ uri: undefined }), 'invocation.uri', http],
  [
    'at a URI with dot segments',
    httpCall({ uri: `${audience}/x/../y` }),
    'invocation.uri',
    { request: { ...requests.http, uri: `${audience}/x/../y` } },
  ],
  ['other bytes over HTTP', httpCall({ digest: 'AAAA' }), 'invocation.digest', http],
  ['no proof', { ...good, proof: undefined }, 'invocation.proof_missing'],
  ['a proof that is text', { ...good, proof: 'proof' }, 'invocation.proof_missing'],
  ['a list of one proof', { ...good, proof: [good.proof as Json] }, 'invocation.proof_several'],
  ['a proof on a proof', proof({ previousProof: 'urn:x' }), 'invocation.proof_several'],
  ['a proof of delegation', proof({ proofPurpose: 'capabilityDelegation' }), 'invocation.proof_purpose'],
  ['a proof of authentication', proof({ proofPurpose: 'authentication' }), 'invocation.proof_purpose'],
  ['a proof without a purpose', proof({ proofPurpose: undefined }), 'invocation.proof_purpose'],
  ['no verification method', proof({ verificationMethod: undefined }), 'invocation.method_missing'],
  ['a key in place of its name', proof({ verificationMethod: { id: phone.kid } }), 'invocation.method_missing'],
  ['no time', proof({ created: undefined }), 'invocation.created_missing'],
  ['a time without a zone', proof({ created: instant(now).slice(0, -1) }), 'invocation.created_invalid'],
  ['a time in seconds', proof({ created: now }), 'invocation.created_invalid'],
  ['a time in words', proof({ created: 'Fri, 15 Jan 2027 08:00:00 GMT' }), 'invocation.created_invalid'],
  ['a 30th of February', proof({ created: '2026-02-30T00:00:00Z' }), 'invocation.created_invalid'],
  ['31 s ahead', proof({ created: instant(now + 31), expires: instant(now + 60) }), 'invocation.created_in_future'],
  ['no expiry', proof({ expires: undefined }), 'invocation.expires_missing'],
  ['an expiry without a zone', proof({ expires: instant(now + 10).slice(0, -1) }), 'invocation.expires_invalid'],
  ['61 s long', proof({ created: instant(now), expires: instant(now + 61) }), 'invocation.window'],
  ['longer than we allow', good, 'invocation.window', { maxAge: 54_999 }],
  ['over before it begins', proof({ expires: instant(now - 6) }), 'invocation.window'],
  ['of no length', proof({ expires: instant(now - 5) }), 'invocation.window'],
  ['over for 31 s', proof({ created: instant(now - 80), expires: instant(now - 31) }), 'invocation.expired'],
  ['a clock that is not a number', good, 'invocation.created_in_future', { now: Number.NaN }],
  [
    'a token request without end, 331 s old',
    tokenCall({ created: instant(now - 331), expires: undefined }),
    'invocation.stale',
    token,
  ],
  [
    'a token request for 301 s',
    tokenCall({ created: instant(now), expires: instant(now + 301) }),
    'invocation.window',
    token,
  ],
  ['no capability', proof({ capability: undefined }), 'invocation.capability'],
  ['a list of capabilities', proof({ capability: [toPhone] }), 'invocation.capability'],
  ['no action', proof({ capabilityAction: undefined }), 'invocation.action_missing'],
  ['a list of actions', proof({ capabilityAction: ['read', 'write'] }), 'invocation.action_missing'],
  ['an action that is not taken here', proof({ capabilityAction: 'write' }), 'invocation.action_unexpected'],
  [
    'an action that the capability does not allow',
    proof({ capabilityAction: 'invite' }),
    'invocation.action_not_allowed',
    { actions: ['invite'] },
  ],
  [
    'an action in other letters',
    proof({ capabilityAction: 'Read' }),
    'invocation.action_not_allowed',
    { actions: ['Read'] },
  ],
  [
    'an action of the parent alone',
    invocation(toTablet, tablet, { proof: { capabilityAction: 'write' } }),
    'invocation.action_not_allowed',
    { actions: ['write'] },
  ],
  ['no target', proof({ invocationTarget: undefined }), 'invocation.target_missing'],
  ['a list of targets', proof({ invocationTarget: [target] }), 'invocation.target_missing'],
  [
    'a target with a needless escape',
    proof({ invocationTarget: target.replace('alice', '%61lice') }),
    'invocation.target_not_canonical',
  ],
  [
    'a target in other letters',
    proof({ invocationTarget: target.replace('urn', 'URN') }),
    'invocation.target_not_canonical',
  ],
  [
    'a target with a namespace in other letters',
    proof({ invocationTarget: target.replace('countersign', 'Countersign') }),
    'invocation.target_not_canonical',
  ],
  [
    'a target with dot segments',
    proof({ invocationTarget: 'https://wallet.example/alice/../bob' }),
    'invocation.target_not_canonical',
  ],
  [
    'the target of another wallet',
    proof({ invocationTarget: 'urn:countersign:wallet:bob' }),
    'invocation.target_unexpected',
  ],
  ['a target that ours is a prefix of', proof({ invocationTarget: `${target}2` }), 'invocation.target_unexpected'],
  [
    'a target that ours is a prefix of, where it is the expected one',
    proof({ invocationTarget: `${target}2` }),
    'invocation.target_outside',
    { target: `${target}2` },
  ],
  [
    'a part of a urn, where it is the expected one',
    proof({ invocationTarget: `${target}/keys` }),
    'invocation.target_outside',
    { target: `${target}/keys` },
  ],
  [
    'another wallet, where it is the expected one',
    proof({ invocationTarget: otherRoot.invocationTarget }),
    'invocation.target_outside',
    { target: otherRoot.invocationTarget },
  ],
];

export const chains: readonly Row[] = [
  ['a root as a document', proof({ capability: rootDoc }), 'capability.root_presented'],
  [
    'a root as a document with the thief in it',
    invocation({ ...rootDoc, controller: thief.did }, thief),
    'capability.root_presented',
  ],
  ['the root of another wallet by its id', invocation(otherRoot.id, owner), 'capability.root_unknown'],
  ['the id of a delegation', invocation(ids.phone, phone), 'capability.root_unknown'],
  ['a root that embeds itself in the chain', link({}, { capabilityChain: [rootDoc] }), 'capability.root_presented'],
  [
    'a chain from another root',
    link({ parentCapability: otherRoot.id }, { capabilityChain: [otherRoot.id] }),
    'capability.root_unknown',
  ],
  ['a root that is not known to us', good, 'capability.root_unknown', { root: () => undefined }],
  ['an answer for another root than was asked for', good, 'capability.root_invalid', { root: () => otherRoot }],
  [
    'an expected root with an expiry',
    good,
    'capability.root_invalid',
    { root: { ...root, expires: instant(now) } as never },
  ],
  [
    'an expected root with the id of another target',
    good,
    'capability.root_invalid',
    { root: { ...root, id: otherRoot.id }, target },
  ],
  ['eleven links', invocation(eleven.tail, eleven.holder), 'capability.too_long'],
  ['ten links where three are allowed', invocation(ten.tail, ten.holder), 'capability.too_long', { maxLength: 3 }],
  [
    'a claim of a thousand links',
    link({}, { capabilityChain: Array.from({ length: 1000 }, () => ids.root) }),
    'capability.too_long',
  ],
  ['no chain', link({}, { capabilityChain: undefined }), 'capability.chain_missing'],
  ['an empty chain', link({}, { capabilityChain: [] }), 'capability.chain_missing'],
  ['a chain that is text', link({}, { capabilityChain: ids.root }), 'capability.chain_missing'],
  [
    'the parent by its id alone',
    second({ proof: { capabilityChain: [ids.root, ids.phone] } }),
    'capability.chain_embedded',
  ],
  [
    'the parent in the chain twice',
    second({ proof: { capabilityChain: [ids.root, ids.phone, toPhone] } }),
    'capability.chain_length',
  ],
  ['a chain that leaves out the root', second({ proof: { capabilityChain: [toPhone] } }), 'capability.root_presented'],
  [
    'a chain that is longer than the parent leaves',
    second({ proof: { capabilityChain: [ids.root, 'urn:uuid:x', toPhone] } }),
    'capability.chain_length',
  ],
  [
    'an ancestor embedded too',
    invocation(
      delegation(toTablet, tablet, thief, {
        members: { allowedAction: ['read'] },
        proof: { capabilityChain: [ids.root, toPhone, toTablet] },
      }),
      thief,
    ),
    'capability.chain_embedded',
  ],
  [
    'another ancestor',
    invocation(
      delegation(toTablet, tablet, thief, {
        members: { allowedAction: ['read'] },
        proof: { capabilityChain: [ids.root, 'urn:uuid:other', toTablet] },
      }),
      thief,
    ),
    'capability.chain_ancestor',
  ],
  [
    'another parent than the last of the chain',
    second({ members: { parentCapability: 'urn:uuid:other' } }),
    'capability.chain_parent',
  ],
  [
    'the root as the parent, past the phone',
    second({ members: { parentCapability: ids.root } }),
    'capability.chain_parent',
  ],
  ['another parent than the root', link({ parentCapability: 'urn:uuid:other' }), 'capability.chain_parent'],
  ['the id of its parent', second({ members: { id: ids.phone } }), 'capability.chain_repeated'],
  [
    'the id of the parent’s parent',
    invocation(delegation(toTablet, tablet, thief, { members: { id: ids.phone, allowedAction: ['read'] } }), thief),
    'capability.chain_repeated',
  ],
];

export const links: readonly Row[] = [
  ['a link without a context', link({ '@context': undefined }), 'capability.context'],
  ['a link whose context is text', link({ '@context': contexts[0] }), 'capability.context'],
  ['a link with an invoker', link({ invoker: thief.did }), 'capability.legacy_member'],
  ['a link with a delegator', link({ delegator: thief.did }), 'capability.legacy_member'],
  ['a link with a target of 2021', link({ target }), 'capability.legacy_member'],
  ['a link with a creator', link({}, { creator: owner.kid }), 'capability.legacy_member'],
  ['a link with a caveat', link({ caveat: [{ type: 'ValidWhileTrue', uri: 'https://a.test' }] }), 'capability.caveat'],
  ['a link without an id', link({ id: undefined }), 'capability.id'],
  ['a link with the id of a root', link({ id: otherRoot.id }), 'capability.id'],
  ['a link with a relative id', link({ id: 'capability-1' }), 'capability.id'],
  ['a link with a parent that is a document', link({ parentCapability: rootDoc }), 'capability.parent'],
  ['a link without a controller', link({ controller: undefined }), 'capability.controller'],
  ['a link with no controller in a list', link({ controller: [] }), 'capability.controller'],
  ['a link with a controller twice', link({ controller: [phone.did, phone.did] }), 'capability.controller'],
  [
    'a link with nine controllers',
    link({ controller: Array.from({ length: 9 }, (_, i) => `did:example:${i}`) }),
    'capability.controller',
  ],
  ['a link with a controller that is no URI', link({ controller: 'phone' }), 'capability.controller'],
  ['a link with a controller that is a document', link({ controller: { id: phone.did } }), 'capability.controller'],
  ['a link without a target', link({ invocationTarget: undefined }), 'capability.target'],
  ['a link with a list of targets', link({ invocationTarget: [target] }), 'capability.target'],
  [
    'a link with a target that is not canonical',
    link({ invocationTarget: `${target}%2D` }),
    'capability.target_not_canonical',
  ],
  ['a link on a longer target', link({ invocationTarget: `${target}2` }), 'capability.target_exceeds'],
  ['a link on a shorter target', link({ invocationTarget: target.slice(0, -1) }), 'capability.target_exceeds'],
  ['a link on a part of a urn', link({ invocationTarget: `${target}/keys` }), 'capability.target_exceeds'],
  [
    'a link without actions under a parent that restricts',
    second({ members: { allowedAction: undefined } }),
    'capability.actions_missing',
  ],
  ['a link with an empty list of actions', link({ allowedAction: [] }), 'capability.actions_empty'],
  [
    'a link with an empty list of actions under a parent',
    second({ members: { allowedAction: [] } }),
    'capability.actions_empty',
  ],
  ['a link with an action that is a number', link({ allowedAction: ['read', 1] }), 'capability.actions_invalid'],
  ['a link with actions that are a document', link({ allowedAction: { read: true } }), 'capability.actions_invalid'],
  ['a link with null for its actions', link({ allowedAction: null }), 'capability.actions_invalid'],
  ['a link with an empty action', link({ allowedAction: [''] }), 'capability.actions_invalid'],
  ['a link with an action twice', link({ allowedAction: ['read', 'read'] }), 'capability.actions_invalid'],
  [
    'a link with 65 actions',
    link({ allowedAction: Array.from({ length: 65 }, (_, i) => `a${i}`) }),
    'capability.actions_invalid',
  ],
  [
    'a link with an action more than its parent',
    second({ members: { allowedAction: ['read', 'invite'] } }),
    'capability.actions_exceed',
  ],
  [
    'a link with an action as text that its parent lacks',
    second({ members: { allowedAction: 'invite' } }),
    'capability.actions_exceed',
  ],
  [
    'a link with an action that its parent spells otherwise',
    second({ members: { allowedAction: ['READ'] } }),
    'capability.actions_exceed',
  ],
  ['a link without an expiry', link({ expires: undefined }), 'capability.expires_missing'],
  ['a link that expires in seconds', link({ expires: now + 10 }), 'capability.expires_invalid'],
  ['a link that expires without a zone', link({ expires: '2027-01-16T08:00:00' }), 'capability.expires_invalid'],
  ['a link that expires at 24:00', link({ expires: '2027-01-16T24:00:00Z' }), 'capability.expires_invalid'],
  ['a link that expires in a leap second', link({ expires: '2027-01-16T23:59:60Z' }), 'capability.expires_invalid'],
  ['a link that expires on a day alone', link({ expires: '2027-01-16' }), 'capability.expires_invalid'],
  [
    'a link that expires a second after its parent',
    second({ members: { expires: instant(now + day + 1) } }),
    'capability.expires_exceeds',
  ],
  [
    'a link that expires after its parent, in another zone',
    second({ members: { expires: `${instant(now + day).slice(0, -1)}-01:00` } }),
    'capability.expires_exceeds',
  ],
  [
    'a link that expires after the proof of its parent',
    second({}, phone, delegation(rootDoc, owner, phone, { proof: { expires: instant(now + 10) } })),
    'capability.expires_exceeds',
  ],
  ['a link that expires now', link({ expires: instant(now) }), 'capability.expired'],
  ['a link that has expired', link({ expires: instant(now - 1) }), 'capability.expired'],
  [
    'a link whose parent has expired',
    second(
      { members: { expires: instant(now - 50) } },
      phone,
      delegation(rootDoc, owner, phone, { members: { expires: instant(now - 50) } }),
    ),
    'capability.expired',
  ],
  ['a link whose proof has expired', link({}, { expires: instant(now - 1) }), 'capability.expired'],
  [
    'a link whose proof expires without a zone',
    link({}, { expires: '2027-01-16T08:00:00' }),
    'capability.expires_invalid',
  ],
  [
    'a link made before its parent',
    second({ proof: { created: instant(now - 101) } }),
    'capability.created_before_parent',
  ],
  ['a link made in the future', link({}, { created: instant(now + 31) }), 'capability.created_in_future'],
  [
    'a link that expires before it was made',
    link({ expires: instant(now + 5) }, { created: instant(now + 10) }),
    'capability.expires_before_created',
  ],
  ['a link that lives longer than we allow', good, 'capability.lifetime', { maxLifetime: 3_600_000 }],
  ['a link that was never made', link({}, { created: undefined }), 'capability.created_missing'],
  ['a link that was made without a zone', link({}, { created: '2027-01-15T07:00:00' }), 'capability.created_invalid'],
  ['a link without a proof', proof({ capability: { ...toPhone, proof: undefined } }), 'capability.proof_missing'],
  [
    'a link with a list of proofs',
    proof({ capability: { ...toPhone, proof: [toPhone.proof as Json] } }),
    'capability.proof_several',
  ],
  ['a link with a proof on a proof', link({}, { previousProof: 'urn:x' }), 'capability.proof_several'],
  ['a link with a proof of invocation', link({}, { proofPurpose: 'capabilityInvocation' }), 'capability.proof_purpose'],
  ['a link with a proof of assertion', link({}, { proofPurpose: 'assertionMethod' }), 'capability.proof_purpose'],
  ['a link without a verification method', link({}, { verificationMethod: undefined }), 'capability.method_missing'],
];

const flip = (value: string) => value.slice(0, 20) + (value[20] === 'A' ? 'B' : 'A') + value.slice(21);
const proofValue = (secured: Doc) => (secured.proof as Doc).proofValue as string;

const proofs: readonly Row[] = [
  ['invoked by a thief', invocation(toPhone, thief), 'invocation.invoker'],
  ['invoked by the owner, who gave it away', invocation(toPhone, owner), 'invocation.invoker'],
  ['invoked by the holder of the parent', invocation(toTablet, phone), 'invocation.invoker'],
  ['a root invoked by a device', invocation(root.id, phone), 'invocation.invoker'],
  [
    'invoked by a thief in the name of the phone',
    invocation(toPhone, thief, { proof: { verificationMethod: phone.kid } }),
    'integrity.signature',
  ],
  ['a nonce changed', tampered(good, ['nonce'], 'n-1'), 'integrity.signature'],
  ['a member added that nobody knows', tampered(good, ['note'], 'x'), 'integrity.signature'],
  ['a member added to the proof', tampered(good, ['proof', 'note'], 'x'), 'integrity.signature'],
  ['a signature changed', tampered(good, ['proof', 'proofValue'], flip(proofValue(good))), 'integrity.signature'],
  [
    'the signature of another',
    tampered(good, ['proof', 'proofValue'], proofValue(invocation(toTablet, tablet))),
    'integrity.signature',
  ],
  ['a link signed by a thief', link({}, {}, thief), 'capability.delegator'],
  ['a link signed by who gets it', link({}, {}, phone), 'capability.delegator'],
  [
    'a link signed by a thief in the name of the owner',
    link({}, { verificationMethod: owner.kid }, thief),
    'integrity.signature',
  ],
  ['a second link signed by a thief', second({}, thief), 'capability.delegator'],
  ['a second link signed by the owner, past the phone', second({}, owner), 'capability.delegator'],
  [
    'a second link under one that a thief signed',
    second({}, phone, delegation(rootDoc, thief, phone)),
    'capability.delegator',
  ],
  [
    'a link with an action added',
    proof({ capability: tampered(toPhone, ['allowedAction'], ['read', 'write', 'grant']) }),
    'integrity.signature',
  ],
  [
    'a link with another controller',
    invocation(tampered(toPhone, ['controller'], thief.did), thief),
    'integrity.signature',
  ],
  [
    'a link with a later expiry',
    proof({ capability: tampered(toPhone, ['expires'], instant(now + 2 * day)) }),
    'integrity.signature',
  ],
  [
    'a link with a member that nobody knows',
    proof({ capability: tampered(toPhone, ['note'], 'x') }),
    'integrity.signature',
  ],
];

export const rows = [...documents, ...invocations, ...chains, ...links, ...proofs];

/** What they start from. */
export const sound: readonly (readonly [Doc, Partial<InvocationExpectation>?])[] = [
  [good],
  [httpCall({}), http],
  [tokenCall({}), token],
  [tokenCall({ expires: undefined }), token],
  [link({})],
  [second({})],
  [invocation(root.id, owner)],
  [invocation(toTablet, tablet)],
  [invocation(ten.tail, ten.holder)],
  [call({ note: { any: ['thing'] } }, { note: 'x' })],
  [good, { root: (id) => (id === root.id ? root : undefined) }],
  [proof({ created: instant(now + 30), expires: instant(now + 60) })],
  [proof({ created: instant(now - 60), expires: instant(now - 29) })],
  [proof({ created: instant(now), expires: instant(now + 60) })],
];
