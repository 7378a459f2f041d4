import { z } from 'zod';
import { type Holder, recent } from '../../callers/holder.ts';
import type { Context } from '../../context.ts';
import { json } from '../../http/render.ts';
import { nothing } from '../../http/route.ts';
import { pageRequest } from '../../kernel/page.ts';
import { Problem } from '../../kernel/problem.ts';
import { lineOfText } from '../../kernel/text.ts';
import { verifiedAddressOf } from '../../mail/owner.ts';
import { corporate, type Route } from '../../route.ts';
import { credentialCode, credentialMail } from '../../subject/credential-code.ts';
import { withinCreationBudget, withinMailBudget } from '../guess/root-budget.ts';
import { inviteCredential, requireMailAllowed } from '../invite.ts';
import { resetPassword } from '../reset.ts';
import { rootOrAdministrator } from '../root.http.ts';
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

/**
 * "Operate on a Corporate Identity". Administrators may do all of it. The ROOT of an identity reads it with its
 * credentials and manages its USERs, but not itself or another ROOT. A ROOT's changes need a login within the last five
 * minutes, because a stolen token must not make credentials that outlive it.
 */
const listRequest = z.strictObject({ limit: z.int().nullish(), after: lineOfText().nullish() });
const creation = z.strictObject({ type: credentialType, code: credentialCode, email: credentialMail.nullish() });

/** Epoch milliseconds as text, because the documented calls write 64-bit numbers so. */
const timestamp = z.string().regex(/^\d+$/);
const state = z.enum(['ACTIVE', 'DISABLED']);
const identityReference = z.object({ type: z.literal('corporates'), id: z.string() });
const common = { tag: 'Identities', caller: rootOrAdministrator } as const;
const base = '/identities/:identity_id';
const ofCredential = `${base}/credentials/:credential_id`;

/** Begins with the reference that other calls use. */
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
  emailVerified: z.boolean(),
  identityId: identityReference,
  /** Its own state. An active credential cannot log in while its identity is disabled. */
  state,
  createdTimestamp: timestamp,
  updatedTimestamp: timestamp,
});

export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: `${base}/get`,
    operationId: 'getIdentity',
    summary: 'An identity. For its ROOT, and for administrators.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: identitySchema },
    handle: async ({ context, who: { realm }, params: { identity_id: id } }) =>
      identityView(await requireIdentity(context, realm.name, id)),
  }),
  ...corporate({
    ...common,
    path: `${base}/credentials/get`,
    operationId: 'listCredentialsOfIdentity',
    summary: 'The credentials of an identity by id: `next` goes into `after` for the next page.',
    body: listRequest,
    bodyOptional: true,
    answers: { 200: z.object({ credentials: z.array(credentialSchema), next: z.string().optional() }) },
    async handle({ context, who: { realm }, params: { identity_id: id }, body: { limit, after } }) {
      await requireIdentity(context, realm.name, id);
      const page = pageRequest(limit == null ? undefined : String(limit), after ?? undefined);
      const { items, ...rest } = await pageOfCredentials(context, realm.name, id, page);
      return { credentials: items.map(credentialView), ...rest };
    },
  }),
  ...corporate({
    ...common,
    path: `${base}/credentials/_/create`,
    operationId: 'createCredentialOfIdentity',
    summary:
      'A credential of the identity: a USER, or for administrators a ROOT too. The header create-id tells its id.',
    caller: recent(rootOrAdministrator),
    body: creation,
    answers: { 200: credentialSchema },
    async handle({ context, who, params: { identity_id: identityId }, body }) {
      requireManaged(who, body.type);
      const { name } = who.realm;
      const make = () => createCredential(context, name, { ...body, identityId }, who.caller);
      const made = await (who.kind === 'session' ? withinCreationBudget(context, name, identityId, make) : make());
      return json(200, credentialView(made), { 'create-id': made.id });
    },
  }),
  ...step('disable', 'Disable a credential: it cannot log in, and its sessions end.'),
  ...step(
    'enable',
    'Enable a disabled credential; a ROOT one that a ROOT has disabled. Sessions from before stay ended.',
  ),
  ...mailing('invite', {
    operationId: 'inviteCredentialOfIdentity',
    summary: 'Send its holder a token, good once and for a week, with which to set the first password.',
    budget: 'invitation',
    purpose: 'password-invitation',
    send: inviteCredential,
  }),
  ...mailing('reset_password', {
    operationId: 'resetPasswordOfIdentity',
    summary: 'Send its holder a code, good once and for a day, with which to set a new password.',
    budget: 'reset',
    purpose: 'password-reset',
    send: resetPassword,
  }),
];

function step(name: CredentialStep, summary: string): readonly Route[] {
  return corporate({
    ...common,
    path: `${ofCredential}/${name}`,
    operationId: `${name}CredentialOfIdentity`,
    summary,
    caller: recent(rootOrAdministrator),
    body: nothing,
    bodyOptional: true,
    answers: { 204: 'Done.' },
    async handle({ context, who, params }) {
      const { id } = await managedCredential(context, who, params);
      const by = who.kind === 'session' ? 'root' : null;
      await stepCredential(context, who.realm.name, id, name, who.caller, by);
    },
  });
}

/** A mail to the holder of a credential that the caller manages. */
function mailing(
  name: string,
  {
    operationId,
    summary,
    budget,
    purpose,
    send,
  }: {
    readonly operationId: string;
    readonly summary: string;
    readonly budget: Parameters<typeof withinMailBudget>[3];
    readonly purpose: Parameters<typeof requireMailAllowed>[3];
    readonly send: typeof inviteCredential;
  },
): readonly Route[] {
  return corporate({
    ...common,
    path: `${ofCredential}/${name}`,
    operationId,
    summary,
    caller: recent(rootOrAdministrator),
    body: nothing,
    bodyOptional: true,
    answers: { 204: 'Sent.' },
    async handle({ context, who, params }) {
      const { id } = await managedCredential(context, who, params);
      const { name: realm } = who.realm;
      if (who.kind === 'administrator') await send(context, realm, id, 'mail', who.caller);
      else {
        await withinMailBudget(context, realm, params.identity_id, budget, async () => {
          await requireMailAllowed(context, realm, id, purpose);
          await send(context, realm, id, 'mail', who.caller);
        });
      }
    },
  });
}

/** The credential in the path, if the caller manages it. @throws {Problem} `credential.unknown`, `caller.forbidden` */
async function managedCredential(
  context: Context,
  who: Holder,
  { identity_id: identityId, credential_id: id }: { readonly identity_id: string; readonly credential_id: string },
): Promise<Credential> {
  const credential = await requireCredential(context, who.realm.name, id, identityId);
  requireManaged(who, credential.type);
  return credential;
}

function requireManaged(who: Holder, type: Credential['type']): void {
  if (who.kind === 'session' && type !== 'USER') {
    throw new Problem('caller.forbidden', { detail: 'A ROOT manages the USERs of its identity.' });
  }
}

function identityView(row: Identity): z.output<typeof identitySchema> {
  return {
    type: 'corporates',
    id: row.id,
    profileId: row.profile_id,
    name: row.name,
    state: row.disabled_at === null && row.remove_at === null ? 'ACTIVE' : 'DISABLED',
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
    emailVerified: verifiedAddressOf(credential) !== undefined,
    identityId: { type: 'corporates', id: credential.identity.id },
    state: credential.disabledAt === null && credential.removeAt === null ? 'ACTIVE' : 'DISABLED',
    createdTimestamp: String(credential.createdAt),
    updatedTimestamp: String(credential.updatedAt),
  };
}
