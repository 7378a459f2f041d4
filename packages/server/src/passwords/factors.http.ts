import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes } from '../http/corporate.ts';
import { confirmed, confirmedResponse, goingOn, presenting, restrictionOf } from '../http/factor-answer.ts';
import {
  authenticateHolder,
  authenticateRecentHolder,
  authenticateSessionHolder,
  authenticateStrongHolder,
  requireStrong,
  type SessionHolder,
} from '../http/holder.ts';
import { loggedOn, loginResponse } from '../http/logon-answer.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json, noContent } from '../http/render.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText } from '../kernel/text.ts';
import { factorSchema, factorsOf, removeOwnFactor, resetFactor } from './factor.ts';
import { renewRecovery, verifyRecovery } from './recovery-factor.ts';
import { confirmTotp, enrolTotp, verifyTotp } from './totp-factor.ts';

const nothing = z.strictObject({});
const ofCredential = z.strictObject({ credentialId: lineOfText().nullish() });
const naming = z.strictObject({ name: lineOfText(64).nullish() });
const codeRequest = z.strictObject({ code: lineOfText(64) });

const common = { tag: 'Second factors', security: 'session' } as const;

export const routes = corporateRoutes([
  {
    ...common,
    path: '/auth/factors/get',
    operationId: 'listFactors',
    summary: 'The second factors of a credential: of the own one, or for an administrator of any.',
    body: ofCredential,
    optionalBody: true,
    responses: { 200: z.object({ factors: z.array(factorSchema) }) },
    handle: list,
  },
  {
    ...common,
    path: '/auth/factors/totp/enrol',
    operationId: 'enrolTotp',
    summary: 'The secret of an authenticator app, shown this once. It counts once it is confirmed.',
    body: naming,
    optionalBody: true,
    responses: { 200: z.object({ factorId: z.string(), secret: z.string(), uri: z.string() }) },
    handle: enrol,
  },
  {
    ...common,
    path: '/auth/factors/totp/confirm',
    operationId: 'confirmTotp',
    summary: 'Show that the authenticator app works. With the first factor come ten recovery codes, shown this once.',
    body: codeRequest,
    responses: { 200: confirmedResponse },
    handle: confirm,
  },
  {
    ...common,
    path: '/auth/factors/totp/verify',
    operationId: 'verifyTotp',
    summary: 'A code of the authenticator app: completes a login, or makes an open session a stronger one.',
    body: codeRequest,
    responses: { 200: loginResponse },
    handle: verify(verifyTotp),
  },
  {
    ...common,
    path: '/auth/factors/recovery/verify',
    operationId: 'verifyRecoveryCode',
    summary: 'A recovery code, which works once, in place of a factor that was lost.',
    body: codeRequest,
    responses: { 200: loginResponse },
    handle: verify(verifyRecovery),
  },
  {
    ...common,
    path: '/auth/factors/recovery/renew',
    operationId: 'renewRecoveryCodes',
    summary: 'Ten other recovery codes in place of those before, within five minutes of a second factor.',
    body: nothing,
    optionalBody: true,
    responses: { 200: z.object({ recoveryCodes: z.array(z.string()) }) },
    handle: renew,
  },
  {
    ...common,
    path: '/auth/factors/:factor_id/remove',
    operationId: 'removeFactor',
    summary: 'Take a factor away, within five minutes of showing one; an administrator any. Every session ends.',
    body: ofCredential,
    optionalBody: true,
    responses: { 200: z.object(goingOn), 204: 'Done, by an administrator.' },
    handle: remove,
  },
]);

async function list(call: Call): Promise<Response> {
  const holder = await authenticateHolder(call);
  const { credentialId } = await readOptionalJson(call, ofCredential);
  const id = holder.kind === 'session' ? ownId(holder, credentialId) : named(credentialId);
  return json(200, { factors: await factorsOf(call.context, holder.realm.name, id) });
}

async function enrol(call: Call): Promise<Response> {
  const holder = await authenticateRecentHolder(call, 'enrol-factor');
  const { name } = await readOptionalJson(call, naming);
  const enrolled = await enrolTotp(call.context, presenting(call, holder), name ?? 'Authenticator app');
  return json(200, enrolled);
}

async function confirm(call: Call): Promise<Response> {
  const holder = await authenticateRecentHolder(call, 'enrol-factor');
  const { code } = await readJson(call, codeRequest);
  return confirmed(call, await confirmTotp(call.context, presenting(call, holder), code));
}

function verify(rule: typeof verifyTotp) {
  return async (call: Call): Promise<Response> => {
    const holder = await authenticateSessionHolder(call, 'second-factor');
    const { code } = await readJson(call, codeRequest);
    return loggedOn(call, holder.realm, await rule(call.context, presenting(call, holder), code));
  };
}

async function renew(call: Call): Promise<Response> {
  const holder = await authenticateStrongHolder(call);
  await readOptionalJson(call, nothing);
  return json(200, { recoveryCodes: await renewRecovery(call.context, presenting(call, holder)) });
}

async function remove(call: Call): Promise<Response> {
  const holder = await authenticateHolder(call);
  const id = pathName(call, 'factor_id');
  if (holder.kind === 'administrator') {
    const { credentialId } = await readOptionalJson(call, ofCredential);
    await resetFactor(call.context, holder.realm.name, named(credentialId), id, holder.caller);
    return noContent();
  }
  requireStrong(call, holder);
  ownId(holder, (await readOptionalJson(call, ofCredential)).credentialId);
  const { token, session } = await removeOwnFactor(call.context, presenting(call, holder), id);
  return json(200, { token, ...restrictionOf(session) });
}

/** Another's does not exist for a holder. */
function ownId({ session }: SessionHolder, wanted: string | null | undefined): string {
  const own = session.subject.credential.id;
  if (wanted != null && wanted !== own) throw new Problem('credential.unknown');
  return own;
}

/** An administrator has none, and says which. */
function named(wanted: string | null | undefined): string {
  if (wanted == null)
    throw new Problem('request.invalid', 'An administrator says which credential.', { pointer: '/credentialId' });
  return wanted;
}
