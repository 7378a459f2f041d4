import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import { authenticateBearer } from '../http/authenticate.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { authenticateSessionHolder, presentedToken } from '../http/holder.ts';
import { pathName } from '../http/name.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { Problem } from '../kernel/problem.ts';
import { subjectDid } from '../subject/custody.ts';
import { requireRealm } from '../subject/realm.ts';
import { isSessionToken } from '../subject/session.ts';
import { targetNamed } from './access.ts';
import { delegateRealm, realmCapabilitySchema } from './realm-capability.ts';
import { type Revoked, revokeAsAdministrator } from './revoke.ts';
import { realmPrefix } from './target.ts';
import { webDidDocument } from './web-did.ts';

const administration = { tag: 'Administration', refusals: 'problem', security: 'administrator' } as const;
const jsonOnly = ['application/json'] as const;
const document = z.record(z.string(), z.unknown());
const revocation = z.strictObject({
  /** Of which wallet; left out, of the realm itself. */
  walletId: z.string().optional(),
  capabilityId: z.string().optional(),
  did: z.string().optional(),
});

export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/realms/:realm/dids/:id/did.json',
    tag: 'Wallets',
    operationId: 'getDidDocument',
    summary: 'The document of the did:web of an organization, where the method has it looked for.',
    security: 'none',
    responses: { 200: document },
    refusals: 'problem',
    handle: didDocument,
  },
  {
    method: 'GET',
    path: '/realms/:realm/wallets/subject-did',
    tag: 'Wallets',
    operationId: 'getSubjectDid',
    summary:
      'The DID that a wallet delegates to, so that the caller gets capabilities for it by its session or access token.',
    security: 'bearer',
    responses: { 200: z.object({ subject: z.string(), did: z.string() }) },
    refusals: 'problem',
    handle: subjectDidOfCaller,
  },
  {
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/capabilities',
    operationId: 'delegateRealm',
    summary: 'Let a DID invite to the realm: a capability that the realm signs.',
    body: { schema: realmCapabilitySchema, mediaTypes: jsonOnly },
    responses: { 201: z.object({ capabilityId: z.string(), capability: document }) },
    handle: delegate,
  },
  {
    ...administration,
    method: 'POST',
    path: '/realms/:realm/admin/capabilities/revoke',
    operationId: 'revokeCapability',
    summary: 'End a capability of a wallet, or of the realm, and all that descends from it.',
    body: { schema: revocation, mediaTypes: jsonOnly },
    responses: { 200: z.object({ revokedCapabilityIds: z.array(z.string()) }) },
    handle: revoke,
  },
];

async function didDocument(call: Call): Promise<Response> {
  const found = await webDidDocument(call.context, await call.realm(), pathName(call, 'id'));
  const headers = { 'content-type': 'application/did+json', 'cache-control': 'public, max-age=300' };
  return new Response(JSON.stringify(found), { headers });
}

async function subjectDidOfCaller(call: Call): Promise<Response> {
  const realm = await call.realm();
  const isSession = isSessionToken(presentedToken(call.request));
  const subject = isSession ? (await authenticateSessionHolder(call)).session.subject : await authenticateBearer(call);
  return json(200, { subject: subject.id, did: subjectDid(call.context, realm.name, subject.id).did });
}

async function delegate(call: Call): Promise<Response> {
  const { realm: name, caller } = await authenticateAdministration(call);
  const wanted = await readJson(call, realmCapabilitySchema);
  const capability = await delegateRealm(call.context, await requireRealm(call.context, name), wanted, caller);
  return json(201, { capabilityId: capability.id, capability });
}

async function revoke(call: Call): Promise<Response> {
  const { realm: name, caller } = await authenticateAdministration(call);
  const { walletId, ...what } = await readJson(call, revocation);
  const target = walletId === undefined ? realmPrefix + name : targetNamed(walletId);
  const ids = await revokeAsAdministrator(call.context, name, target, revokedOf(what), caller);
  return json(200, { revokedCapabilityIds: ids });
}

function revokedOf({ capabilityId, did }: { capabilityId?: string | undefined; did?: string | undefined }): Revoked {
  if (capabilityId !== undefined && did === undefined) return { capabilityId };
  if (did !== undefined && capabilityId === undefined) return { did };
  throw new Problem('request.invalid', 'Name either a capabilityId or a did.', { pointer: '/capabilityId' });
}
