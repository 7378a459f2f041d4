import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes, realmOrDefault } from '../http/corporate.ts';
import { deviceRemembered, presentedDevice } from '../http/device-cookie.ts';
import {
  authenticateAdministratorHolder,
  authenticateHolder,
  authenticateRecentHolder,
  authenticateSessionHolder,
  presentedToken,
  requireRecent,
  type SessionHolder,
} from '../http/holder.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json, noContent } from '../http/render.ts';
import { Problem } from '../kernel/problem.ts';
import { credentialTypes } from '../subject/password-config.ts';
import { credentialSubjectId } from '../subject/subject.ts';
import { isInviteToken } from './invite.ts';
import { createInvitedPassword } from './invited-password.ts';
import {
  createPassword,
  expirePassword,
  expiryReasons,
  passwordInfo,
  updateAuthenticatedPassword,
  updatePassword,
} from './password.ts';
import { passwordInfoSchema } from './password-version.ts';
import { updatedPassword, updateResponse } from './passwords-answer.ts';
import { identityIdIn, passwordValue } from './wire-schema.ts';

const nothing = z.strictObject({});
const creation = z.strictObject({
  password: passwordValue,
  credentialType: z.enum(credentialTypes).nullish(),
  identityId: identityIdIn.nullish(),
});
const update = z.strictObject({ oldPassword: passwordValue, password: passwordValue });
const authenticatedUpdate = z.strictObject({ password: passwordValue });
const expiry = z.strictObject({ reason: z.enum(expiryReasons).nullish() });

const infoResponse = z.object({ passwordInfo: passwordInfoSchema });
const common = { tag: 'Passwords', security: 'session' } as const;
const base = '/passwords/:credential_id';

export const routes = corporateRoutes([
  {
    ...common,
    path: `${base}/create`,
    operationId: 'createPassword',
    summary: 'The first password of a credential. With the token of an invitation, or as an administrator.',
    body: creation,
    responses: { 200: infoResponse },
    handle: create,
  },
  {
    ...common,
    path: `${base}/get`,
    operationId: 'getPassword',
    summary: 'Version, owner, expiry; never the password. For its credential, and for administrators.',
    body: nothing,
    optionalBody: true,
    responses: { 200: infoResponse },
    handle: show,
  },
  {
    ...common,
    path: `${base}/update`,
    operationId: 'updatePassword',
    summary: 'The next version in exchange for the present one, which can no longer log in. Other sessions end.',
    body: update,
    responses: { 200: updateResponse },
    handle: replace,
  },
  {
    ...common,
    path: `${base}/authenticated_update`,
    operationId: 'updateAuthenticatedPassword',
    summary: 'The next version without the present one, within five minutes of a login. Other sessions end.',
    body: authenticatedUpdate,
    responses: { 200: updateResponse },
    handle: replaceAuthenticated,
  },
  {
    ...common,
    path: `${base}/:version/expire`,
    operationId: 'expirePassword',
    summary:
      'Expire a version; as COMPROMISED it cannot even be updated. For its credential, within five minutes of a login, and for administrators.',
    body: expiry,
    optionalBody: true,
    responses: { 204: 'Done.' },
    handle: expire,
  },
]);

async function create(call: Call): Promise<Response> {
  const { context } = call;
  const token = presentedToken(call.request);
  const id = pathName(call, 'credential_id');
  if (isInviteToken(token)) {
    const realm = await realmOrDefault(call);
    const wanted = await readJson(call, creation);
    const caller = call.caller(credentialSubjectId(id));
    const info = await createInvitedPassword(context, realm.name, id, token, wanted, caller);
    return json(200, { passwordInfo: info });
  }
  const { realm, caller } = await authenticateAdministratorHolder(call);
  const wanted = await readJson(call, creation);
  return json(200, { passwordInfo: await createPassword(context, realm.name, id, wanted, caller) });
}

async function show(call: Call): Promise<Response> {
  const { realm, credentialId } = await ownerOrAdministrator(call);
  await readOptionalJson(call, nothing);
  return json(200, { passwordInfo: await passwordInfo(call.context, realm.name, credentialId) });
}

async function replace(call: Call): Promise<Response> {
  const { session, realm, caller } = owner(call, await authenticateSessionHolder(call, 'update-password'));
  const { oldPassword, password } = await readJson(call, update);
  const wanted = { oldPassword, password, source: call.source, deviceCookie: presentedDevice(call) };
  const updated = await updatePassword(call.context, realm, session, wanted, caller);
  return json(200, updatedPassword(updated), deviceRemembered(call, updated.logon));
}

async function replaceAuthenticated(call: Call): Promise<Response> {
  const { session, realm, caller } = owner(call, await authenticateRecentHolder(call));
  const { password } = await readJson(call, authenticatedUpdate);
  const wanted = { password, source: call.source };
  const updated = await updateAuthenticatedPassword(call.context, realm, session, wanted, caller);
  return json(200, updatedPassword(updated), deviceRemembered(call, updated.logon));
}

async function expire(call: Call): Promise<Response> {
  const { holder, realm, credentialId, caller } = await ownerOrAdministrator(call);
  requireRecent(call, holder);
  const { reason } = await readOptionalJson(call, expiry);
  await expirePassword(call.context, realm.name, credentialId, versionOf(call), reason ?? undefined, caller);
  return noContent();
}

/** Whose password it is not, does not learn whether there is one. */
function owner(call: Call, holder: SessionHolder): SessionHolder {
  if (holder.session.subject.credential.id !== pathName(call, 'credential_id')) throw new Problem('credential.unknown');
  return holder;
}

async function ownerOrAdministrator(call: Call) {
  const holder = await authenticateHolder(call);
  if (holder.kind === 'session') owner(call, holder);
  return { holder, realm: holder.realm, caller: holder.caller, credentialId: pathName(call, 'credential_id') };
}

/** A number that no version has is the number of nothing. */
function versionOf(call: Call): number {
  const text = call.params.version ?? '';
  if (!/^-?\d{1,15}$/.test(text)) {
    throw new Problem('request.invalid', 'version must be a whole number.', { pointer: 'version' });
  }
  return Number(text);
}
