import { realmPrefix } from '@countersign/proof';
import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { authenticateBearer } from '../callers/bearer.ts';
import { presentedByHolder, sessionHolder } from '../callers/holder.ts';
import { anybodyInRealm, realmOf } from '../callers/realm.ts';
import { Problem } from '../kernel/problem.ts';
import { type CallerKind, type Route, route } from '../route.ts';
import type { Realm } from '../subject/realm.ts';
import { subjectDid } from '../subject/secrets/custody.ts';
import { isSessionToken } from '../subject/session.ts';
import { targetNamed } from './access.ts';
import { delegateRealm, realmCapabilitySchema } from './realm-capability.ts';
import { type Revoked, revokeAsAdministrator } from './revoke.ts';
import { webDidDocument } from './web-did.ts';

const administration = { tag: 'Administration', caller: administrator } as const;
const document = z.record(z.string(), z.unknown());
const revocation = z
  .strictObject({
    /** Absent: a capability of the realm itself. */
    walletId: z.string().optional(),
    capabilityId: z.string().optional(),
    did: z.string().optional(),
  })
  .meta({ oneOf: [{ required: ['capabilityId'] }, { required: ['did'] }] });

/** A session, or a client with its own access token. */
const sessionOrBearer: CallerKind<{ readonly realm: Realm; readonly subjectId: string }> = {
  security: 'bearer',
  async authenticate(call) {
    const realm = await realmOf(call);
    const isSession = isSessionToken(presentedByHolder(call).token);
    const { id } = isSession
      ? (await sessionHolder().authenticate(call)).session.subject
      : (await authenticateBearer(call)).subject;
    return { realm, subjectId: id };
  },
};

export const routes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/realms/:realm/dids/:id/did.json',
    tag: 'Wallets',
    operationId: 'getDidDocument',
    summary: 'The document of the did:web of an organization, at the path of that method.',
    caller: anybodyInRealm,
    answers: { 200: 'application/did+json: the DID document.' },
    async handle({ context, who: realm, params: { id } }) {
      const headers = { 'content-type': 'application/did+json', 'cache-control': 'public, max-age=300' };
      return new Response(JSON.stringify(await webDidDocument(context, realm, id)), { headers });
    },
  }),
  route({
    method: 'GET',
    path: '/realms/:realm/wallets/subject-did',
    tag: 'Wallets',
    operationId: 'getSubjectDid',
    summary:
      'The DID that a wallet delegates to, so that the caller can get capabilities for it with its session or access token.',
    caller: sessionOrBearer,
    answers: { 200: z.object({ subject: z.string(), did: z.string() }) },
    handle: ({ context, who: { realm, subjectId } }) => ({
      subject: subjectId,
      did: subjectDid(context, realm.name, subjectId).did,
    }),
  }),
  route({
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/capabilities',
    operationId: 'delegateRealm',
    summary: 'Let a DID invite to the realm: a capability that the realm signs.',
    body: realmCapabilitySchema,
    answers: { 201: z.object({ capabilityId: z.string(), capability: document }) },
    async handle({ context, who: { realm, caller }, body }) {
      const capability = await delegateRealm(context, realm, body, caller);
      return { capabilityId: capability.id, capability };
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/capabilities/revoke',
    operationId: 'revokeCapability',
    summary: 'End a capability of a wallet, or of the realm, and all that descends from it.',
    body: revocation,
    answers: { 200: z.object({ revokedCapabilityIds: z.array(z.string()) }) },
    async handle({ context, who: { realm, caller }, body: { walletId, ...what } }) {
      const target = walletId === undefined ? realmPrefix + realm.name : targetNamed(walletId);
      return {
        revokedCapabilityIds: await revokeAsAdministrator(context, realm.name, target, revokedOf(what), caller),
      };
    },
  }),
];

function revokedOf({ capabilityId, did }: { capabilityId?: string | undefined; did?: string | undefined }): Revoked {
  if (capabilityId !== undefined && did === undefined) return { capabilityId };
  if (did !== undefined && capabilityId === undefined) return { did };
  throw new Problem('request.invalid', { detail: 'Name either a capabilityId or a did.', pointer: '/capabilityId' });
}
