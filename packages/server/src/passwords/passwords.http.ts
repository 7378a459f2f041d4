import { z } from 'zod';
import { realmOrDefault } from '../callers/corporate.ts';
import {
  type AdministratorHolder,
  authenticateAdministratorHolder,
  holder,
  ofCredential,
  presentedByHolder,
  recent,
  sessionHolder,
} from '../callers/holder.ts';
import { json } from '../http/render.ts';
import { nothing } from '../http/route.ts';
import { Problem } from '../kernel/problem.ts';
import { type Call, type CallerKind, corporate, type Route } from '../route.ts';
import { credentialTypes } from '../subject/password-config.ts';
import { credentialSubjectId } from '../subject/subject.ts';
import { deviceRemembered, presentedDevice } from './device-cookie.http.ts';
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

const creation = z.strictObject({
  password: passwordValue,
  credentialType: z.enum(credentialTypes).nullish(),
  identityId: identityIdIn.nullish(),
});
const update = z.strictObject({ oldPassword: passwordValue, password: passwordValue });
const authenticatedUpdate = z.strictObject({ password: passwordValue });
const expiry = z.strictObject({ reason: z.enum(expiryReasons).nullish() });

const infoResponse = z.object({ passwordInfo: passwordInfoSchema });
const common = { tag: 'Passwords' } as const;
const base = '/passwords/:credential_id';

/** An invited person, whose one-time token is the proof and is used up by the rule itself, or an administrator. */
const invitedOrAdministrator: CallerKind<{ readonly invitation: string } | AdministratorHolder> = {
  security: 'session',
  async authenticate(call) {
    const { token } = presentedByHolder(call);
    return isInviteToken(token) ? { invitation: token } : authenticateAdministratorHolder(call);
  },
};

export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: `${base}/create`,
    operationId: 'createPassword',
    summary: 'The first password of a credential. With the token of an invitation, or as an administrator.',
    caller: invitedOrAdministrator,
    body: creation,
    answers: { 200: infoResponse },
    async handle({ context, call, who, params: { credential_id: id }, body }) {
      if (!('invitation' in who))
        return { passwordInfo: await createPassword(context, who.realm.name, id, body, who.caller) };
      const { name } = await realmOrDefault(call);
      const caller = call.caller(credentialSubjectId(id));
      return { passwordInfo: await createInvitedPassword(context, name, id, who.invitation, body, caller) };
    },
  }),
  ...corporate({
    ...common,
    path: `${base}/get`,
    operationId: 'getPassword',
    summary: 'Version, owner, expiry; never the password. For its credential, and for administrators.',
    caller: ofCredential(holder, 'credential_id'),
    body: nothing,
    bodyOptional: true,
    answers: { 200: infoResponse },
    handle: async ({ context, who: { realm }, params: { credential_id: id } }) => ({
      passwordInfo: await passwordInfo(context, realm.name, id),
    }),
  }),
  ...corporate({
    ...common,
    path: `${base}/update`,
    operationId: 'updatePassword',
    summary: 'The next version in exchange for the present one, which can no longer log in. Other sessions end.',
    caller: ofCredential(sessionHolder('update-password'), 'credential_id'),
    body: update,
    answers: { 200: updateResponse },
    async handle({ context, call, who: { realm, session, caller }, body }) {
      const wanted = { ...body, source: call.source, deviceCookie: presentedDevice(call) };
      const updated = await updatePassword(context, realm, session, wanted, caller);
      return json(200, updatedPassword(updated), deviceRemembered(call, updated.opened));
    },
  }),
  ...corporate({
    ...common,
    path: `${base}/authenticated_update`,
    operationId: 'updateAuthenticatedPassword',
    summary: 'The next version without the present one, within five minutes of a login. Other sessions end.',
    caller: ofCredential(recent(sessionHolder()), 'credential_id'),
    body: authenticatedUpdate,
    answers: { 200: updateResponse },
    async handle({ context, call, who: { realm, session, caller }, body: { password } }) {
      const wanted = { password, source: call.source };
      const updated = await updateAuthenticatedPassword(context, realm, session, wanted, caller);
      return json(200, updatedPassword(updated), deviceRemembered(call, updated.opened));
    },
  }),
  ...corporate({
    ...common,
    path: `${base}/:version/expire`,
    rawParameters: ['version'],
    operationId: 'expirePassword',
    summary:
      'Expire a version; as COMPROMISED it cannot even be updated. For its credential, within five minutes of a login, and for administrators.',
    caller: recent(ofCredential(holder, 'credential_id')),
    body: expiry,
    bodyOptional: true,
    answers: { 204: 'Done.' },
    handle: ({ context, call, who: { realm, caller }, params: { credential_id: id }, body: { reason } }) =>
      expirePassword(context, realm.name, id, versionOf(call), reason ?? undefined, caller),
  }),
];

/** A number that is not a version gives `password.unknown` later. Other text is refused here. */
function versionOf({ params: { version: text = '' } }: Call): number {
  if (!/^-?\d{1,15}$/.test(text)) {
    throw new Problem('request.invalid', { detail: 'version must be a whole number.', pointer: 'version' });
  }
  return Number(text);
}
