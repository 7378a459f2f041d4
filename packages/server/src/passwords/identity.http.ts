import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { type CorporateRoute, corporateRoutes } from '../http/corporate.ts';
import { authenticateHolder, type Holder, requireRecent } from '../http/holder.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json, noContent } from '../http/render.ts';
import { pageRequest } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText } from '../kernel/text.ts';
import { credentialCode, credentialMail } from '../subject/credential-code.ts';
import {
  type Credential,
  type CredentialStep,
  createCredential,
  pageOfCredentials,
  requireCredential,
  stepCredential,
} from './credential.ts';
import { type Identity, requireIdentity } from './identity.ts';
import { credentialType } from './identity-administration.ts';
import { inviteCredential, requireMailAllowed } from './invite.ts';
import { withinCreationBudget, withinInvitationBudget } from './root-budget.ts';

/**
 * "Operate on a Corporate Identity". Administrators may do all of it; the ROOT of an identity reads it with its credentials and
 * manages its USERs: not itself, not another ROOT. For a ROOT there is no identity but its own. What a ROOT changes needs a login within
 * the last five minutes: a stolen token must not make credentials that outlive it.
 */
const nothing = z.strictObject({});
const listRequest = z.strictObject({ limit: z.int().nullish(), after: lineOfText().nullish() });
const creation = z.strictObject({ type: credentialType, code: credentialCode, email: credentialMail.nullish() });

/** Epoch milliseconds as text, as the documented calls write 64-bit numbers. */
const timestamp = z.string().regex(/^\d+$/);
const state = z.enum(['ACTIVE', 'DISABLED']);
const identityReference = z.object({ type: z.literal('corporates'), id: z.string() });
const common = { tag: 'Identities', security: 'session' } as const;
const base = '/identities/:identity_id';
const ofCredential = `${base}/credentials/:credential_id`;

/** Each begins as the reference that other calls have to it. */
const identitySchema = identityReference.extend({
  profileId: z.string(),
  name: z.string(),
  state,
  createdTimestamp: timestamp,
  updatedTimestamp: timestamp,
});
const credentialSchema = z.object({
  type: credentialType,
  id: z.string(),
  code: z.string(),
  email: z.string().nullable(),
  identityId: identityReference,
  /** Its own: what is active cannot log in while its identity is disabled. */
  state,
  createdTimestamp: timestamp,
  updatedTimestamp: timestamp,
});

export const routes = corporateRoutes([
  {
    ...common,
    path: `${base}/get`,
    operationId: 'getIdentity',
    summary: 'An identity. For its ROOT, and for administrators.',
    body: nothing,
    optionalBody: true,
    responses: { 200: identitySchema },
    handle: show,
  },
  {
    ...common,
    path: `${base}/credentials/get`,
    operationId: 'listCredentialsOfIdentity',
    summary: 'The credentials of an identity by id: `next` goes into `after` for the next page.',
    body: listRequest,
    optionalBody: true,
    responses: { 200: z.object({ credentials: z.array(credentialSchema), next: z.string().optional() }) },
    handle: list,
  },
  {
    ...common,
    path: `${base}/credentials/_/create`,
    operationId: 'createCredentialOfIdentity',
    summary:
      'A credential of the identity: a USER, or for administrators a ROOT too. The header create-id tells its id.',
    body: creation,
    responses: { 200: credentialSchema },
    handle: create,
  },
  stepRoute('disable', 'Disable a credential: it cannot log in, and its sessions end.'),
  stepRoute('enable', 'Enable a disabled credential. Sessions from before stay ended.'),
  {
    ...common,
    path: `${ofCredential}/invite`,
    operationId: 'inviteCredentialOfIdentity',
    summary: 'Send its holder a token, good once and for a week, with which to set the first password.',
    body: nothing,
    optionalBody: true,
    responses: { 204: 'Sent.' },
    handle: invite,
  },
]);

async function show(call: Call): Promise<Response> {
  const { realm, identityId } = await authenticateRoot(call);
  await readOptionalJson(call, nothing);
  return json(200, identityView(await requireIdentity(call.context, realm, identityId)));
}

async function list(call: Call): Promise<Response> {
  const { realm, identityId } = await authenticateRoot(call);
  const { limit, after } = await readOptionalJson(call, listRequest);
  await requireIdentity(call.context, realm, identityId);
  const page = pageRequest(limit === undefined || limit === null ? undefined : String(limit), after ?? undefined);
  const { items, ...rest } = await pageOfCredentials(call.context, realm, identityId, page);
  return json(200, { credentials: items.map(credentialView), ...rest });
}

async function create(call: Call): Promise<Response> {
  const { holder, realm, identityId } = await authenticateRoot(call);
  requireRecent(call, holder);
  const wanted = await readJson(call, creation);
  requireManaged(holder, wanted.type);
  const { context } = call;
  const make = () => createCredential(context, realm, { ...wanted, identityId }, holder.caller);
  const made = await (holder.kind === 'session' ? withinCreationBudget(context, realm, identityId, make) : make());
  return json(200, credentialView(made), { 'create-id': made.id });
}

function stepRoute(step: CredentialStep, summary: string): CorporateRoute {
  return {
    ...common,
    path: `${ofCredential}/${step}`,
    operationId: `${step}CredentialOfIdentity`,
    summary,
    body: nothing,
    optionalBody: true,
    responses: { 204: 'Done.' },
    async handle(call) {
      const { holder, realm, credential } = await authenticateManager(call);
      await stepCredential(call.context, realm, credential.id, step, holder.caller);
      return noContent();
    },
  };
}

async function invite(call: Call): Promise<Response> {
  const { holder, realm, identityId, credential } = await authenticateManager(call);
  const { context } = call;
  const send = () => inviteCredential(context, realm, credential.id, 'mail', holder.caller);
  if (holder.kind === 'administrator') await send();
  else {
    await withinInvitationBudget(context, realm, identityId, async () => {
      await requireMailAllowed(context, realm, credential.id);
      await send();
    });
  }
  return noContent();
}

interface Root {
  readonly holder: Holder;
  readonly realm: string;
  readonly identityId: string;
}

/** An administrator, or the ROOT of the identity in the path. */
async function authenticateRoot(call: Call): Promise<Root> {
  const holder = await authenticateHolder(call);
  const identityId = pathName(call, 'identity_id');
  if (holder.kind === 'session') {
    const { credential, identity } = holder.session.subject;
    // First: whether there is another identity of this name is for nobody to learn.
    if (identity.id !== identityId) throw new Problem('identity.unknown');
    if (credential.type !== 'ROOT') throw new Problem('caller.forbidden', 'This is for the ROOT of the identity.');
  }
  return { holder, realm: holder.realm.name, identityId };
}

/** The same, with the credential in the path, which must be one that the caller manages. */
async function authenticateManager(call: Call): Promise<Root & { readonly credential: Credential }> {
  const root = await authenticateRoot(call);
  requireRecent(call, root.holder);
  await readOptionalJson(call, nothing);
  const credential = await requireCredential(
    call.context,
    root.realm,
    pathName(call, 'credential_id'),
    root.identityId,
  );
  requireManaged(root.holder, credential.type);
  return { ...root, credential };
}

function requireManaged(holder: Holder, type: Credential['type']): void {
  if (holder.kind === 'session' && type !== 'USER') {
    throw new Problem('caller.forbidden', 'A ROOT manages the USERs of its identity.');
  }
}

function identityView(row: Identity): z.output<typeof identitySchema> {
  return {
    type: 'corporates',
    id: row.id,
    profileId: row.profile_id,
    name: row.name,
    state: row.disabled_at === null ? 'ACTIVE' : 'DISABLED',
    createdTimestamp: String(row.created_at),
    updatedTimestamp: String(row.updated_at),
  };
}

function credentialView(credential: Credential): z.output<typeof credentialSchema> {
  return {
    type: credential.type,
    id: credential.id,
    code: credential.code,
    email: credential.email,
    identityId: { type: 'corporates', id: credential.identity.id },
    state: credential.disabledAt === null ? 'ACTIVE' : 'DISABLED',
    createdTimestamp: String(credential.createdAt),
    updatedTimestamp: String(credential.updatedAt),
  };
}
